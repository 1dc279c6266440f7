//! What trees are made of: directories, contents of files, hard links, and the stat caches of imports.

pub(super) mod content;
pub(super) mod content_walk;
pub(super) mod directory;
pub(super) mod links;
pub(super) mod stat_cache;
