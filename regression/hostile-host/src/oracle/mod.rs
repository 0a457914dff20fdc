// SPDX-License-Identifier: GPL-2.0-or-later
//! The oracles: rules that a guest must keep, watched while it runs.
