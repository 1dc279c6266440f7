use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{Backend, Object, ObjectKind, StoreError};
use crate::format::FormatError;

/// Objects in memory, for tests and experiments without a disk.
#[derive(Debug, Default)]
pub struct MemoryBackend {
    objects: Mutex<BTreeMap<Object, Vec<u8>>>,
    quarantined: Mutex<Vec<Vec<u8>>>,
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

    fn list(&self, kind: ObjectKind) -> Result<Vec<String>, StoreError> {
        let objects = self.objects();
        Ok(objects.keys().filter(|object| object.kind == kind).map(|object| object.name.clone()).collect())
    }

    fn delete(&self, object: &Object) -> Result<(), StoreError> {
        self.objects().remove(object);
        Ok(())
    }

    fn quarantine(&self, object: &Object) -> Result<String, StoreError> {
        let bytes = self.objects().remove(object).ok_or_else(|| StoreError::Missing(object.clone()))?;
        let mut quarantined = self.quarantined.lock().unwrap_or_else(PoisonError::into_inner);
        quarantined.push(bytes);
        Ok(quarantined.len().to_string())
    }

    fn sync(&self, _: ObjectKind) -> Result<(), StoreError> {
        Ok(())
    }

    fn snapshots_stamp(&self) -> Result<Option<u128>, StoreError> {
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conforms() {
        super::super::backend::tests::conforms(&MemoryBackend::default());
    }
}
