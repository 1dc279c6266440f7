//! The main job in one command: `yester up SOURCE MOUNTPOINT`.

use std::fs;
use std::process::Stdio;
use std::time::{Duration, Instant};

use fs_tests::judge::same;
use fs_tests::needs::{self, Need};
use fs_tests::plant::{file, small};
use fs_tests::tree::{assert_same, scan};
use fs_tests::wait::stays;
use fs_tests::{Mounted, Sandbox, binary, mountinfo, wait_until};
use rustix::pipe::{PipeFlags, fcntl_setpipe_size};
use rustix::process::Signal;

use crate::layouts::live;
use crate::layouts::rsnapshot::Rsnapshot;

/// The first snapshot in a mount.
fn wait_for_history(mounted: &Mounted) {
    wait_until("the first snapshot", Duration::from_secs(120), || {
        fs::read_dir(mounted.path("@latest")).is_ok().then_some(())
    });
}

#[test]
fn from_nothing_to_a_browsable_history() {
    if !needs::met(&[Need::Fuse]) {
        return;
    }
    let sandbox = Sandbox::new();
    small(&sandbox.source());
    let point = sandbox.path("made/by/up");
    let up = sandbox.yester(["up"]).args([&sandbox.source(), &point]);
    let mounted = Mounted::start(&up, &point);
    wait_for_history(&mounted);
    assert_same("the first snapshot", &scan(&sandbox.source()), &scan(&mounted.path("@latest")));

    mounted.stop(Signal::INT).ok();
    assert!(mountinfo::at(&point).is_none(), "Ctrl-C did not unmount");
    assert!(!sandbox.path("made").exists(), "what was made for the mount is left behind");

    // The next `up` goes on with the same history.
    let first = sandbox.yester(["--json", "snapshots"]).run().ok().json()["name"]
        .as_str()
        .expect("a name")
        .to_owned();
    file(sandbox.source().join("new"), "new");
    let mounted = Mounted::start(&up, &point);
    wait_until("the second snapshot", Duration::from_secs(120), || {
        mounted.path("@latest/new").exists().then_some(())
    });
    assert!(mounted.path(&first).join("hello.txt").is_file());
    assert!(!mounted.path(&first).join("new").exists());
    mounted.stop(Signal::TERM).ok();
    assert!(mountinfo::at(&point).is_none(), "SIGTERM did not unmount");
}

#[test]
fn ten_thousand_files_within_five_seconds() {
    if !needs::met(&[Need::Fuse]) {
        return;
    }
    let sandbox = Sandbox::new();
    for number in 0..10_000_u32 {
        let content = format!("file {number}\n").repeat(usize::try_from(number % 400).expect("small"));
        file(sandbox.source().join(format!("{}/{}/{number}.txt", number % 10, number % 97)), content);
    }
    let point = sandbox.path("history");
    let begin = Instant::now();
    let mounted = Mounted::start(&sandbox.yester(["up"]).args([&sandbox.source(), &point]), &point);
    wait_for_history(&mounted);
    let took = begin.elapsed();
    eprintln!("10,000 files were visible after {} ms", took.as_millis());
    assert_same("the snapshot", &scan(&sandbox.source()), &scan(&mounted.path("@latest")));
    // The promise is that of a release build.
    let limit = Duration::from_secs(if binary::is_release() { 5 } else { 20 });
    assert!(took < limit, "visible only after {took:?}");
    mounted.stop(Signal::INT).ok();
}

#[test]
fn ctrl_c_during_the_first_import() {
    if !needs::met(&[Need::Fuse]) {
        return;
    }
    let sandbox = Sandbox::new();
    fs_tests::plant::many(&sandbox.source(), 4000, 50_000);
    let point = sandbox.mnt();
    let up = sandbox.yester(["up"]).args([&sandbox.source(), &point]);
    let mounted = Mounted::start(&up, &point);
    let ended = mounted.stop(Signal::INT);
    assert!(matches!(ended.code(), Some(0 | 130)), "{ended}");
    assert!(mountinfo::at(&point).is_none(), "Ctrl-C did not unmount");
    let mounted = Mounted::start(&up, &point);
    wait_for_history(&mounted);
    assert_same("the snapshot", &scan(&sandbox.source()), &scan(&mounted.path("@latest")));
    mounted.stop(Signal::INT).ok();
}

/// `cargo run --release -- up . ~/history`, on a fresh machine: no repository named, relative paths.
#[test]
fn the_readme_s_command() {
    if !needs::met(&[Need::Fuse]) {
        return;
    }
    let sandbox = Sandbox::new();
    small(&sandbox.source());
    let point = sandbox.path("home/history");
    let up = sandbox.bare_yester(["up", ".", "../home/history"]).folder(sandbox.source());
    let mounted = Mounted::start(&up, &point);
    wait_for_history(&mounted);
    assert_eq!(fs::read(mounted.path("@latest/hello.txt")).expect("a file"), b"hello\n");
    let listed = sandbox.bare_yester(["--json", "snapshots"]).run().ok().json();
    assert_eq!(listed["source"], "source", "the source is named after its folder: {listed}");
    assert!(sandbox.path("home/data/yester/repository").is_dir());
    mounted.stop(Signal::INT).ok();
}

#[test]
fn an_import_of_another_process_appears_in_it() {
    if !needs::met(&[Need::Fuse]) {
        return;
    }
    let sandbox = Sandbox::new();
    small(&sandbox.source());
    let point = sandbox.mnt();
    let mounted = Mounted::start(&sandbox.yester(["up"]).args([&sandbox.source(), &point]), &point);
    wait_for_history(&mounted);
    file(sandbox.source().join("later"), "x");
    // `up` may be at it itself.
    let name = wait_until("an import beside `up`", Duration::from_secs(60), || {
        let ran = sandbox.yester(["--json", "import"]).arg(sandbox.source()).run();
        assert!(matches!(ran.code(), Some(0 | 75)), "{ran}");
        (ran.code() == Some(0)).then(|| ran.json()["name"].as_str().expect("a name").to_owned())
    });
    mounted.wait_for(&name);
    assert!(mounted.path(name).join("later").is_file());
    mounted.stop(Signal::INT).ok();
}

/// As in `yester up … | head -1`: the reader goes between two lines.
#[test]
fn nobody_reads_what_it_says() {
    if !needs::met(&[Need::Fuse]) {
        return;
    }
    let sandbox = Sandbox::new();
    small(&sandbox.source());
    let point = sandbox.mnt();
    let (reader, writer) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC).expect("a pipe");
    fcntl_setpipe_size(&writer, 4096).expect("a pipe of a page");
    // There is room for one line.
    let full = rustix::io::write(&writer, &[b'x'; 4096 - 100]).expect("a pipe that is nearly full");
    let up = sandbox.yester(["up"]).args([&sandbox.source(), &point]);
    let mut up = up.command().stdout(writer).stderr(Stdio::null()).spawn().expect("yester starts");
    wait_until("the first line", Duration::from_secs(60), || {
        let waiting = rustix::io::ioctl_fionread(&reader).expect("what waits");
        (waiting > full as u64).then_some(())
    });
    drop(reader);
    wait_until("its end", Duration::from_secs(60), || up.try_wait().expect("its status"));
    assert!(mountinfo::at(&point).is_none(), "a mount that nobody serves is left behind");
}

/// What rsnapshot has made is shown, and what it makes appears by itself.
#[test]
fn of_levels() {
    if !needs::met(&[Need::Fuse, Need::Root, needs::RSYNC, needs::RSNAPSHOT]) {
        return;
    }
    let sandbox = Sandbox::new();
    let rsnapshot = Rsnapshot::new(&sandbox, true, false);
    let (root, point) = (sandbox.path("backup"), sandbox.mnt());
    for day in 0..2 {
        live(&sandbox.source(), day);
        rsnapshot.run("alpha");
    }
    let mounted = Mounted::start(&sandbox.yester(["up"]).args([&root, &point]), &point);
    let shows = |count: usize, limit: u64| {
        wait_until(&format!("{count} levels"), Duration::from_secs(limit), || {
            let entries = fs::read_dir(mounted.path("localhost")).ok()?.flatten();
            let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
            let mut names: Vec<_> = names.filter(|name| name.starts_with("@20")).collect();
            names.sort();
            assert!(names.len() <= count, "{names:?}");
            (names.len() == count).then_some(names)
        })
    };
    let two = shows(2, 30);
    same(&root.join("alpha.1/localhost"), &mounted.path("localhost").join(&two[0]));
    same(&root.join("alpha.0/localhost"), &mounted.path("localhost").join(&two[1]));
    same(&root.join("alpha.0/web1"), &mounted.path("web1/@latest"));
    live(&sandbox.source(), 2);
    rsnapshot.run("alpha");
    let three = shows(3, 20);
    assert!(three.starts_with(&two), "{three:?}");
    same(&root.join("alpha.0/localhost"), &mounted.path("localhost").join(&three[2]));
    mounted.stop(Signal::INT).ok();
    assert!(mountinfo::at(&point).is_none(), "Ctrl-C did not unmount");
}

/// Each time that `--every` has passed, when something has changed.
#[test]
fn changes_come_in_by_themselves() {
    if !needs::met(&[Need::Fuse]) {
        return;
    }
    let sandbox = Sandbox::new();
    small(&sandbox.source());
    let point = sandbox.mnt();
    let up = sandbox.yester(["up", "--every", "1s"]).args([&sandbox.source(), &point]);
    let mounted = Mounted::start(&up, &point);
    wait_for_history(&mounted);
    file(sandbox.source().join("later"), "x");
    wait_until("the change", Duration::from_secs(10), || {
        mounted.path("@latest/later").exists().then_some(())
    });
    stays(Duration::from_secs(3), || {
        let names = mounted.names("");
        assert_eq!(names.iter().filter(|name| name.starts_with("@20")).count(), 2, "{names:?}");
    });
    mounted.stop(Signal::INT).ok();
}
