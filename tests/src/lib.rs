//! The harness of Yester's end-to-end tests.
//!
//! The tests under `tests/` know the product only as its users do: a binary, its exit status and output, and
//! a mounted file system. This library gives them their common parts:
//!
//! - [`binary`]: the `yester` under test, built once;
//! - [`Sandbox`]: a temporary folder that holds repository, source, mount point and home;
//! - [`Yester`] and [`Ran`]: one run of the command line, and its result;
//! - [`Mounted`]: a running `yester mount` or `yester up`, always unmounted at the end;
//! - [`needs`]: the requirements of a test; a test that lacks one is reported as skipped;
//! - [`wait`]: waiting for events;
//! - [`judge`]: compares two trees with rsync;
//! - [`Wine`]: the same command line for Windows;
//! - [`process`]: the resources of a process, to see whether they grow;
//! - [`tree`]: a directory tree on disk with every attribute, and the differences between two trees.
//!
//! | variable | meaning |
//! |---|---|
//! | `YESTER_BIN` | the binary to test; otherwise `cargo` builds it in the profile of the tests |
//! | `YESTER_WINDOWS` | the folder with the binary for Windows; `scripts/windows.sh` makes it |
//! | `YESTER_TEST_CASES` | number of random histories of the model test (6) |
//! | `YESTER_TEST_SEED` | repeats the histories of an earlier run; each run prints its seed |
//! | `YESTER_TEST_KILL_ROUNDS` | number of imports killed at random moments (10) |
//! | `YESTER_TEST_WATCH_KILLS` | number of times that `yester watch` is killed at a random moment (15) |
//! | `YESTER_TEST_WATCH_RUNS` | number of runs that one `yester watch` imports in the memory test (150) |
//! | `YESTER_TEST_DAMAGE` | number of times a repository is damaged at random and repaired (6) |
//! | `YESTER_TEST_HOSTILE` | number of commands run on a repository with a planted object (120) |
//! | `YESTER_TEST_RACES` | number of rounds of each race between another user and root (1) |
//! | `YESTER_TEST_READ_SECONDS` | seconds of mount reads beside imports in the test of memory and files (6) |
//! | `YESTER_TEST_SKIPS` | a file that gets one line for each skipped test |
//! | `YESTER_TEST_KEEP` | if set, the sandbox of a failed test is kept, and its path printed |

pub mod binary;
mod command;
pub mod judge;
mod mount;
pub mod mountinfo;
pub mod needs;
pub mod plant;
pub mod process;
mod sandbox;
mod terminal;
pub mod tree;
pub mod wait;
mod wine;

pub use command::{Ran, Started, Yester};
pub use mount::Mounted;
pub use sandbox::{Sandbox, as_nobody};
pub use wait::wait_until;
pub use wine::Wine;
