use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lru::LruCache;

/// Capacities of the caches of a [`Reader`](crate::store::Reader), in bytes.
#[derive(Debug, Clone, Copy)]
pub struct CacheSizes {
    /// Decompressed full blocks.
    pub blocks: usize,
    /// Decompressed deltas.
    pub deltas: usize,
    /// Catalogues of packs.
    pub catalogues: usize,
    /// Decoded directory nodes and chunk lists.
    pub nodes: usize,
}

impl CacheSizes {
    /// For an import. It reads each directory of the parent snapshot once, in order, and bases of deltas near
    /// them.
    pub(in crate::store) const IMPORT: Self =
        Self { blocks: 36 << 20, deltas: 12 << 20, catalogues: 32 << 20, nodes: 8 << 20 };

    /// Capacities that add up to `total` bytes.
    pub fn of(total: usize) -> Self {
        // Chunk lists, hard links and bases have caches of their own, of 5/8 of the capacity for nodes.
        Self { blocks: total / 16 * 6, deltas: total / 16 * 3, catalogues: total / 8, nodes: total / 16 * 3 }
    }
}

impl Default for CacheSizes {
    fn default() -> Self {
        Self::of(128 << 20)
    }
}

/// Cache that drops the least recently used values. It is bounded by the sum of their weights, such as bytes.
/// Shared by threads.
pub struct WeightedCache<K, V> {
    inner: Mutex<Inner<K, V>>,
    capacity: usize,
    /// One lock a key. The thread that makes the key's value holds it.
    making: Mutex<HashMap<K, Arc<Mutex<()>>>>,
}

struct Inner<K, V> {
    values: LruCache<K, (Arc<V>, usize)>,
    weight: usize,
}

impl<K: Hash + Eq + Copy, V> WeightedCache<K, V> {
    /// An empty cache for values of this total weight.
    pub fn new(capacity: usize) -> Self {
        let inner = Inner { values: LruCache::unbounded(), weight: 0 };
        Self { inner: Mutex::new(inner), capacity, making: Mutex::default() }
    }

    /// The value of `key`, which is then the most recently used one.
    pub fn get(&self, key: &K) -> Option<Arc<V>> {
        let mut inner = lock(&self.inner);
        inner.values.get(key).map(|(value, _)| Arc::clone(value))
    }

    /// Keeps `value`. Drops the least recently used values beyond the capacity, but never this one.
    pub fn insert(&self, key: K, value: V, weight: usize) -> Arc<V> {
        let value = Arc::new(value);
        let mut inner = lock(&self.inner);
        if let Some((_, (_, old))) = inner.values.push(key, (Arc::clone(&value), weight)) {
            inner.weight -= old;
        }
        inner.weight += weight;
        while inner.weight > self.capacity && inner.values.len() > 1 {
            let Some((_, (_, freed))) = inner.values.pop_lru() else { break };
            inner.weight -= freed;
        }
        value
    }

    /// Returns the value of `key`. If it is absent, `make` returns it with its weight. Other threads that
    /// need the value wait until it is made.
    pub(in crate::store) fn get_or_make<E>(
        &self,
        key: K,
        make: impl FnOnce() -> Result<(V, usize), E>,
    ) -> Result<Arc<V>, E> {
        if let Some(value) = self.get(&key) {
            return Ok(value);
        }
        let turn = Arc::clone(lock(&self.making).entry(key).or_default());
        let value = {
            let _turn = lock(&turn);
            // Another thread may have made it meanwhile.
            match self.get(&key) {
                Some(value) => Ok(value),
                None => make().map(|(value, weight)| self.insert(key, value, weight)),
            }
        };
        let mut making = lock(&self.making);
        // The references are the map's and this one, so no other thread waits.
        if Arc::strong_count(&turn) == 2 {
            making.remove(&key);
        }
        value
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::thread;
    use std::time::Duration;

    use super::*;

    #[test]
    fn weight_is_bounded_and_the_oldest_goes_first() {
        let cache = WeightedCache::new(10);
        cache.insert(1, "one", 4);
        cache.insert(2, "two", 4);
        cache.get(&1);
        cache.insert(3, "three", 4);
        assert!(cache.get(&2).is_none());
        assert!(cache.get(&1).is_some() && cache.get(&3).is_some());
        cache.insert(1, "one again", 6);
        assert_eq!(cache.get(&1).as_deref(), Some(&"one again"));
        assert!(cache.get(&3).is_some());
        cache.insert(4, "larger than all", 50);
        assert!(cache.get(&4).is_some() && cache.get(&1).is_none());
    }

    #[test]
    fn many_who_want_a_value_make_it_once() {
        let (cache, made) = (WeightedCache::new(100), AtomicU32::new(0));
        let make = || {
            made.fetch_add(1, Ordering::Relaxed);
            thread::sleep(Duration::from_millis(20));
            Ok::<_, ()>(("value", 1))
        };
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| assert_eq!(cache.get_or_make(1, make).as_deref(), Ok(&"value")));
            }
        });
        assert_eq!(made.into_inner(), 1);
        assert_eq!(cache.get_or_make(2, || Err("not made")), Err("not made"));
        assert_eq!(cache.get_or_make(2, || Ok::<_, &str>(("later", 1))).as_deref(), Ok(&"later"));
        assert!(lock(&cache.making).is_empty());
    }
}
