//! Blobs: how they are compressed into blocks and packs, and how they are found and read again.

pub(super) mod cache;
mod compress;
pub(super) mod cutter;
mod delta;
mod packer;
pub(super) mod packs;
mod raw_block;
pub(super) mod reader;
pub(super) mod search;
mod verify;
pub(super) mod writer;
