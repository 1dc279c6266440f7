use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::format::FormatError;
use crate::store::{Backend, Listed, Object, ObjectKind, Put, StoreError};

/// Objects in memory, for tests and experiments without a disk.
#[derive(Debug, Default)]
pub struct MemoryBackend {
    objects: Mutex<BTreeMap<Object, Vec<u8>>>,
}

impl MemoryBackend {
    fn objects(&self) -> MutexGuard<'_, BTreeMap<Object, Vec<u8>>> {
        self.objects.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Backend for MemoryBackend {
    fn put(&self, object: &Object, bytes: &[u8]) -> Result<(), StoreError> {
        self.objects().insert(object.clone(), bytes.to_vec());
        Ok(())
    }

    fn put_new(&self, object: &Object, bytes: &[u8]) -> Result<Put, StoreError> {
        match self.objects().entry(object.clone()) {
            Entry::Occupied(_) => Ok(Put::Exists),
            Entry::Vacant(free) => {
                free.insert(bytes.to_vec());
                Ok(Put::Stored)
            }
        }
    }

    fn get_range(&self, object: &Object, offset: u64, len: usize) -> Result<Vec<u8>, StoreError> {
        let objects = self.objects();
        let bytes = objects.get(object).ok_or_else(|| StoreError::Missing(object.clone()))?;
        usize::try_from(offset)
            .ok()
            .and_then(|offset| bytes.get(offset..offset.checked_add(len)?))
            .map(<[u8]>::to_vec)
            .ok_or_else(|| StoreError::damaged(|| object)(FormatError::Truncated("object")))
    }

    fn size(&self, object: &Object) -> Result<u64, StoreError> {
        let objects = self.objects();
        objects.get(object).map(|bytes| bytes.len() as u64).ok_or_else(|| StoreError::Missing(object.clone()))
    }

    fn list(&self, kind: ObjectKind) -> Result<Vec<Listed>, StoreError> {
        let objects = self.objects();
        let of_kind = objects.iter().filter(|(object, _)| object.kind == kind);
        let listed = of_kind
            .map(|(object, bytes)| Listed { name: object.name.clone(), size: Some(bytes.len() as u64) });
        Ok(listed.collect())
    }

    fn delete(&self, object: &Object) -> Result<(), StoreError> {
        self.objects().remove(object);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conforms() {
        crate::store::backend::tests::conforms(&MemoryBackend::default());
    }
}
