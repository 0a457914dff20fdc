// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What the numbers of an exception mean, in neutral terms.
//!
//! Spec: Intel SDM vol. 3, chapter 7; vol. 1, 8.1.3 and 10.2.3.

use crate::mm::Access;
use crate::user::x86::FXSAVE_BYTES;
use crate::user::{Accessor, Fault, FloatError, PageFault};

const WRITE: u64 = 1 << 1;
const USER: u64 = 1 << 2;
const FETCH: u64 = 1 << 4;
/// Of DR6: TF was set.
const SINGLE_STEP: u64 = 1 << 14;

/// A page fault at `addr` with this error code.
#[inline]
pub(super) fn page_fault(addr: u64, code: u64) -> PageFault {
    let access = match code {
        code if code & FETCH != 0 => Access::Exec,
        code if code & WRITE != 0 => Access::Write,
        _ => Access::Read,
    };
    let by = if code & USER != 0 { Accessor::Program } else { Accessor::Processor };
    PageFault { addr: addr as usize, access, by }
}

/// An exception with another vector. `debug` gives DR6, `fpu` the FXSAVE area of the program.
#[cold]
pub(super) fn fault(
    vector: u64,
    debug: impl FnOnce() -> u64,
    fpu: impl FnOnce() -> [u8; FXSAVE_BYTES],
) -> Fault {
    match vector {
        0 => Fault::Division,
        1 if debug() & SINGLE_STEP != 0 => Fault::SingleStep,
        // Programs get no breakpoint registers, so it was INT1.
        1 => Fault::DebugTrap,
        3 => Fault::Breakpoint,
        6 => Fault::Instruction,
        11 | 12 => Fault::Segment,
        16 => Fault::Float(x87(&fpu())),
        17 => Fault::Alignment,
        19 => Fault::Float(simd(&fpu())),
        _ => Fault::Protection,
    }
}

/// By the x87 status word, but for what the control word masks.
fn x87(fpu: &[u8; FXSAVE_BYTES]) -> FloatError {
    float_error(half(fpu, 2) & !half(fpu, 0))
}

/// By MXCSR's flags, but for what its upper bits mask.
fn simd(fpu: &[u8; FXSAVE_BYTES]) -> FloatError {
    let mxcsr = half(fpu, 24);
    float_error(mxcsr & !(mxcsr >> 7))
}

fn half(bytes: &[u8], at: usize) -> u16 {
    bytes.get(at..at + 2).and_then(|b| b.try_into().ok()).map_or(0, u16::from_le_bytes)
}

/// The first of the unmasked exceptions in `flags`.
const fn float_error(flags: u16) -> FloatError {
    match () {
        () if flags & 0x01 != 0 => FloatError::Invalid,
        () if flags & 0x04 != 0 => FloatError::DivisionByZero,
        () if flags & 0x08 != 0 => FloatError::Overflow,
        () if flags & 0x12 != 0 => FloatError::Underflow,
        () if flags & 0x20 != 0 => FloatError::Inexact,
        () => FloatError::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn no_status() -> u64 {
        0
    }

    fn no_fpu() -> [u8; FXSAVE_BYTES] {
        [0; FXSAVE_BYTES]
    }

    #[test]
    fn page_faults_tell_access_and_who() {
        let read = PageFault { addr: 5, access: Access::Read, by: Accessor::Program };
        assert_eq!(page_fault(5, 0x4), read);
        assert_eq!(page_fault(5, 0x7), PageFault { access: Access::Write, ..read });
        assert_eq!(page_fault(5, 0x15), PageFault { access: Access::Exec, ..read });
        assert_eq!(page_fault(5, 0), PageFault { by: Accessor::Processor, ..read });
    }

    #[test]
    fn float_errors_are_those_that_are_not_masked() {
        let image = |at: usize, bytes: [u8; 4]| {
            let mut image = [0; FXSAVE_BYTES];
            image[at..at + 4].copy_from_slice(&bytes);
            move || image
        };
        // FCW masks all but the division by zero; FSW has that and "inexact".
        let x87 = image(0, [0x3b, 0x03, 0x24, 0]);
        assert_eq!(fault(16, no_status, x87), Fault::Float(FloatError::DivisionByZero));
        // MXCSR: invalid is flagged and masked, overflow is flagged and not masked.
        let simd = image(24, (0x1f80_u32 & !(8 << 7) | 9).to_le_bytes());
        assert_eq!(fault(19, no_status, simd), Fault::Float(FloatError::Overflow));
        assert_eq!(fault(19, no_status, no_fpu), Fault::Float(FloatError::Unknown));
        assert_eq!(float_error(0x20), FloatError::Inexact);
        assert_eq!(float_error(0x02), FloatError::Underflow);
    }

    #[test]
    fn vectors_without_a_kind_of_their_own_are_protection() {
        for vector in [2, 4, 5, 7, 8, 9, 10, 13, 15, 18, 20, 21, 29, 31] {
            assert_eq!(fault(vector, no_status, no_fpu), Fault::Protection);
        }
        assert_eq!(fault(11, no_status, no_fpu), Fault::Segment);
        assert_eq!(fault(12, no_status, no_fpu), Fault::Segment);
    }

    #[test]
    fn debug_exceptions_are_steps_or_int1() {
        assert_eq!(fault(1, || 0xffff_4ff0, no_fpu), Fault::SingleStep);
        assert_eq!(fault(1, || 0xffff_0ff0, no_fpu), Fault::DebugTrap);
    }
}
