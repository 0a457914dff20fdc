// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Turns addresses of a stopped kernel into functions, files and lines.

use std::fmt;
use std::path::Path;

use addr2line::Loader;
use anyhow::{Result, anyhow};

use crate::control::Frame;
use crate::kernel::{PROJECT_PREFIX, SOURCE_PREFIX};

/// The symbols and line table of a kernel.
pub struct Symbols {
    loader: Loader,
}

/// A function on the stack; several stand for one address where calls were inlined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Name of the function.
    pub function: String,
    /// File and line, if known; relative to the checkout for the project's own files.
    pub line: Option<(String, u32)>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.line {
            Some((file, line)) => write!(f, "{}\n             at {file}:{line}", self.function),
            None => f.write_str(&self.function),
        }
    }
}

impl Symbols {
    /// Loads those of the ELF file `kernel`.
    pub fn load(kernel: &Path) -> Result<Self> {
        let loader = Loader::new(kernel)
            .map_err(|error| anyhow!("cannot read the symbols of {}: {error}", kernel.display()))?;
        Ok(Self { loader })
    }

    /// The functions at a return address, innermost first; empty if it is not in the kernel.
    pub fn places(&self, frame: Frame) -> Vec<Place> {
        let address = frame.address.wrapping_sub(frame.slide);
        // A return address is behind its call, perhaps in another line; the start of a function is no return address.
        let starts_function =
            self.loader.find_symbol_info(address).is_some_and(|symbol| symbol.address() == address);
        let probe = if starts_function { address } else { address.wrapping_sub(1) };
        // Functions that the linker dropped stand at address 0 in the line table.
        let Some(symbol) = self.loader.find_symbol(probe) else { return Vec::new() };
        // The symbol has the whole path; the line table has only the last name of a function.
        let outermost = strip_hash(&addr2line::demangle_auto(symbol.into(), None));
        let mut places = Vec::new();
        if let Ok(mut frames) = self.loader.find_frames(probe) {
            while let Ok(Some(frame)) = frames.next() {
                let name = frame.function.as_ref().and_then(|name| name.demangle().ok());
                let function = name.map_or_else(|| outermost.clone(), |name| strip_hash(&name));
                let line = frame.location.and_then(|at| Some((tidy(at.file?), at.line?)));
                places.push(Place { function, line });
            }
        }
        match places.last_mut() {
            Some(last) => last.function = outermost,
            None => places.push(Place { function: outermost, line: None }),
        }
        places
    }

    /// A backtrace as text, one numbered entry per function; a function that calls itself is named once.
    pub fn backtrace(&self, frames: &[Frame]) -> String {
        let mut entries: Vec<(String, usize)> = Vec::new();
        for &frame in frames {
            let places = self.places(frame);
            let texts = if places.is_empty() {
                vec![format!("{:#018x} (not in the kernel)", frame.address)]
            } else {
                places.iter().map(Place::to_string).collect()
            };
            for text in texts {
                match entries.last_mut() {
                    Some((last, times)) if *last == text => *times += 1,
                    _ => entries.push((text, 1)),
                }
            }
        }
        let mut out = String::new();
        let mut number = 0;
        for (text, times) in entries {
            out += &format!("  {number:>3}: {text}\n");
            if times > 1 {
                out += &format!("             … {times} times\n");
            }
            number += times;
        }
        out
    }
}

fn tidy(file: &str) -> String {
    match file.strip_prefix(SOURCE_PREFIX).or_else(|| file.strip_prefix(PROJECT_PREFIX)) {
        Some(relative) => relative.trim_start_matches("./").to_owned(),
        None => file.to_owned(),
    }
}

/// Takes the `::h0123456789abcdef` off a symbol of the older mangling.
fn strip_hash(name: &str) -> String {
    match name.rsplit_once("::h") {
        Some((path, hash)) if hash.len() == 16 && hash.bytes().all(|b| b.is_ascii_hexdigit()) => {
            path.to_owned()
        }
        _ => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_paths_are_tidied() {
        assert_eq!(strip_hash("a::b::h0123456789abcdef"), "a::b");
        assert_eq!(strip_hash("a::hello"), "a::hello");
        assert_eq!(tidy("/nacre/framework/src/lib.rs"), "framework/src/lib.rs");
        assert_eq!(tidy("/deps/log-0.4/src/lib.rs"), "/deps/log-0.4/src/lib.rs");
    }

    #[inline(never)]
    fn known_function(argument: u64) -> u64 {
        std::hint::black_box(argument) + 1
    }

    #[test]
    fn own_test_binary_is_symbolised() {
        let path = std::env::current_exe().unwrap();
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
        let own = maps.lines().find(|line| line.ends_with(path.to_str().unwrap())).unwrap();
        let slide = u64::from_str_radix(own.split_once('-').unwrap().0, 16).unwrap();
        let address = std::hint::black_box(known_function as fn(u64) -> u64) as usize as u64;
        let symbols = Symbols::load(&path).unwrap();
        // At its start, and behind an instruction of it.
        for address in [address, address + 2] {
            let places = symbols.places(Frame { address, slide });
            let place = places.last().unwrap();
            assert_eq!(place.function, "osdk::symbols::tests::known_function");
            assert!(place.line.as_ref().unwrap().0.ends_with("src/symbols.rs"), "{place}");
        }
        assert_eq!(symbols.places(Frame { address: 1, slide: 0 }), []);
        assert!(symbols.backtrace(&[Frame { address: 1, slide: 0 }]).contains("not in the kernel"));
    }
}
