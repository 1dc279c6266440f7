//! The platform-neutral file system that every frontend shows.

pub mod time;
