//! Keeps the layers apart: who may name whom, checked in the syntax trees of the sources.
//!
//! A path is followed wherever it is written: in `use` trees, types, expressions and, token by token, in macros.

mod checker;
mod dependencies;
mod read;
mod sizes;
mod tests;

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use checker::check_layers;
use dependencies::{check_dependencies, member_packages};
use read::Crate;
use sizes::check_size;

/// Each module of fs-core's root, and what it may name beside itself.
const LAYERS: [(&str, &[&str]); 13] = [
    ("clock", &[]),
    ("monitor", &[]),
    ("windows", &[]),
    ("format", &["monitor"]),
    ("store", &["clock", "monitor", "format"]),
    ("import", &["clock", "monitor", "windows", "format", "store"]),
    ("view", &["clock", "monitor", "windows", "format", "store"]),
    ("maintain", &["clock", "monitor", "format", "store"]),
    ("restore", &["clock", "monitor", "windows", "format", "store", "import", "view"]),
    ("export", &["clock", "monitor", "windows", "format", "store", "import", "view"]),
    ("watch", &["clock", "monitor", "format", "store", "import", "view", "service"]),
    ("service", &["clock", "monitor", "windows", "format", "store", "import", "view", "maintain"]),
    ("testing", &["clock", "monitor", "format", "store", "import", "view", "maintain", "service"]),
];

/// The module that only tests may name.
const TESTING: &str = "testing";

/// Crates that fs-core's product code must not name: frontends, and what serves a terminal or a home directory.
const FOREIGN: [&str; 9] =
    ["fuse_linux", "winfsp_windows", "fuser", "winfsp", "clap", "anyhow", "indicatif", "dirs", "home"];

#[test]
fn fs_core_keeps_its_layers() {
    let core = Crate::read("fs-core");
    assert_none(core.files.iter().flat_map(check_layers).chain(core.violations));
}

#[test]
fn files_stay_small() {
    for name in ["fs-core", "fuse-linux", "winfsp-windows", "cli"] {
        let read = Crate::read(name);
        assert_none(read.files.iter().filter_map(check_size).chain(read.violations));
    }
}

#[test]
fn frontends_depend_on_fs_core_only() {
    let ours = member_packages();
    assert!(ours.contains("fs-core"), "members of the workspace: {ours:?}");
    let manifest = |package| fs::read_to_string(root().join(package).join("Cargo.toml")).expect("a manifest");
    assert_none(check_dependencies("fs-core", &manifest("fs-core"), &ours, &[], &FOREIGN));
    for frontend in ["fuse-linux", "winfsp-windows"] {
        assert_none(check_dependencies(frontend, &manifest(frontend), &ours, &["fs-core"], &[]));
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace's folder").to_owned()
}

fn assert_none(violations: impl IntoIterator<Item = Violation>) {
    let lines: BTreeSet<String> = violations.into_iter().map(|violation| violation.to_string()).collect();
    assert!(lines.is_empty(), "\n{}\n", Vec::from_iter(lines).join("\n"));
}

struct Violation {
    file: String,
    line: usize,
    what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.what)
    }
}
