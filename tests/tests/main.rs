//! All end-to-end tests, in one binary.

mod cli;
mod errors;
mod forgotten;
mod judge;
mod layering;
mod live;
mod model;
mod real;
mod up;
