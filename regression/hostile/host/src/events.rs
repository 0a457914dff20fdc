// SPDX-License-Identifier: GPL-2.0-or-later
//! The events file: one JSON object a line, written at once; counters at the end.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use serde_json::{Value, json};

/// Events and counters of a run.
pub struct Events {
    file: Mutex<Option<File>>,
    counters: Mutex<Counters>,
    user: AtomicBool,
}

#[derive(Default)]
struct Counters {
    now: BTreeMap<String, u64>,
    /// What they were when the first user program ran.
    at_user: Option<BTreeMap<String, u64>>,
}

impl Events {
    /// Opens the file; without one, events go nowhere.
    ///
    /// # Errors
    /// The file cannot be made.
    pub fn open(path: Option<&Path>) -> Result<Self, String> {
        let file = match path {
            Some(path) => {
                Some(File::create(path).map_err(|error| format!("{}: {error}", path.display()))?)
            }
            None => None,
        };
        Ok(Self {
            file: Mutex::new(file),
            counters: Mutex::default(),
            user: AtomicBool::new(false),
        })
    }

    /// Writes one event, an object with a member `event`.
    pub fn write(&self, event: &Value) {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(file) = file.as_mut() {
            // One write call a line; a full disk is the reader's trouble.
            let _ = file.write_all(format!("{event}\n").as_bytes());
        }
    }

    /// Counts one thing of this kind.
    pub fn count(&self, kind: &str) {
        let mut counters = self.counters.lock().unwrap_or_else(PoisonError::into_inner);
        match counters.now.get_mut(kind) {
            Some(count) => *count += 1,
            None => {
                counters.now.insert(kind.to_owned(), 1);
            }
        }
    }

    /// What was counted so far.
    pub fn so_far(&self) -> BTreeMap<String, u64> {
        self.counters.lock().unwrap_or_else(PoisonError::into_inner).now.clone()
    }

    /// Whether a user program has run.
    pub fn has_user(&self) -> bool {
        self.user.load(Ordering::Relaxed)
    }

    /// The first system call of the first user program.
    pub fn first_user(&self) {
        if self.user.swap(true, Ordering::Relaxed) {
            return;
        }
        let counts = {
            let mut counters = self.counters.lock().unwrap_or_else(PoisonError::into_inner);
            counters.at_user = Some(counters.now.clone());
            counters.now.clone()
        };
        self.write(&json!({"event": "first_user", "counts": counts}));
    }

    /// The counters, as the last event of a run.
    pub fn counts(&self) {
        let counters = self.counters.lock().unwrap_or_else(PoisonError::into_inner);
        let event = json!({"event": "counts", "boot": counters.at_user, "total": counters.now});
        drop(counters);
        self.write(&event);
    }
}
