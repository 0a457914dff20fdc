// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What a dynamic program needs beside itself: its interpreter and its libraries.
//!
//! [`needs`] reads it from the ELF file; [`closure`] finds the files on this machine, where the
//! dynamic linker would look for them, and what those need in turn.
//!
//! Spec: ELF gABI, dynamic section; ld.so(8).

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

const PT_LOAD: u32 = 1;
const PT_DYNAMIC: u32 = 2;
const PT_INTERP: u32 = 3;
const DT_NEEDED: u64 = 1;
const DT_STRTAB: u64 = 5;
const DT_RPATH: u64 = 15;
const DT_RUNPATH: u64 = 29;

/// Where Debian's dynamic linker looks, after the program's own paths.
const FOLDERS: [&str; 6] = [
    "/lib/x86_64-linux-gnu",
    "/usr/lib/x86_64-linux-gnu",
    "/lib64",
    "/usr/lib64",
    "/lib",
    "/usr/lib",
];

/// What one ELF file asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// The path of the dynamic linker.
    pub interpreter: Option<String>,
    /// Names of libraries.
    pub libraries: Vec<String>,
    /// Where to look first.
    pub run_path: Vec<String>,
}

/// What a program needs, and what of it this machine has not.
#[derive(Clone, Debug, Default)]
pub struct Closure {
    /// Files by the path at which the linker looks for them.
    pub found: BTreeMap<String, PathBuf>,
    /// Names that were not found.
    pub missing: BTreeSet<String>,
}

struct Segment {
    kind: u32,
    offset: u64,
    address: u64,
    size: u64,
}

fn word<const N: usize>(bytes: &[u8], at: u64) -> Option<[u8; N]> {
    let at = usize::try_from(at).ok()?;
    bytes.get(at..at.checked_add(N)?)?.try_into().ok()
}

fn u64_at(bytes: &[u8], at: u64) -> Option<u64> {
    word(bytes, at).map(u64::from_le_bytes)
}

fn text_at(bytes: &[u8], at: u64) -> Option<String> {
    let text = bytes.get(usize::try_from(at).ok()?..)?.split(|byte| *byte == 0).next()?;
    Some(String::from_utf8_lossy(text).into_owned())
}

/// What an ELF file of this machine's kind needs; None for any other file, a default for a
/// static program.
pub fn needs(bytes: &[u8]) -> Option<Needs> {
    if !bytes.starts_with(b"\x7fELF\x02\x01") || word(bytes, 18)? != 62_u16.to_le_bytes() {
        return None;
    }
    let table = u64_at(bytes, 32)?;
    let [size, count] = [54, 56].map(|at| word(bytes, at).map(u16::from_le_bytes));
    let (size, count) = (u64::from(size?), u64::from(count?));
    let segment = |index: u64| {
        let at = table.checked_add(index.checked_mul(size)?)?;
        Some(Segment {
            kind: word(bytes, at).map(u32::from_le_bytes)?,
            offset: u64_at(bytes, at + 8)?,
            address: u64_at(bytes, at + 16)?,
            size: u64_at(bytes, at + 32)?,
        })
    };
    let segments: Vec<_> = (0..count).map_while(segment).collect();
    let mut needs = Needs::default();
    if let Some(interpreter) = segments.iter().find(|segment| segment.kind == PT_INTERP) {
        needs.interpreter = text_at(bytes, interpreter.offset);
    }
    if let Some(dynamic) = segments.iter().find(|segment| segment.kind == PT_DYNAMIC) {
        read_dynamic(bytes, dynamic, &segments, &mut needs);
    }
    Some(needs)
}

fn read_dynamic(bytes: &[u8], dynamic: &Segment, segments: &[Segment], needs: &mut Needs) {
    let entries: Vec<(u64, u64)> = (0..dynamic.size / 16)
        .map_while(|index| {
            let at = dynamic.offset.checked_add(index * 16)?;
            Some((u64_at(bytes, at)?, u64_at(bytes, at + 8)?))
        })
        .take_while(|(tag, _)| *tag != 0)
        .collect();
    let Some((_, strings)) = entries.iter().find(|(tag, _)| *tag == DT_STRTAB) else { return };
    let holds = |segment: &&Segment| {
        segment.kind == PT_LOAD && strings.wrapping_sub(segment.address) < segment.size
    };
    let Some(load) = segments.iter().find(holds) else { return };
    let strings = load.offset.saturating_add(strings - load.address);
    for (tag, value) in entries {
        let Some(text) = text_at(bytes, strings.saturating_add(value)) else { continue };
        match tag {
            DT_NEEDED => needs.libraries.push(text),
            DT_RPATH | DT_RUNPATH => needs.run_path.extend(text.split(':').map(str::to_owned)),
            _ => {}
        }
    }
}

/// The interpreter and the libraries of the ELF file at `program`, and what those need;
/// nothing for any other file.
///
/// # Errors
/// If the program or a library that was found cannot be read.
pub fn closure(program: &Path) -> Result<Closure> {
    let mut closure = Closure::default();
    let mut queue = vec![program.to_path_buf()];
    while let Some(file) = queue.pop() {
        let bytes = fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
        let Some(needs) = needs(&bytes) else { continue };
        if let Some(interpreter) = &needs.interpreter {
            note(&mut closure, interpreter, Some(interpreter.into()), &mut queue);
        }
        for library in &needs.libraries {
            let found = find(library, &needs.run_path, &file);
            note(&mut closure, library, found, &mut queue);
        }
    }
    Ok(closure)
}

fn note(closure: &mut Closure, name: &str, found: Option<PathBuf>, queue: &mut Vec<PathBuf>) {
    let Some(file) = found.filter(|file| file.is_file()) else {
        closure.missing.insert(name.to_owned());
        return;
    };
    let place = file.to_string_lossy().into_owned();
    if closure.found.insert(place, file.clone()).is_none() {
        queue.push(file);
    }
}

/// Where the dynamic linker finds a library of this name for `file`.
fn find(library: &str, run_path: &[String], file: &Path) -> Option<PathBuf> {
    if library.contains('/') {
        return Some(library.into());
    }
    let origin = file.parent().unwrap_or(Path::new("/")).to_string_lossy().into_owned();
    let own = run_path.iter().map(|path| path.replace("$ORIGIN", &origin));
    let folders = own.chain(FOLDERS.iter().map(|folder| (*folder).to_owned()));
    folders.map(|folder| Path::new(&folder).join(library)).find(|file| file.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file with an interpreter, one library and a run path, everything in one segment.
    fn program() -> Vec<u8> {
        let mut bytes = vec![0; 0x400];
        let mut put = |at: usize, data: &[u8]| bytes[at..at + data.len()].copy_from_slice(data);
        put(0, b"\x7fELF\x02\x01\x01");
        put(18, &62_u16.to_le_bytes());
        put(32, &64_u64.to_le_bytes());
        put(54, &56_u16.to_le_bytes());
        put(56, &3_u16.to_le_bytes());
        let segments =
            [(PT_LOAD, 0, 0x1000, 0x400), (PT_INTERP, 0x200, 0, 9), (PT_DYNAMIC, 0x300, 0, 80)];
        for (index, (kind, offset, address, size)) in segments.into_iter().enumerate() {
            let at = 64 + index * 56;
            put(at, &u32::to_le_bytes(kind));
            put(at + 8, &u64::to_le_bytes(offset));
            put(at + 16, &u64::to_le_bytes(address));
            put(at + 32, &u64::to_le_bytes(size));
        }
        put(0x200, b"/lib/ld.so\0");
        put(0x280, b"\0libx.so.1\0$ORIGIN/lib:/opt\0");
        let entries = [(DT_NEEDED, 1), (DT_RUNPATH, 11), (DT_STRTAB, 0x1280), (0, 0)];
        for (index, (tag, value)) in entries.into_iter().enumerate() {
            put(0x300 + index * 16, &u64::to_le_bytes(tag));
            put(0x308 + index * 16, &u64::to_le_bytes(value));
        }
        bytes
    }

    #[test]
    fn dynamic_programs_say_what_they_need() {
        let needs = needs(&program()).unwrap();
        assert_eq!(needs.interpreter.as_deref(), Some("/lib/ld.so"));
        assert_eq!(needs.libraries, ["libx.so.1"]);
        assert_eq!(needs.run_path, ["$ORIGIN/lib", "/opt"]);
    }

    #[test]
    fn other_files_need_nothing() {
        assert_eq!(needs(b"#!/bin/sh\n"), None);
        assert_eq!(needs(b"\x7fELF\x02\x01"), None);
        let mut other = program();
        other[18] = 3;
        assert_eq!(needs(&other), None);
        for cut in 0..program().len() {
            let _ = needs(&program()[..cut]);
        }
    }

    #[test]
    fn libraries_are_found_beside_the_program() {
        let folder = tempfile::tempdir().unwrap();
        let program_file = folder.path().join("prog");
        fs::write(&program_file, program()).unwrap();
        let closure = closure(&program_file).unwrap();
        assert!(closure.missing.contains("libx.so.1") && closure.missing.contains("/lib/ld.so"));
        fs::create_dir(folder.path().join("lib")).unwrap();
        let library = folder.path().join("lib/libx.so.1");
        fs::write(&library, b"no ELF").unwrap();
        let closure = super::closure(&program_file).unwrap();
        assert_eq!(closure.found.values().collect::<Vec<_>>(), [&library]);
    }
}
