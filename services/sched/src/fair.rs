// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The fair class's queue: waiting tasks by virtual run time.
//!
//! The first task stands outside the tree, so that a queue of one, which a pair
//! of tasks that wake each other has, costs no tree operation; the tree keeps a
//! sentinel, so that it holds on to its root node.

use alloc::collections::BTreeMap;
use alloc::sync::Arc;

use crate::entity::Entity;

/// Virtual run time, then task id.
pub(crate) type Key = (u64, u64);

const SENTINEL: Key = (u64::MAX, u64::MAX);

/// Tasks a search for one that may run elsewhere looks at.
const SEARCH_BUDGET: usize = 8;

/// Waiting tasks of the fair class.
pub(crate) struct FairQueue<T> {
    first: Option<(Key, Arc<T>)>,
    rest: BTreeMap<Key, Option<Arc<T>>>,
}

impl<T: Entity> FairQueue<T> {
    pub(crate) fn new() -> Self {
        Self { first: None, rest: BTreeMap::from([(SENTINEL, None)]) }
    }

    /// How many wait.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.rest.len() - 1 + usize::from(self.first.is_some())
    }

    /// The virtual run time of the first.
    #[inline]
    pub(crate) fn first_vruntime(&self) -> Option<u64> {
        self.first.as_ref().map(|((vruntime, _), _)| *vruntime)
    }

    /// Adds a task, under its virtual run time.
    #[inline]
    pub(crate) fn insert(&mut self, task: Arc<T>) {
        let key = (task.vruntime(), task.id());
        match self.first.take() {
            None => self.first = Some((key, task)),
            Some((first_key, first)) if key < first_key => {
                self.rest.insert(first_key, Some(first));
                self.first = Some((key, task));
            }
            first => {
                self.first = first;
                self.rest.insert(key, Some(task));
            }
        }
    }

    /// Takes the task with the least virtual run time.
    #[inline]
    pub(crate) fn pop(&mut self) -> Option<Arc<T>> {
        let (_, task) = self.first.take()?;
        self.refill();
        Some(task)
    }

    fn refill(&mut self) {
        if self.rest.len() > 1
            && let Some((key, Some(task))) = self.rest.pop_first()
        {
            self.first = Some((key, task));
        }
    }

    /// Takes a given task out, if it waits here.
    pub(crate) fn remove(&mut self, task: &T) -> Option<Arc<T>> {
        let key = (task.vruntime(), task.id());
        if self.first.as_ref().is_some_and(|(first, _)| *first == key) {
            return self.pop();
        }
        self.rest.remove(&key).flatten()
    }

    /// Takes a task that may run on a CPU of the mask, from the end of the queue.
    pub(crate) fn steal(&mut self, mask: u64) -> Option<Arc<T>> {
        let found = self
            .rest
            .iter()
            .rev()
            .filter_map(|(key, task)| Some((*key, task.as_ref()?)))
            .take(SEARCH_BUDGET)
            .find(|(_, task)| task.affinity() & mask != 0)
            .map(|(key, _)| key);
        if let Some(key) = found {
            return self.rest.remove(&key).flatten();
        }
        self.first.as_ref().filter(|(_, task)| task.affinity() & mask != 0)?;
        self.pop()
    }
}
