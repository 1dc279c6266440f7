//! The `yester` binary under test.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// Path of the binary: `YESTER_BIN` if set. Otherwise it is built once for this test process, in the profile
/// of the tests.
pub fn path() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| match env::var_os("YESTER_BIN") {
        Some(named) => std::path::absolute(named).expect("YESTER_BIN as an absolute path"),
        None => build(),
    })
}

/// Whether the binary is a release build. The time limits of the requirements apply only to one.
pub fn is_release() -> bool {
    path().parent().and_then(Path::file_name).is_some_and(|folder| folder == "release")
}

fn build() -> PathBuf {
    // The test binary lies in TARGET/PROFILE/deps, and the product beside `deps`.
    let tests = env::current_exe().expect("the test binary's own path");
    let profile_folder = tests.ancestors().nth(2).expect("a folder above deps");
    let target = profile_folder.parent().expect("the target folder");
    let profile = match profile_folder.file_name().and_then(|name| name.to_str()) {
        Some("debug") | None => "dev",
        Some(name) => name,
    };
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        // All of the workspace, so that cargo chooses the features of `cargo build --workspace`.
        .args(["build", "--quiet", "--workspace", "--bin", "yester", "--profile", profile])
        .arg("--target-dir")
        .arg(target)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status()
        .expect("cargo can be run");
    assert!(status.success(), "cargo could not build yester");
    profile_folder.join("yester")
}
