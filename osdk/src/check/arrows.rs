// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The direction of the arrows between crates: they only point down.

use crate::metadata::{Graph, Package};

/// Height of the layers; an arrow goes from a higher one to a lower one.
const FRAMEWORK: u32 = 0;
/// Linux's numbers and layouts: all but the framework may use them.
const ABI: u32 = 5;
const DRIVER_CLASS: u32 = 10;
const DRIVER_BUS: u32 = 15;
const DRIVER: u32 = 20;
const SYSCALLS: u32 = 200;
const ASSEMBLY: u32 = 300;

/// The services, as a stack; those of one height do not use one another.
const SERVICES: [(&str, u32); 16] = [
    ("cred", 101),
    ("vfs", 102),
    // Whoever has something to show registers it, so these lie below all others.
    ("fs/pseudofs", 103),
    ("fs/procfs", 104),
    ("fs/sysfs", 104),
    ("fs/configfs", 104),
    ("block", 105),
    ("mm", 105),
    ("sched", 105),
    ("task", 106),
    ("time", 107),
    ("ipc", 107),
    ("tty", 108),
    ("fs", 109),
    ("attest", 110),
    ("init", 111),
];

/// Arrows that break the order.
pub(super) fn broken(graph: &Graph) -> Vec<String> {
    let mut problems = Vec::new();
    for package in graph.packages.values().filter(|package| package.is_member) {
        let Some(height) = height(package) else {
            if !is_tool(package) {
                problems.push(format!("{}: no layer is known for this crate", package.name));
            }
            continue;
        };
        if height == ABI && package.outside.iter().any(|name| name != "bitflags") {
            problems.push(format!("{}: needs no crate from outside but bitflags", package.name));
        }
        for dep in package.deps.iter().filter_map(|id| graph.packages.get(id)) {
            if !dep.is_member {
                continue;
            }
            if let Some(reason) = objection(height, dep) {
                problems.push(format!("{} -> {}: {reason}", package.name, dep.name));
            }
        }
    }
    problems
}

fn objection(height: u32, dep: &Package) -> Option<&'static str> {
    let Some(dep_height) = self::height(dep) else {
        return Some("the kernel uses no host tool");
    };
    if (DRIVER_CLASS..=DRIVER).contains(&height) && is_service(dep_height) {
        return Some("a driver knows no service");
    }
    if dep_height >= height {
        return Some("the arrow does not point down");
    }
    if is_service(height) && matches!(dep_height, DRIVER | DRIVER_BUS) {
        return Some("a service knows drivers by their class only");
    }
    if height == SYSCALLS && matches!(dep_height, DRIVER | DRIVER_BUS) {
        return Some("the system calls use services, not drivers");
    }
    None
}

fn is_service(height: u32) -> bool {
    (100..200).contains(&height)
}

fn is_tool(package: &Package) -> bool {
    matches!(parts(package).next(), Some("osdk" | "regression" | "benchmark" | "fuzz"))
}

fn height(package: &Package) -> Option<u32> {
    let mut parts = parts(package);
    match parts.next() {
        None => Some(ASSEMBLY),
        Some("framework") => Some(FRAMEWORK),
        Some("abi") => Some(ABI),
        Some("drivers") => match parts.next()? {
            "class" => Some(DRIVER_CLASS),
            "pci" => Some(DRIVER_BUS),
            _ => Some(DRIVER),
        },
        Some("syscalls") => Some(SYSCALLS),
        Some("services") => {
            let name = parts.next()?;
            let known = |name: &str| SERVICES.iter().find(|(known, _)| name == *known);
            // A file system may have a height of its own.
            let own = parts.next().and_then(|part| known(&format!("{name}/{part}")));
            own.or_else(|| known(name)).map(|(_, height)| *height)
        }
        Some(_) => None,
    }
}

/// Folders from the top of the checkout to the crate.
fn parts(package: &Package) -> impl Iterator<Item = &str> {
    package.place.components().filter_map(|part| part.as_os_str().to_str())
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;

    fn package(name: &str, folder: &str, deps: &[&str]) -> (String, Package) {
        let package = Package {
            name: name.into(),
            version: "0".into(),
            folder: format!("/x/osdk/{folder}").into(),
            place: folder.into(),
            is_member: true,
            is_proc_macro: false,
            roots: Vec::new(),
            deps: deps.iter().map(|&dep| dep.to_owned()).collect(),
            outside: BTreeSet::new(),
        };
        (name.to_owned(), package)
    }

    fn check(list: &[(&str, &str, &[&str])]) -> Vec<String> {
        let packages: BTreeMap<_, _> =
            list.iter().map(|(name, folder, deps)| package(name, folder, deps)).collect();
        broken(&Graph { packages })
    }

    const BASE: [(&str, &str, &[&str]); 7] = [
        ("framework", "framework", &[]),
        ("abi", "abi", &["framework"]),
        ("class", "drivers/class", &["framework", "abi"]),
        ("uart", "drivers/uart", &["framework", "class", "abi"]),
        ("vfs", "services/vfs", &["framework", "abi"]),
        ("task", "services/task", &["framework", "vfs"]),
        ("osdk", "osdk", &[]),
    ];

    fn with(extra: (&'static str, &'static str, &'static [&'static str])) -> Vec<String> {
        let mut list = BASE.to_vec();
        list.push(extra);
        check(&list)
    }

    #[test]
    fn a_sound_stack_passes() {
        assert!(check(&BASE).is_empty());
        assert!(with(("tmpfs", "services/fs/tmpfs", &["vfs", "task", "class"])).is_empty());
        assert!(with(("nacre", "", &["uart", "task", "framework"])).is_empty());
    }

    #[test]
    fn abi_is_at_the_bottom_and_drivers_know_no_service() {
        for (name, place, dep) in [
            ("class2", "drivers/class", "vfs"),
            ("net", "drivers/net", "task"),
            ("pci", "drivers/pci", "vfs"),
        ] {
            let mut list = BASE.to_vec();
            let deps = [dep];
            list.push((name, place, &deps));
            let problems = check(&list);
            assert_eq!(problems, [format!("{name} -> {dep}: a driver knows no service")]);
        }
        for dep in ["class", "vfs"] {
            let deps = ["framework", dep];
            let mut list = BASE.to_vec();
            list.retain(|(name, ..)| *name != "abi");
            list.push(("abi", "abi", &deps));
            assert_eq!(check(&list), [format!("abi -> {dep}: the arrow does not point down")]);
        }
        let mut list = BASE.to_vec();
        list.retain(|(name, ..)| *name != "framework");
        list.push(("framework", "framework", &["abi"]));
        assert_eq!(check(&list).len(), 1);
        let (id, mut abi) = package("abi", "abi", &[]);
        abi.outside.extend(["bitflags".to_owned(), "log".to_owned()]);
        assert_eq!(broken(&Graph { packages: [(id, abi)].into() }).len(), 1);
    }

    #[test]
    fn arrows_up_sideways_and_to_drivers_are_named() {
        assert_eq!(with(("mm", "services/mm", &["task"])).len(), 1);
        assert_eq!(with(("tty", "services/tty", &["uart"])).len(), 1);
        assert_eq!(with(("syscalls", "syscalls", &["uart", "task"])).len(), 1);
        assert_eq!(with(("ipc", "services/ipc", &["osdk"])).len(), 1);
        assert_eq!(with(("odd", "services/odd", &[])).len(), 1);
        let mut list = BASE.to_vec();
        list.push(("tmpfs", "services/fs/tmpfs", &["vfs"]));
        list.push(("devfs", "services/fs/devfs", &["tmpfs"]));
        assert_eq!(check(&list).len(), 1);
        list.push(("procfs", "services/fs/procfs", &["vfs"]));
        list.push(("mm", "services/mm", &["procfs"]));
        assert_eq!(check(&list).len(), 1);
    }
}
