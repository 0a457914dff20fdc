// SPDX-License-Identifier: Apache-2.0 OR MIT
//! A map from file names, ordered by a keyed hash.
//!
//! Comparing numbers instead of names makes a directory of hundreds of entries as cheap
//! to search as a small one. The key is random at each boot, so that nobody can choose
//! names that collide; those that do anyway take the next free numbers.

use alloc::collections::BTreeMap;
use alloc::sync::Arc;

use framework::sync::Once;

/// A map from file names to `V`.
pub struct NameMap<V> {
    slots: BTreeMap<u64, (Arc<[u8]>, V)>,
}

static SEED: Once<u64> = Once::new();

/// A multiplier whose bits are well mixed.
const MIX: u64 = 0x9e37_79b9_7f4a_7c15;

fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    (product as u64) ^ ((product >> 64) as u64)
}

fn hash(name: &[u8]) -> u64 {
    let seed = *SEED.call_once(framework::random::u64);
    let (words, rest) = name.as_chunks::<8>();
    let mut state = seed ^ fold(name.len() as u64 ^ MIX, seed | 1);
    for word in words {
        state = fold(state ^ u64::from_le_bytes(*word), MIX ^ seed.rotate_left(17));
    }
    let tail = rest.iter().rev().fold(0, |tail, byte| tail << 8 | u64::from(*byte));
    fold(state ^ tail, MIX ^ seed.rotate_left(43))
}

impl<V> NameMap<V> {
    /// An empty map.
    pub const fn new() -> Self {
        Self { slots: BTreeMap::new() }
    }

    /// How many names there are.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether there is no name.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    #[inline]
    fn find(&self, name: &[u8]) -> Option<u64> {
        let mut key = hash(name);
        while let Some((known, _)) = self.slots.get(&key) {
            if **known == *name {
                return Some(key);
            }
            key = key.wrapping_add(1);
        }
        None
    }

    /// What `name` means.
    #[inline]
    pub fn get(&self, name: &[u8]) -> Option<&V> {
        let mut key = hash(name);
        loop {
            let (known, value) = self.slots.get(&key)?;
            if **known == *name {
                return Some(value);
            }
            key = key.wrapping_add(1);
        }
    }

    /// What `name` means, to be changed.
    pub fn get_mut(&mut self, name: &[u8]) -> Option<&mut V> {
        let key = self.find(name)?;
        self.slots.get_mut(&key).map(|(_, value)| value)
    }

    /// Sets what `name` means; returns what it meant before.
    pub fn insert(&mut self, name: Arc<[u8]>, value: V) -> Option<V> {
        let key = hash(&name);
        self.insert_from(key, name, value)
    }

    fn insert_from(&mut self, key: u64, name: Arc<[u8]>, value: V) -> Option<V> {
        let mut key = key;
        while let Some((known, old)) = self.slots.get_mut(&key) {
            if **known == *name {
                return Some(core::mem::replace(old, value));
            }
            key = key.wrapping_add(1);
        }
        self.slots.insert(key, (name, value));
        None
    }

    /// Forgets `name`; returns what it meant.
    pub fn remove(&mut self, name: &[u8]) -> Option<V> {
        let mut key = self.find(name)?;
        let (_, removed) = self.slots.remove(&key)?;
        // Names that had to give way to this one move up.
        loop {
            key = key.wrapping_add(1);
            let Some((name, value)) = self.slots.remove(&key) else { return Some(removed) };
            self.insert_from(hash(&name), name, value);
        }
    }

    /// All values, in no useful order.
    pub fn values(&self) -> impl Iterator<Item = &V> {
        self.slots.values().map(|(_, value)| value)
    }

    /// All values, taken out.
    pub fn into_values(self) -> impl Iterator<Item = V> {
        self.slots.into_values().map(|(_, value)| value)
    }
}

impl<V> Default for NameMap<V> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::collections::BTreeMap;
    use std::format;
    use std::vec::Vec;

    use super::*;

    #[test]
    fn behaves_like_a_map() {
        let mut map = NameMap::new();
        let mut model = BTreeMap::new();
        let mut seed = 3_u64;
        for round in 0..20_000 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let name = format!("{}{}", "n".repeat((seed >> 60) as usize), seed >> 55);
            if seed & 0x100 == 0 {
                assert_eq!(map.remove(name.as_bytes()), model.remove(&name));
            } else {
                let old = map.insert(Arc::from(name.as_bytes()), round);
                assert_eq!(old, model.insert(name.clone(), round));
            }
            assert_eq!(map.get(name.as_bytes()), model.get(&name));
            assert_eq!(map.len(), model.len());
        }
        let mut values: Vec<_> = map.into_values().collect();
        let mut expected: Vec<_> = model.into_values().collect();
        values.sort_unstable();
        expected.sort_unstable();
        assert_eq!(values, expected);
    }

    #[test]
    fn collisions_are_survived() {
        let mut map = NameMap::new();
        let start = hash(b"a");
        // As if all of these had the hash of `a`.
        for name in ["b", "c", "d"] {
            map.insert_from(start, Arc::from(name.as_bytes()), name);
        }
        map.insert(Arc::from(&b"a"[..]), "a");
        assert_eq!(map.get(b"a"), Some(&"a"));
        assert_eq!(map.len(), 4);
        assert_eq!(map.slots.get(&start.wrapping_add(3)).map(|slot| slot.1), Some("a"));
        map.slots.remove(&start);
        map.slots.remove(&start.wrapping_add(1));
        map.slots.remove(&start.wrapping_add(2));
        assert_eq!(map.get(b"a"), None);
    }

    #[test]
    fn names_spread() {
        let keys: std::collections::BTreeSet<_> =
            (0..100_000).map(|n| hash(format!("file{n}").as_bytes())).collect();
        assert_eq!(keys.len(), 100_000);
        assert_ne!(hash(b"a"), hash(b"a\0"));
        assert_ne!(hash(b""), hash(b"\0"));
    }
}
