// SPDX-License-Identifier: Apache-2.0 OR MIT
//! In-guest unit tests: registered by a macro, run by `cargo osdk test`.
//!
//! [`kernel_test!`](crate::kernel_test) keeps the crate under test free of
//! `unsafe`: what placing a test in the linker section needs comes from here.

/// A test that runs inside the guest.
#[repr(C)]
pub struct KernelTest {
    /// Its path, `crate::module::name`.
    pub name: &'static str,
    /// Returns when the test passed; panics otherwise.
    pub run: fn() -> Result<(), &'static str>,
}

/// Registers in-guest tests: functions that return `Result<(), &'static str>`.
///
/// ```ignore
/// framework::kernel_test! {
///     fn adds() { framework::check!(1 + 1 == 2) }
/// }
/// ```
#[macro_export]
macro_rules! kernel_test {
    ($($(#[$meta:meta])* fn $name:ident() $body:block)+) => {$(
        #[cfg(all(target_os = "none", feature = "ktest"))]
        const _: () = {
            fn $name() -> ::core::result::Result<(), &'static str> {
                $body
                #[allow(unreachable_code)]
                Ok(())
            }
            #[used]
            #[unsafe(link_section = ".ktests")]
            static TEST: $crate::test::KernelTest = $crate::test::KernelTest {
                name: concat!(module_path!(), "::", stringify!($name)),
                run: $name,
            };
        };
    )+};
}

/// In a [`kernel_test!`]: fails the test unless the condition holds.
#[macro_export]
macro_rules! check {
    ($condition:expr) => {
        if !$condition {
            return Err(concat!(file!(), ":", line!(), ": ", stringify!($condition)));
        }
    };
}

/// Starts a task that runs every registered test, tells the host, and powers off.
#[cfg(all(target_os = "none", feature = "ktest"))]
pub fn start() {
    let run = || {
        let passed = crate::arch::run_kernel_tests();
        crate::power::off(u8::from(!passed))
    };
    if crate::task::TaskBuilder::new("tests", run).spawn().is_err() {
        crate::fatal("no memory for the test task");
    }
}
