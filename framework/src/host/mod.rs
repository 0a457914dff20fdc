// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The boundary to the host.
