// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Copying an address space for fork.

use alloc::sync::Arc;
use core::sync::atomic::Ordering::Relaxed;

use framework::mm::Sharing;

use crate::Result;
use crate::area::{Area, Backing};
use crate::area_map::AreaMap;
use crate::flags::AreaFlags;
use crate::space::AddressSpace;

impl AddressSpace {
    /// A copy for a child: private pages are shared copy-on-write, areas marked
    /// `MADV_DONTFORK` are left out, those marked `MADV_WIPEONFORK` are empty.
    /// Memory locks are not inherited.
    ///
    /// # Errors
    /// `ENOMEM` without memory for the tables.
    pub fn fork(&self) -> Result<Arc<Self>> {
        // Writing: no fault may add a private page while tables are copied.
        let inner = self.write();
        let mut areas = AreaMap::default();
        for area in inner.areas.iter() {
            if !area.flags.contains(AreaFlags::DONTFORK) {
                let mut copy = area.part(area.range());
                copy.flags -= AreaFlags::LOCKED;
                areas.insert_unmerged(copy)?;
            }
        }
        let child = Self::from_inner(inner.child(areas))?;
        child.set_dumpable(self.dumpable() as u8);
        child.set_huge_pages_off(self.huge_pages_off());
        for area in inner.areas.iter() {
            if let Some(sharing) = copied_pages(area) {
                self.vm.fork_range(&child.vm, area.range(), sharing)?;
            }
        }
        Ok(child)
    }
}

/// Whether a child needs the pages of `area` copied; what the child can fault in
/// again from an object is not worth it.
fn copied_pages(area: &Area) -> Option<Sharing> {
    if area.flags.intersects(AreaFlags::DONTFORK | AreaFlags::WIPEONFORK) {
        return None;
    }
    match &area.backing {
        // What only has the common zero frame counts as nothing.
        Backing::Anonymous | Backing::File { .. } if area.is_private() => {
            area.has_private.load(Relaxed).then_some(Sharing::Private)
        }
        Backing::Anonymous | Backing::File { .. } | Backing::Shared { .. } => None,
    }
}
