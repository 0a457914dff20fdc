// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The targets: one for each parser of host input.

mod archive;
mod boot;
mod device;

/// A parser to be fuzzed.
pub(crate) struct Target {
    /// Its name; also that of its folder of the corpus.
    pub(crate) name: &'static str,
    /// What it parses.
    pub(crate) about: &'static str,
    /// Takes any bytes, must not panic, and returns a number that tells outcomes apart.
    pub(crate) run: fn(&[u8]) -> u64,
    /// Good inputs to begin with.
    pub(crate) seeds: fn() -> Vec<Vec<u8>>,
    /// The longest input.
    pub(crate) max_len: usize,
}

/// All targets.
pub(crate) static TARGETS: &[Target] = &[
    Target {
        name: "memory-map",
        about: "the memory map of the boot loader",
        run: framework::fuzz::memory_map,
        seeds: boot::memory_maps,
        max_len: 24 * 140,
    },
    Target {
        name: "boot-info",
        about: "the PVH start info, with all that it leads to",
        run: framework::fuzz::boot_info,
        seeds: boot::start_infos,
        max_len: 2048,
    },
    Target {
        name: "command-line",
        about: "the kernel command line",
        run: framework::fuzz::command_line,
        seeds: boot::command_lines,
        max_len: 512,
    },
    Target {
        name: "acpi",
        about: "ACPI tables: RSDP, RSDT and XSDT, MADT, MCFG, CCEL",
        run: framework::fuzz::acpi_tables,
        seeds: boot::acpi_tables,
        max_len: 2048,
    },
    Target {
        name: "event-log",
        about: "the firmware's event log, table CCEL",
        run: framework::fuzz::event_log,
        seeds: boot::event_logs,
        max_len: 2048,
    },
    Target {
        name: "ve-info",
        about: "what is made of a virtualization exception of a program",
        run: framework::fuzz::user_exception,
        seeds: boot::user_exceptions,
        max_len: 20,
    },
    Target {
        name: "quote",
        about: "the buffer in which the host returns a quote, changed between two reads",
        run: framework::fuzz::quote_buffer,
        seeds: boot::quotes,
        max_len: 512,
    },
    Target {
        name: "pci",
        about: "PCI configuration words: headers, BARs, capabilities, MSI-X",
        run: pci::fuzz::config,
        seeds: device::config_words,
        max_len: 512,
    },
    Target {
        name: "virtio",
        about: "virtio's capabilities, queue sizes and ring entries",
        run: virtio::fuzz::wire,
        seeds: device::config_words,
        max_len: 512,
    },
    Target {
        name: "partitions",
        about: "partition tables: MBR and GPT",
        run: block::fuzz::partitions,
        seeds: device::disks,
        max_len: 4096,
    },
    Target {
        name: "cpio",
        about: "the initramfs: cpio archives, plain or gzip",
        run: archive::unpack,
        seeds: archive::seeds,
        max_len: 4096,
    },
    Target {
        name: "virtio-ring",
        about: "a used ring that the device fills as it likes",
        run: virtio::fuzz::ring,
        seeds: device::rings,
        max_len: 256,
    },
    Target {
        name: "virtio-disk",
        about: "a disk whose registers answer anything",
        run: virtio::fuzz::disk,
        seeds: device::registers,
        max_len: 256,
    },
];
