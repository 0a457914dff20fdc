// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The initramfs of `cargo osdk run`: Debian's unmodified busybox and the few files a shell wants, or a project's programs.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::cpio::Archive;
use crate::libraries;
use crate::workspace::{KERNEL_TARGET, Workspace};

/// Where Debian's busybox-static puts its program.
pub const BUSYBOX: &str = "/bin/busybox";

const INIT: &str = include_str!("init.sh");
const PROFILE: &str = "export PS1='nacre:\\w# '\n";
const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\n\
    daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin\n\
    nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n\
    user:x:1000:1000:user:/home/user:/bin/sh\n";
const GROUP: &str = "root:x:0:\ndaemon:x:1:\ntty:x:5:\nnogroup:x:65534:\nuser:x:1000:\n";

/// A file or folder of the host that goes into the guest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Addition {
    /// Path on the host.
    pub from: PathBuf,
    /// Path in the guest.
    pub to: String,
}

impl std::str::FromStr for Addition {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let (from, to) = match text.split_once(':') {
            Some((from, to)) => (from, to.to_owned()),
            None => {
                let name = Path::new(text).file_name().context("a path without a name")?;
                (text, format!("/{}", name.to_string_lossy()))
            }
        };
        ensure!(to.starts_with('/'), "the guest's path must start with /: {to}");
        Ok(Self { from: from.into(), to })
    }
}

/// The archive of a project: its own programs, or busybox.
pub fn of(workspace: &Workspace) -> Result<Archive> {
    if workspace.programs().is_empty() {
        return base();
    }
    let mut archive = Archive::new();
    for (to, from) in workspace.programs() {
        let from = if from.extension().is_some_and(|extension| extension == "rs") {
            build_program(workspace, from)?
        } else {
            from.clone()
        };
        add(&mut archive, &Addition { from, to: to.clone() })?;
    }
    Ok(archive)
}

/// Builds a program of one file without std into a static ELF file.
fn build_program(workspace: &Workspace, source: &Path) -> Result<PathBuf> {
    let folder = workspace.target_dir().join("osdk/programs");
    fs::create_dir_all(&folder)?;
    let name = source.file_stem().context("a program without a name")?;
    let program = folder.join(name);
    let status = workspace
        .rustc()
        .args(["--edition", "2024", "--crate-type", "bin", "--target", KERNEL_TARGET])
        .args(["-Copt-level=2", "-Crelocation-model=static", "-Cstrip=symbols"])
        .arg("-o")
        .args([&program, source])
        .status()
        .context("cannot start rustc")?;
    ensure!(status.success(), "{} did not build", source.display());
    Ok(program)
}

/// The base archive; more can be added before it is finished.
pub fn base() -> Result<Archive> {
    base_with_init(INIT.as_bytes())
}

/// The base archive with another first program.
pub fn base_with_init(init: &[u8]) -> Result<Archive> {
    let mut archive = Archive::new();
    for dir in ["bin", "dev", "etc", "home", "proc", "sbin", "sys", "usr/bin", "usr/sbin"] {
        archive.dir(dir, 0o755)?;
    }
    for (dir, mode) in [("root", 0o700), ("run", 0o755), ("tmp", 0o1777), ("var/tmp", 0o1777)] {
        archive.dir(dir, mode)?;
    }
    // For a kernel that opens the console before it mounts devices.
    archive.char_device("dev/console", 0o600, 5, 1)?;
    archive.char_device("dev/null", 0o666, 1, 3)?;
    archive.file("init", 0o755, init)?;
    archive.file("etc/passwd", 0o644, PASSWD.as_bytes())?;
    archive.file("etc/group", 0o644, GROUP.as_bytes())?;
    archive.file("etc/profile", 0o644, PROFILE.as_bytes())?;
    archive.file("etc/hostname", 0o644, b"nacre\n")?;
    let busybox = fs::read(BUSYBOX).with_context(|| {
        format!("cannot read {BUSYBOX} (package busybox-static); run: make setup")
    })?;
    archive.file("bin/busybox", 0o755, &busybox)?;
    for applet in applets()? {
        if applet != "bin/busybox" {
            archive.symlink(&applet, "/bin/busybox")?;
        }
    }
    Ok(archive)
}

/// Adds a file, a symbolic link or a folder with all in it.
pub fn add(archive: &mut Archive, addition: &Addition) -> Result<()> {
    let Addition { from, to } = addition;
    let meta =
        fs::symlink_metadata(from).with_context(|| format!("cannot add {}", from.display()))?;
    let mode = meta.permissions().mode() & 0o7777;
    if meta.is_dir() {
        if !to.trim_matches('/').is_empty() {
            archive.dir(to, mode)?;
        }
        let mut names: Vec<_> =
            from.read_dir()?.map(|entry| entry.map(|e| e.file_name())).collect::<Result<_, _>>()?;
        names.sort();
        for name in names {
            let to = format!("{}/{}", to.trim_end_matches('/'), name.to_string_lossy());
            add(archive, &Addition { from: from.join(name), to })?;
        }
    } else if meta.is_symlink() {
        archive.symlink(to, &fs::read_link(from)?.to_string_lossy())?;
    } else if meta.is_file() {
        archive.file(to, mode, &fs::read(from)?)?;
    } else {
        bail!("{} is neither a file nor a folder", from.display());
    }
    Ok(())
}

/// Adds what added dynamic programs need, or says on stderr what that would be: a program
/// whose interpreter is missing does not start, and the shell calls it "not found".
pub fn add_libraries(archive: &mut Archive, additions: &[Addition], adds: bool) -> Result<()> {
    let mut have = BTreeSet::new();
    for addition in additions {
        // Folders may bring their own libraries.
        if addition.from.is_file() {
            have.insert(addition.to.clone());
        }
    }
    for addition in additions.iter().filter(|addition| addition.from.is_file()) {
        let libraries::Closure { mut found, missing } = libraries::closure(&addition.from)?;
        found.retain(|place, _| !have.contains(place));
        let name = addition.from.display();
        if !missing.is_empty() {
            let missing = Vec::from_iter(missing).join(", ");
            eprintln!("{name} is dynamic, and this machine has not all it needs: {missing}");
        }
        if !adds && !found.is_empty() {
            let needed = Vec::from_iter(found.into_keys()).join(", ");
            eprintln!("{name} is dynamic and needs {needed}: --add-libs brings them");
            continue;
        }
        for (to, from) in found {
            let mode = fs::metadata(&from)?.permissions().mode() & 0o7777;
            archive.file(&to, mode, &fs::read(&from)?)?;
            have.insert(to);
        }
    }
    Ok(())
}

/// Paths of busybox's applets, without the leading slash.
fn applets() -> Result<Vec<String>> {
    let output = Command::new(BUSYBOX).arg("--list-full").output().context(BUSYBOX)?;
    ensure!(output.status.success(), "{BUSYBOX} --list-full failed");
    let names = String::from_utf8(output.stdout)?;
    Ok(names.lines().map(|name| name.trim_matches('/').to_owned()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn additions_are_parsed() {
        let parsed: Addition = "/x/prog:/bin/prog".parse().unwrap();
        assert_eq!(parsed, Addition { from: "/x/prog".into(), to: "/bin/prog".into() });
        let parsed: Addition = "dir/prog".parse().unwrap();
        assert_eq!(parsed.to, "/prog");
        assert!("a:b".parse::<Addition>().is_err());
    }

    #[test]
    fn folders_are_added_in_order() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("sub")).unwrap();
        fs::write(folder.path().join("sub/b"), b"B").unwrap();
        fs::write(folder.path().join("a"), b"A").unwrap();
        std::os::unix::fs::symlink("a", folder.path().join("link")).unwrap();
        let mut archive = Archive::new();
        let to = "/opt".to_owned();
        add(&mut archive, &Addition { from: folder.path().into(), to }).unwrap();
        let bytes = archive.finish().unwrap();
        let text = String::from_utf8_lossy(&bytes);
        let at = |name: &str| text.find(name).unwrap();
        assert!(at("opt/a\0") < at("opt/link\0") && at("opt/link\0") < at("opt/sub/b\0"));
    }
}
