//! The log: numbered records, each of one change of the repository's meaning.

mod fields;
mod label;
mod operation;
mod record;
mod state;

pub use label::Label;
pub use operation::Operation;
pub use record::{Author, Record};
pub use state::{LogState, LoggedSnapshot};
