//! Time expressions: the meaning of names such as `@2024-06-01`, `@yesterday` or `@latest~2` for one source.
//!
//! Nothing here does I/O, reads the clock or asks for the machine's zone. `now` and the zone are arguments,
//! so every answer can be reproduced.
//!
//! - [`Timeline`]: a source's snapshots in order, their canonical names, and the look-up of any name;
//! - [`Expression`]: a parsed name, independent of the snapshots, the zone and the clock;
//! - [`Period`]: the kind of expression that names a span of time, and where that span ends.
//!
//! Most expressions follow one rule, *as of*: a name is a period, and means the last snapshot at or before
//! the period's last instant.

mod date;
mod expression;
#[cfg(test)]
mod fixtures;
mod names;
mod period;
mod timeline;

pub use expression::{Expression, IdPrefix};
pub use names::canonical_name;
pub use period::{AgoUnit, Period};
pub use timeline::{Moment, Ordinal, Timeline};
