// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The real-time classes' queue: by priority, then by arrival.

use alloc::collections::BTreeMap;
use alloc::sync::Arc;

use crate::entity::Entity;

/// Where among its equals a task is put.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// It was preempted: runs again before its equals.
    Front,
    /// It is new, or its turn is over.
    Back,
}

/// Waiting real-time tasks. Empty in most systems, so nothing is prepared.
pub(crate) struct RealtimeQueue<T> {
    /// Under the distance to the highest priority, then the position.
    tasks: BTreeMap<(u8, i64), Arc<T>>,
    front: i64,
    back: i64,
}

impl<T: Entity> RealtimeQueue<T> {
    pub(crate) const fn new() -> Self {
        Self { tasks: BTreeMap::new(), front: 0, back: 0 }
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.tasks.len()
    }

    /// The highest priority that waits.
    #[inline]
    pub(crate) fn highest(&self) -> Option<u8> {
        if self.tasks.is_empty() {
            return None;
        }
        self.tasks.first_key_value().map(|((distance, _), _)| u8::MAX - distance)
    }

    pub(crate) fn insert(&mut self, task: Arc<T>, place: Place) {
        let position = match place {
            Place::Front => {
                self.front -= 1;
                self.front
            }
            Place::Back => {
                self.back += 1;
                self.back
            }
        };
        self.tasks.insert((u8::MAX - task.params().priority, position), task);
    }

    #[inline]
    pub(crate) fn pop(&mut self) -> Option<Arc<T>> {
        if self.tasks.is_empty() {
            return None;
        }
        self.tasks.pop_first().map(|(_, task)| task)
    }

    /// Takes a given task out, if it waits here.
    pub(crate) fn remove(&mut self, task: &T) -> Option<Arc<T>> {
        let key = self.tasks.iter().find(|(_, t)| t.id() == task.id()).map(|(key, _)| *key)?;
        self.tasks.remove(&key)
    }

    /// Takes the highest task that may run on a CPU of the mask.
    pub(crate) fn steal(&mut self, mask: u64) -> Option<Arc<T>> {
        let key = self.tasks.iter().find(|(_, t)| t.affinity() & mask != 0).map(|(key, _)| *key)?;
        self.tasks.remove(&key)
    }
}
