//! The number that the log had reached. It shows that the newest records are missing.

use redb::{ReadableTable, WriteTransaction};

use super::super::StoreError;
use super::{Index, META, failed};

/// The key in the table of properties. Its value is the number, little-endian, and zeros.
const LOG: &str = "log";

impl Index {
    /// The highest number that the log is known to have reached; 0 if none is known.
    pub(in crate::store) fn log_number(&self) -> Result<u64, StoreError> {
        self.fence(|| {
            let value = self.tables()?.meta.get_owned(LOG).map_err(failed(&self.path))?;
            Ok(value.map_or(0, |value| number(value.value())))
        })
    }

    /// Notes a number that the log has reached.
    pub(in crate::store) fn note_log(&self, number: u64) -> Result<(), StoreError> {
        self.change(|transaction| self.note_log_in(transaction, number))
    }

    pub(super) fn note_log_in(&self, transaction: &WriteTransaction, reached: u64) -> Result<(), StoreError> {
        let mut meta = transaction.open_table(META).map_err(failed(&self.path))?;
        let known = meta.get(LOG).map_err(failed(&self.path))?.map_or(0, |value| number(value.value()));
        if reached > known {
            let mut value = [0; 16];
            value[..8].copy_from_slice(&reached.to_le_bytes());
            meta.insert(LOG, value).map_err(failed(&self.path))?;
        }
        Ok(())
    }
}

fn number(value: [u8; 16]) -> u64 {
    let (number, _) = value.split_at(8);
    u64::from_le_bytes(std::array::from_fn(|at| number[at]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::RepositoryId;

    #[test]
    fn the_highest_number_is_kept() {
        let index = Index::in_memory(RepositoryId([1; 16])).unwrap();
        assert_eq!(index.log_number().unwrap(), 0);
        for (reached, known) in [(7, 7), (5, 7), (u64::MAX, u64::MAX)] {
            index.note_log(reached).unwrap();
            assert_eq!(index.log_number().unwrap(), known);
        }
    }
}
