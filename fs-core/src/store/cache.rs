use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

use lru::LruCache;

/// Least-recently-used values, bounded by the sum of their weights in bytes. Shared by threads.
pub(super) struct WeightedCache<K, V> {
    inner: Mutex<Inner<K, V>>,
    capacity: usize,
}

struct Inner<K, V> {
    values: LruCache<K, (Arc<V>, usize)>,
    weight: usize,
}

impl<K: Hash + Eq, V> WeightedCache<K, V> {
    pub(super) fn new(capacity: usize) -> Self {
        Self { inner: Mutex::new(Inner { values: LruCache::unbounded(), weight: 0 }), capacity }
    }

    pub(super) fn get(&self, key: &K) -> Option<Arc<V>> {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.values.get(key).map(|(value, _)| Arc::clone(value))
    }

    /// Keeps `value`, letting go of the least recently used ones beyond the capacity; but always keeps this one.
    pub(super) fn insert(&self, key: K, value: V, weight: usize) -> Arc<V> {
        let value = Arc::new(value);
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
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
}

#[cfg(test)]
mod tests {
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
}
