//! All end-to-end tests, in one binary.

mod cli;
mod copy;
mod damage;
mod errors;
mod export;
mod forgotten;
mod format;
mod hostile;
mod judge;
mod layering;
mod layouts;
mod live;
mod logged;
mod model;
mod real;
mod renamed;
mod restore;
mod rsync;
mod unchanged;
mod up;
mod watch;
mod windows;
mod writers;
