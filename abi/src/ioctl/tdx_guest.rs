// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The control of /dev/tdx_guest.
//!
//! Spec: Documentation/virt/coco/tdx-guest.rst of Linux.

use super::iowr;

/// Bytes that the caller has signed into a report.
pub const REPORTDATA_LEN: usize = 64;
/// Bytes of a report.
pub const TDREPORT_LEN: usize = 1024;

framework::pod_struct! {
    /// `struct tdx_report_req` (linux/tdx-guest.h).
    #[derive(Debug)]
    pub struct TdxReportReq {
        /// In: what the report is to contain.
        pub report_data: [u8; REPORTDATA_LEN],
        /// Out: the report.
        pub td_report: [u8; TDREPORT_LEN],
    }
}

const _: () = assert!(size_of::<TdxReportReq>() == 1088);

/// A report of this machine.
pub const TDX_CMD_GET_REPORT0: u32 = iowr::<TdxReportReq>(b'T', 1);
