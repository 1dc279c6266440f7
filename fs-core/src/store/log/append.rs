//! Appends to the log, beside any other writers (section 4 of `docs/log/protocol.md`).

use std::sync::{Arc, PoisonError};

use super::Log;
use super::checkpoint::{write, write_if_due};
use super::load::{advance, load, read};
use super::refused::Refused;
use crate::format::limits::MAX_RECORD;
use crate::format::log::{Author, LogState, Operation, Record};
use crate::format::{RecordHash, Time, TransactionId};
use crate::platform;
use crate::store::backend::Put;
use crate::store::random::{new_salt, random};
use crate::store::{Object, ObjectKind, StoreError};

/// Maximum number of attempts while it is unknown whether the record was written.
const TRIES: u32 = 10;

impl Log {
    /// Publishes a change. `change` makes it of the present state, and is called again if another writer was
    /// faster. `made` is the record's time. Returns the state after the change.
    ///
    /// # Errors
    /// Those of `change`; [`StoreError::Refused`] if the change is not allowed. [`StoreError::Unanswered`] if it
    /// is unknown whether the change was published. After any other error it was not.
    pub(crate) fn publish<E: From<StoreError>>(
        &self,
        made: Time,
        mut change: impl FnMut(&LogState) -> Result<Operation, E>,
    ) -> Result<Arc<LogState>, E> {
        let mut held = self.held();
        loop {
            advance(&*self.backend, &self.keys, &mut held)?;
            let operation = change(&held)?;
            held.check(&operation).map_err(StoreError::from)?;
            let record = Record {
                number: held.number + 1,
                before: held.hash,
                transaction: TransactionId(random()?),
                last_prune: held.last_prune,
                made,
                author: Author::new(&platform::host(), &platform::user()),
                operation,
            };
            if self.append(&record)? {
                // Read back, as everybody else reads it.
                let read = advance(&*self.backend, &self.keys, &mut held);
                read.map_err(|error| StoreError::Unanswered(Box::new(error)))?;
                write_if_due(&*self.backend, &self.keys, &held);
                return Ok(Arc::clone(&held));
            }
        }
    }

    /// Publishes a reset to the state that `change` makes of the present one. If the log is damaged, the present
    /// state is what could be read of it, and missing numbers are first filled with void records, so that no
    /// late writer wins them. The caller must hold the lock. Returns the number of the record.
    pub(crate) fn reset(
        &self,
        made: Time,
        change: impl FnOnce(LogState) -> LogState,
    ) -> Result<u64, StoreError> {
        let doubtful = self.lost();
        let lost: Vec<u64> =
            doubtful.iter().flat_map(|doubtful| &doubtful.lost).map(|(lost, _)| *lost).collect();
        for number in &lost {
            let object = Object::record(*number);
            if matches!(self.backend.size(&object), Err(StoreError::Missing(_))) {
                self.append(&self.record(*number, made, Operation::Void)?)?;
            }
        }
        let state = match &doubtful {
            Some(doubtful) => doubtful.state.clone(),
            None => LogState::clone(&*self.refresh()?),
        };
        let number = state.number + 1;
        let operation = Operation::Reset { state: Box::new(change(state)), lost };
        if !self.append(&self.record(number, made, operation)?)? {
            return Err(StoreError::Unanswered(Box::new(StoreError::MissingRecord(number))));
        }
        let state = load(&*self.backend, &self.keys, number)?;
        write(&*self.backend, &self.keys, &state)?;
        *self.held() = Arc::new(state);
        *self.doubtful.lock().unwrap_or_else(PoisonError::into_inner) = None;
        Ok(number)
    }

    /// A record with this number. It names whatever is stored as the record before.
    fn record(&self, number: u64, made: Time, operation: Operation) -> Result<Record, StoreError> {
        let before = match self.backend.get(&Object::record(number - 1), MAX_RECORD) {
            Ok(bytes) => self.keys.record_hash(&bytes),
            Err(error) if error.is_loss() => RecordHash::default(),
            Err(error) => return Err(error),
        };
        Ok(Record {
            number,
            before,
            transaction: TransactionId(random()?),
            last_prune: 0,
            made,
            author: Author::new(&platform::host(), &platform::user()),
            operation,
        })
    }

    /// Writes a record on its number. Returns false if another writer has taken the number.
    fn append(&self, record: &Record) -> Result<bool, StoreError> {
        // Otherwise a power loss could remove the record before this one.
        self.backend.sync(ObjectKind::Record)?;
        let bytes = record.seal(&self.keys, new_salt()?);
        let object = Object::record(record.number);
        // A record that nobody can read would block the log.
        Record::open(&self.keys, record.number, bytes.clone()).map_err(StoreError::damaged(|| &object))?;
        let mut unanswered = None;
        for _ in 0..TRIES {
            match self.backend.put_new(&object, &bytes)? {
                Put::Stored => return Ok(true),
                // It may be this one, of an earlier attempt.
                Put::Exists => {
                    let (there, _) = read(&*self.backend, &self.keys, record.number)?;
                    return Ok(there.transaction == record.transaction);
                }
                Put::Unknown(error) => unanswered = Some(error),
            }
        }
        Err(unanswered.map_or(StoreError::WriterStopped, |error| StoreError::Unanswered(Box::new(error))))
    }
}

impl From<Refused> for StoreError {
    fn from(refused: Refused) -> Self {
        StoreError::Refused(refused)
    }
}
