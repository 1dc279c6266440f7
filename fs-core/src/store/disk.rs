//! The file of the index.

use std::fs;
use std::io;
use std::path::Path;

use redb::{Builder, Database, DatabaseError};

#[cfg(all(test, unix))]
use crate::testing::{Operation, note, recorded_database};

pub(super) fn remove(path: &Path) -> io::Result<()> {
    fs::remove_file(path)?;
    #[cfg(all(test, unix))]
    note(path, Operation::Remove);
    Ok(())
}

/// Opens or makes the database in a file, to write to it.
pub(super) fn database(builder: &Builder, path: &Path) -> Result<Database, DatabaseError> {
    #[cfg(all(test, unix))]
    if let Some(file) = recorded_database(path)? {
        return builder.create_with_backend(file);
    }
    builder.create(path)
}
