// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Simulated machines under the policy.
