// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Where inputs are: the corpus in the source tree, crashes in the target folder.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// The folder of a target's corpus.
fn folder(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target)
}

/// The inputs of a target, in the order of their names.
pub(crate) fn load(target: &str) -> Result<Vec<Vec<u8>>> {
    let folder = folder(target);
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let mut files: Vec<_> =
        folder.read_dir()?.map(|entry| entry.map(|e| e.path())).collect::<Result<_, _>>()?;
    files.sort();
    files.iter().map(|file| fs::read(file).context("cannot read the corpus")).collect()
}

/// Adds an input to a target's corpus.
pub(crate) fn keep(target: &str, input: &[u8]) -> Result<()> {
    save(&folder(target), &format!("{:016x}", hash(input)), input).map(drop)
}

/// Writes an input that made a target fail, and says where.
pub(crate) fn save_crash(target: &str, input: &[u8]) -> Result<PathBuf> {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("no parent")?;
    save(&top.join("target/fuzz"), &format!("{target}-{:016x}", hash(input)), input)
}

/// The command that runs an input once.
pub(crate) fn repro_command(target: &str, file: &Path) -> String {
    format!("cargo run -p fuzz -- repro {target} {}", file.display())
}

fn save(folder: &Path, name: &str, input: &[u8]) -> Result<PathBuf> {
    fs::create_dir_all(folder)?;
    let file = folder.join(name);
    fs::write(&file, input).with_context(|| format!("cannot write {}", file.display()))?;
    Ok(file)
}

/// FNV-1a.
pub(crate) fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
