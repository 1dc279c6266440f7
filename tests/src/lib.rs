//! The harness of Yester's end-to-end tests.
//!
//! The tests under `tests/` know the product only as its users do: a binary, its exit status and output, and a
//! mounted file system. This library gives them what they share:
//!
//! - [`binary`]: the `yester` under test, built once;
//! - [`Sandbox`]: a temporary folder that holds repository, source, mount point and home;
//! - [`Yester`] and [`Ran`]: one run of the command line, and what came of it;
//! - [`Mounted`]: a running `yester mount` or `yester up`, taken down whatever happens;
//! - [`needs`]: what a test wants of the machine; a test that lacks it says so and is listed as skipped;
//! - [`judge`]: rsync, which says whether two trees are one;
//! - [`Wine`]: the same command line for Windows;
//! - [`process`]: what a process has, to tell whether it grows;
//! - [`tree`]: a directory tree as the disk shows it, in every attribute, and how two of them differ.
//!
//! | variable | does |
//! |---|---|
//! | `YESTER_BIN` | names the binary to test; otherwise `cargo` builds it in the profile of the tests |
//! | `YESTER_WINDOWS` | names the folder with the binary for Windows; `scripts/windows.sh` makes it |
//! | `YESTER_TEST_CASES` | how many random histories the model test plays (6) |
//! | `YESTER_TEST_SEED` | draws the histories of an earlier run again; each run prints its seed |
//! | `YESTER_TEST_KILL_ROUNDS` | how many imports are killed at random moments (10) |
//! | `YESTER_TEST_WATCH_KILLS` | how many times `yester watch` is killed at a random moment (15) |
//! | `YESTER_TEST_WATCH_RUNS` | how many runs one `yester watch` imports while its memory is looked at (150) |
//! | `YESTER_TEST_DAMAGE` | how many times a repository is damaged at random and repaired (6) |
//! | `YESTER_TEST_HOSTILE` | how many commands meet something planted in a repository (120) |
//! | `YESTER_TEST_RACES` | how many rounds of each race between another user and root (1) |
//! | `YESTER_TEST_READ_SECONDS` | how long a mount is read beside imports, its memory and files looked at (6) |
//! | `YESTER_TEST_SKIPS` | a file that gets one line for each skipped test |
//! | `YESTER_TEST_KEEP` | set: the sandbox of a failed test is kept, and its path printed |

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
mod wine;

pub use command::{Ran, Started, Yester, wait_until};
pub use mount::Mounted;
pub use sandbox::{Sandbox, as_nobody};
pub use wine::Wine;
