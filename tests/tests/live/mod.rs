//! The mount while it lives: new snapshots, time expressions, permissions, and that nothing can be written.

mod appear;
mod beside;
mod changes;
mod closed;
mod copied;
mod days;
mod expressions;
mod inodes;
mod lifetime;
mod load;
mod parents;
mod permissions;
mod read_only;
mod reads;
mod refusals;
mod semantics;
mod stale;
mod survives;
mod versions;
