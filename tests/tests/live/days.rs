//! `/@T/SOURCE` where the whole repository is mounted.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::time::Duration;

use fs_tests::needs::{self, Need};
use fs_tests::plant::file;
use fs_tests::{Mounted, Sandbox, wait_until};

#[test]
fn every_source_is_there_as_of_a_time() {
    if !needs::met(&[Need::Fuse]) {
        return;
    }
    let sandbox = Sandbox::with_repository();
    let import = |source: &str, text: &str| {
        file(sandbox.source().join("file"), text);
        sandbox.import_as(source)
    };
    let first = import("web1", "one");
    let day = first.split_once('T').expect("a time").0.to_owned();
    let mounted = Mounted::with(&sandbox, &[]);
    let wait_for = |wanted: &[&str]| {
        wait_until("the top to list it", Duration::from_secs(10), || {
            // Midnight may have passed: then there is a day more.
            let mut names = mounted.names("");
            names.retain(|name| !name.starts_with('@') || *name == day);
            (names == [&[day.as_str()], wanted].concat()).then_some(())
        });
    };
    wait_for(&["web1"]);
    let today = |source: &str| mounted.path("@latest").join(source).join("file");
    assert_eq!(mounted.names("@latest"), ["web1"]);
    assert_eq!(fs::read(today("web1")).expect("a file"), b"one");
    assert!(!today("web2").exists());
    import("web2", "two");
    wait_for(&["web1", "web2"]);
    assert_eq!(fs::read(today("web2")).expect("a file"), b"two");
    wait_until("the source in its day", Duration::from_secs(10), || {
        (mounted.names("@latest") == ["web1", "web2"]).then_some(())
    });
    import("web1", "three");
    wait_until("the snapshot in its day", Duration::from_secs(10), || {
        (fs::read(today("web1")).expect("a file") == b"three").then_some(())
    });
    assert_eq!(mounted.names(&first), ["web1"]);
    assert_eq!(fs::read(mounted.path(&first).join("web1/file")).expect("a file"), b"one");
    let ino = |path: String| fs::metadata(mounted.path(path)).expect("a file").ino();
    assert_eq!(ino(format!("{first}/web1/file")), ino(format!("web1/{first}/file")));
    assert_ne!(ino(format!("{first}/web1")), ino(format!("web1/{first}")));
    assert!(!mounted.path("@1999").exists());
    assert!(!mounted.path("web3").exists());
}
