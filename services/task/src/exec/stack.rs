// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The stack that a program starts with: argc, argv, envp and the auxiliary vector.
//!
//! From the stack pointer up: argc, argument pointers, a zero, environment
//! pointers, a zero, the auxiliary vector, padding, platform name and random
//! bytes, then the strings, the program's file name and a zero word at the top.
//!
//! Spec: System V ABI for x86-64, 3.4.1; getauxval(3).

use alloc::vec::Vec;
use core::ops::Range;

use super::strings::Strings;
use abi::auxv::{
    AT_BASE, AT_CLKTCK, AT_EGID, AT_ENTRY, AT_EUID, AT_EXECFN, AT_FLAGS, AT_GID, AT_HWCAP,
    AT_HWCAP2, AT_MINSIGSTKSZ, AT_NULL, AT_PAGESZ, AT_PHDR, AT_PHENT, AT_PHNUM, AT_PLATFORM,
    AT_RANDOM, AT_SECURE, AT_UID,
};
use abi::elf::Phdr;
use abi::time::USER_HZ;
use abi::{Result, error};

/// What the auxiliary vector tells.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct AuxInput {
    pub(crate) phdr: u64,
    pub(crate) phnum: u64,
    pub(crate) base: u64,
    pub(crate) entry: u64,
    pub(crate) uid: u32,
    pub(crate) euid: u32,
    pub(crate) gid: u32,
    pub(crate) egid: u32,
    pub(crate) is_secure: bool,
    pub(crate) hwcap: u64,
    pub(crate) hwcap2: u64,
    pub(crate) min_stack: u64,
}

/// The finished plan: what to write where.
#[derive(Debug)]
pub(crate) struct Plan {
    /// The stack pointer at the start, 16-byte aligned.
    pub(crate) sp: usize,
    /// What goes from `sp` to the start of the strings.
    pub(crate) image: Vec<u8>,
    pub(crate) args: Range<usize>,
    pub(crate) env: Range<usize>,
    /// The file name's address.
    pub(crate) name: usize,
    pub(crate) auxv: Vec<u64>,
}

const PLATFORM: &[u8] = b"x86_64\0";
const RANDOM_LEN: usize = 16;
const WORD: usize = 8;

fn auxv(input: &AuxInput, platform: usize, random: usize, name: usize) -> [(u64, u64); 20] {
    [
        (AT_MINSIGSTKSZ, input.min_stack),
        (AT_HWCAP, input.hwcap),
        (AT_PAGESZ, 4096),
        (AT_CLKTCK, USER_HZ),
        (AT_PHDR, input.phdr),
        (AT_PHENT, size_of::<Phdr>() as u64),
        (AT_PHNUM, input.phnum),
        (AT_BASE, input.base),
        (AT_FLAGS, 0),
        (AT_ENTRY, input.entry),
        (AT_UID, input.uid.into()),
        (AT_EUID, input.euid.into()),
        (AT_GID, input.gid.into()),
        (AT_EGID, input.egid.into()),
        (AT_SECURE, input.is_secure.into()),
        (AT_RANDOM, random as u64),
        (AT_HWCAP2, input.hwcap2),
        (AT_EXECFN, name as u64),
        (AT_PLATFORM, platform as u64),
        (AT_NULL, 0),
    ]
}

/// How many bytes from the top of the stack a program of these strings needs.
pub(crate) fn size(argv: &Strings, envp: &Strings, name: &[u8]) -> usize {
    let strings = argv.len() + envp.len() + name.len() + 1 + WORD;
    let pointers = (argv.count + envp.count + 3) * WORD;
    // The vector, platform, random bytes, alignment and the random gap.
    strings + pointers + 20 * 2 * WORD + PLATFORM.len() + RANDOM_LEN + 64 + MAX_GAP
}

/// The most that the stack pointer moves by chance within its page and beyond.
pub(crate) const MAX_GAP: usize = 8192;

/// Plans the stack below `top`. `gap` (below [`MAX_GAP`]) moves the stack pointer.
pub(crate) fn plan(
    top: usize,
    gap: usize,
    argv: &Strings,
    envp: &Strings,
    name: &[u8],
    random: &[u8; RANDOM_LEN],
    input: &AuxInput,
) -> Result<Plan> {
    let too_big = || error!(E2BIG, "arguments do not fit the stack");
    let below = |at: usize, len: usize| at.checked_sub(len).ok_or(too_big());
    let name_at = below(top, WORD + name.len() + 1)?;
    let env_at = below(name_at, envp.len())?;
    let args_at = below(env_at, argv.len())?;

    let gap_end = below(args_at, gap % MAX_GAP)? & !15;
    let platform = below(gap_end, PLATFORM.len())?;
    let random_at = below(platform, RANDOM_LEN)? & !15;
    let vector = auxv(input, platform, random_at, name_at);
    let words = 1 + argv.count + 1 + envp.count + 1 + vector.len() * 2;
    let sp = below(random_at, words * WORD)? & !15;

    let mut image = Vec::new();
    let len = args_at - sp;
    image.try_reserve_exact(len).map_err(|_| error!(ENOMEM))?;
    let mut put = |word: u64| image.extend_from_slice(&word.to_le_bytes());
    put(argv.count as u64);
    for (strings, start) in [(argv, args_at), (envp, env_at)] {
        let mut at = start;
        for string in strings.iter() {
            put(at as u64);
            at += string.len() + 1;
        }
        put(0);
    }
    for (kind, value) in vector {
        put(kind);
        put(value);
    }
    image.resize(random_at - sp, 0);
    image.extend_from_slice(random);
    image.resize(platform - sp, 0);
    image.extend_from_slice(PLATFORM);
    image.resize(len, 0);

    let auxv = vector.iter().flat_map(|(kind, value)| [*kind, *value]).collect();
    Ok(Plan { sp, image, args: args_at..env_at, env: env_at..name_at, name: name_at, auxv })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word(plan: &Plan, at: usize) -> u64 {
        let start = at - plan.sp;
        u64::from_le_bytes(plan.image[start..start + 8].try_into().unwrap())
    }

    #[test]
    fn vectors_point_at_the_strings() {
        let argv = Strings::from_slices(&[b"prog", b"-x"]).unwrap();
        let envp = Strings::from_slices(&[b"A=1", b"", b"B=2"]).unwrap();
        for gap in [0, 1, 16, 4097, 8191] {
            let input = AuxInput { entry: 0x1234, ..Default::default() };
            let plan =
                plan(0x7000_0000, gap, &argv, &envp, b"/bin/prog", &[7; 16], &input).unwrap();
            assert_eq!(plan.sp % 16, 0);
            assert_eq!(word(&plan, plan.sp), 2);
            assert_eq!(word(&plan, plan.sp + 8) as usize, plan.args.start);
            assert_eq!(word(&plan, plan.sp + 16) as usize, plan.args.start + 5);
            assert_eq!(word(&plan, plan.sp + 24), 0);
            assert_eq!(word(&plan, plan.sp + 32) as usize, plan.env.start);
            assert_eq!(word(&plan, plan.sp + 40) as usize, plan.env.start + 4);
            assert_eq!(word(&plan, plan.sp + 56), 0);
            assert_eq!(plan.sp + plan.image.len(), plan.args.start);
            assert_eq!(plan.name + b"/bin/prog".len() + 1 + 8, 0x7000_0000);
            let entry = plan.auxv.chunks(2).find(|p| p[0] == AT_ENTRY).unwrap();
            assert_eq!(entry[1], 0x1234);
            let random = plan.auxv.chunks(2).find(|p| p[0] == AT_RANDOM).unwrap()[1] as usize;
            assert_eq!(plan.image[random - plan.sp..][..16], [7; 16]);
            assert_eq!(plan.auxv.last_chunk::<2>(), Some(&[0, 0]));
            assert!(0x7000_0000 - plan.sp <= size(&argv, &envp, b"/bin/prog"));
        }
    }

    #[test]
    fn no_room_is_an_error() {
        let big = Strings::from_slices(&[&[b'a'; 4999]]).unwrap();
        let none = Strings::default();
        assert!(plan(4096, 0, &big, &none, b"x", &[0; 16], &AuxInput::default()).is_err());
    }
}
