// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Stops on purpose: `nacre.test_stop=` lets tests look at how the kernel dies.

use core::hint::black_box;

/// Stops the kernel in the way that the switch names; an unknown one is refused
/// with a stop, too, so that no test passes by a typing error.
#[inline(never)]
pub(crate) fn stop(kind: &str) -> ! {
    match kind {
        "panic" => panic_now(black_box(3)),
        "overflow" => {
            log::error!("recursed {} times without a stop", recurse(u64::MAX));
            framework::fatal("the kernel stack has no end")
        }
        "fatal" => framework::fatal("asked for by nacre.test_stop"),
        _ => framework::fatal("nacre.test_stop names no kind of stop"),
    }
}

#[inline(never)]
#[expect(clippy::panic, reason = "the test of panics")]
fn panic_now(number: u32) -> ! {
    panic!("asked for by nacre.test_stop ({number})")
}

/// Uses up the kernel stack; each frame takes half a kilobyte.
#[inline(never)]
fn recurse(depth: u64) -> u64 {
    let frame = black_box([depth; 64]);
    if depth == 0 {
        return 0;
    }
    let below = recurse(depth - 1);
    below.wrapping_add(frame.first().copied().unwrap_or(1))
}
