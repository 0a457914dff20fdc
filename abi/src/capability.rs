// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Capabilities as capget and capset pass them.
//!
//! Spec: capget(2), capabilities(7).

/// 32 capabilities in one block of data.
pub const VERSION_1: u32 = 0x1998_0330;
/// 64 in two; the first try at it.
pub const VERSION_2: u32 = 0x2007_1026;
/// 64 in two.
pub const VERSION_3: u32 = 0x2008_0522;

framework::pod_struct! {
    /// `struct __user_cap_header_struct` (`man 2 capget`).
    #[derive(Debug, Default)]
    pub struct CapHeader {
        /// Layout of the data.
        pub version: u32,
        /// Whose capabilities; zero: one's own.
        pub pid: i32,
    }

    /// Two of `struct __user_cap_data_struct` (`man 2 capget`): low and high half of each set.
    #[derive(Debug, Default)]
    pub struct CapData {
        /// Low halves: effective, permitted, inheritable.
        pub low: [u32; 3],
        /// High halves: effective, permitted, inheritable.
        pub high: [u32; 3],
    }
}

const _: () = assert!(size_of::<CapHeader>() == 8);
const _: () = assert!(size_of::<CapData>() == 24);
