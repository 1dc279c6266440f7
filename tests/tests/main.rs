//! All end-to-end tests, in one binary.

mod forgotten;
mod model;
