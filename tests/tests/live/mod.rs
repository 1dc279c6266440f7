//! The mount while it lives: new snapshots, time expressions, permissions, and that nothing can be written.

mod appear;
mod copied;
mod expressions;
mod inodes;
mod lifetime;
mod permissions;
mod read_only;
mod reads;
mod semantics;
mod stale;
mod survives;
