// SPDX-License-Identifier: GPL-2.0-or-later
//! The instruction layer in QEMU: `guest/insn.c` checks each frame of more than 100,000 injections on every CPU. At its end it
//! runs code in shared memory, which the oracle must see.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The QEMU that the set-up unpacked, or the one that the environment names.
fn qemu() -> Option<PathBuf> {
    if let Some(path) = std::env::var_os("NACRE_QEMU") {
        return Some(path.into());
    }
    let toolchain = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../.toolchain");
    let mut found: Vec<_> = toolchain
        .read_dir()
        .ok()?
        .flatten()
        .map(|entry| entry.path().join("qemu-system-x86_64"))
        .filter(|path| path.is_file())
        .collect();
    found.sort();
    found.pop()
}

/// The plugin, built with this test.
fn plugin() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let folder = test.parent().unwrap();
    let found = [folder, folder.parent().unwrap()].map(|dir| dir.join("libhostile_host.so"));
    found.into_iter().find(|path| path.is_file()).expect("the plugin is built")
}

fn build(folder: &Path) -> PathBuf {
    let kernel = folder.join("insn.elf");
    let guest = Path::new(env!("CARGO_MANIFEST_DIR")).join("guest");
    let status = Command::new("gcc")
        .args(["-O2", "-ffreestanding", "-mgeneral-regs-only", "-mno-red-zone", "-nostdlib"])
        .args(["-fno-stack-protector", "-fno-pic", "-no-pie", "-static", "-w", "-z", "noexecstack"])
        .arg(format!("-Wl,-T,{}", guest.join("guest.ld").display()))
        .args(["-Wl,--build-id=none", "-Wl,--no-warn-rwx-segments", "-o"])
        .arg(&kernel)
        .args([guest.join("start.S"), guest.join("insn.c")])
        .status()
        .expect("gcc is there");
    assert!(status.success());
    kernel
}

fn run(qemu: &Path, folder: &Path, kernel: &Path, cpus: u32) {
    let (ram, said, events) = (folder.join("ram"), folder.join("said"), folder.join("events"));
    let argument = |path: &Path, name: &str| format!(",{name}={}", path.display());
    let memory = |id: &str| {
        format!("memory-backend-file,id={id},size=256M,share=on,mem-path={}", ram.display())
    };
    let status = Command::new("timeout")
        .arg("60")
        .arg(qemu)
        .args(["-nodefaults", "-no-user-config", "-no-reboot", "-display", "none", "-nic", "none"])
        .args(["-M", "q35,memory-backend=ram", "-bios", "qboot.rom"])
        .args(["-m", "256M,slots=2,maxmem=255T"])
        .args(["-object", &memory("ram"), "-object", &memory("alias")])
        .args(["-device", "pc-dimm,memdev=alias,addr=0x800000000000"])
        .args(["-accel", "tcg,thread=multi", "-smp", &cpus.to_string()])
        .args(["-cpu", "max,phys-bits=52,vendor=GenuineIntel"])
        .args(["-chardev", &format!("file,id=said,path={}", said.display())])
        .args(["-device", "isa-debugcon,iobase=0xe9,chardev=said"])
        .args(["-device", "isa-debug-exit,iobase=0xf4,iosize=4", "-kernel"])
        .arg(kernel)
        .arg("-plugin")
        .arg(
            plugin().display().to_string()
                + &argument(kernel, "kernel")
                + &argument(&events, "events"),
        )
        .status()
        .expect("QEMU starts");
    let said = std::fs::read_to_string(said).unwrap_or_default();
    assert_eq!((status.code(), said.as_str()), (Some(33), "good\n"), "{cpus} CPUs");
    assert_fetches(&std::fs::read_to_string(events).unwrap());
}

/// Two fetches from shared memory were seen, of the same page: at its alias, and at its private address.
fn assert_fetches(events: &str) {
    let events =
        events.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let seen: Vec<_> = events
        .filter(|event| event["kind"] == "shared_fetch")
        .map(|event| [&event["pc"], &event["gpa"]].map(|text| text.as_str().unwrap().to_owned()))
        .collect();
    let [[alias, gpa], [private, same]] = &seen[..] else { panic!("{seen:?}") };
    assert!(gpa == same && private == gpa, "{seen:?}");
    let alias = u64::from_str_radix(alias.trim_start_matches("0x"), 16).unwrap();
    assert_eq!(format!("{:#x}", alias ^ 1 << 39), *gpa);
}

#[test]
fn frames_and_flags_are_exact() {
    let Some(qemu) = qemu() else {
        println!("skipped: no QEMU 11.1 in .toolchain (make setup gets it)");
        return;
    };
    let folder = std::env::temp_dir().join(format!("nacre-insn-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let kernel = build(&folder);
    for cpus in [1, 2] {
        run(&qemu, &folder, &kernel, cpus);
    }
    std::fs::remove_dir_all(&folder).unwrap();
}
