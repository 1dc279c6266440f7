//! Root restores or mounts in a folder of another user. That user replaces whatever appears there by links.
//! Nothing outside of the folder changes.
//!
//! `YESTER_TEST_RACES` sets the number of rounds of each kind (1).

use std::env;
use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use fs_tests::needs::{self, Need, SETPRIV};
use fs_tests::plant::file;
use fs_tests::{Mounted, Sandbox, mountinfo, wait_until};
use rustix::fs::{CWD, FileType, Mode, RenameFlags, makedev, mknodat, renameat_with};

/// The other user.
const USER: u32 = 1777;
const PERL: Need = Need::Program("perl", "perl");

/// Takes over each new name in a folder: removes its entry and puts a link to a victim in its place.
const ATTACKER: &str = r#"
my ($folder, $victim, $victims, $parent) = @ARGV;
my $number = 0;
$| = 1;
print "ready\n";
while (1) {
    my @names;
    if (opendir(my $opened, $folder)) {
        @names = grep { !/^\.\.?$/ } readdir($opened);
        closedir($opened);
    }
    for my $name (@names) {
        my $path = "$folder/$name";
        next if -l $path;
        my $to = -d $path ? $victims : $victim;
        $number++;
        rename($path, "$folder.taken-$number") && symlink($to, $path);
    }
    if ($parent && rename($folder, "$folder.aside")) {
        symlink($victims, $folder);
        unlink($folder);
        rename("$folder.aside", $folder);
    }
}
"#;

struct Attacker(Child);

impl Attacker {
    fn start(folder: &Path, sandbox: &Sandbox, parent: bool) -> Self {
        let user = USER.to_string();
        let mut child = Command::new("setpriv")
            .args(["--reuid", &user, "--regid", &user, "--clear-groups", "perl", "-e", ATTACKER])
            .args([folder, &sandbox.path("victim"), &sandbox.path("victims")])
            .arg(if parent { "parent" } else { "" })
            .stdout(Stdio::piped())
            .spawn()
            .expect("an attacker");
        let mut word = [0; 6];
        let mut stdout = child.stdout.take().expect("its stdout");
        std::io::Read::read_exact(&mut stdout, &mut word).expect("a word");
        Self(child)
    }
}

impl Drop for Attacker {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What must not change: a secret of root's, and a folder.
fn victims(sandbox: &Sandbox) -> Vec<(PathBuf, u32, u32, i64, Vec<u8>)> {
    let folder = sandbox.path("victims");
    let mut paths = vec![sandbox.path("victim"), folder.clone()];
    paths.extend(fs::read_dir(&folder).expect("a folder").map(|entry| entry.expect("an entry").path()));
    paths.sort();
    let of = |path: PathBuf| {
        let told = path.metadata().expect("a victim");
        (path.clone(), told.mode(), told.uid(), told.ctime_nsec(), fs::read(path).unwrap_or_default())
    };
    paths.into_iter().map(of).collect()
}

fn plant_victims(sandbox: &Sandbox) {
    file(sandbox.path("victim"), "secret");
    file(sandbox.path("victims/inside"), "secret");
    for (name, mode) in [("victim", 0o600), ("victims", 0o755), ("victims/inside", 0o600)] {
        fs::set_permissions(sandbox.path(name), Permissions::from_mode(mode)).expect("chmod");
    }
}

fn rounds() -> u32 {
    env::var("YESTER_TEST_RACES").ok().and_then(|text| text.parse().ok()).unwrap_or(1)
}

const KINDS: [&str; 6] = ["files", "folders", "pipes", "sockets", "devices", "links"];

fn plant(kind: &str, folder: &Path) {
    for number in 0..100 {
        let path = folder.join(format!("{number}"));
        let own = Mode::from_raw_mode(0o666);
        match kind {
            "files" => file(&path, "content"),
            "folders" => file(path.join("inside"), "content"),
            "pipes" => mknodat(CWD, &path, FileType::Fifo, own, 0).expect("a pipe"),
            "sockets" => drop(UnixListener::bind(&path).expect("a socket")),
            "devices" => {
                mknodat(CWD, &path, FileType::CharacterDevice, own, makedev(1, 3)).expect("a device");
            }
            _ => {
                let first = folder.join(if number % 2 == 0 { "0" } else { "1" });
                if number < 2 {
                    file(&path, "content");
                } else {
                    fs::hard_link(first, &path).expect("a link");
                }
            }
        }
        let mode = if kind == "folders" { 0o777 } else { 0o666 };
        fs::set_permissions(&path, Permissions::from_mode(mode)).expect("chmod");
        chown(&path, Some(USER), Some(USER)).expect("chown");
    }
}

#[test]
fn root_restores_among_links() {
    if !needs::met(&[Need::Root, SETPRIV, PERL]) {
        return;
    }
    let sandbox = Sandbox::with_repository();
    for kind in KINDS {
        let folder = sandbox.source().join(kind);
        fs::create_dir(&folder).expect("a folder");
        plant(kind, &folder);
        chown(&folder, Some(USER), Some(USER)).expect("chown");
    }
    sandbox.import();
    plant_victims(&sandbox);
    let before = victims(&sandbox);
    let mut met = 0;
    for round in 0..rounds() {
        for kind in KINDS {
            for parent in [false, true] {
                let hers = sandbox.path("hers");
                let _ = fs::remove_dir_all(&hers);
                fs::create_dir_all(hers.join(kind)).expect("a folder");
                for folder in [&hers, &hers.join(kind)] {
                    chown(folder, Some(USER), Some(USER)).expect("chown");
                }
                let attacker = Attacker::start(&hers.join(kind), &sandbox, parent);
                let wanted = format!("@latest:{kind}");
                let overwrite: &[&str] = if round % 2 == 0 { &[] } else { &["--overwrite"] };
                let command = sandbox.yester(["--quiet", "restore", &wanted, "--to"]).arg(&hers);
                let ran = command.args(overwrite).run();
                drop(attacker);
                met += usize::from(ran.code() != Some(0));
                assert_eq!(victims(&sandbox), before, "{kind}, round {round}: {ran}");
            }
        }
    }
    assert!(met > 0, "the attacker came too late each time");
}

/// As soon as a missing target is created, another user swaps it with a link, again and again.
#[test]
fn a_new_target_changes_places_with_a_link() {
    let sandbox = Sandbox::with_repository();
    file(sandbox.source().join("file"), "content");
    sandbox.import();
    plant_victims(&sandbox);
    let before = victims(&sandbox);
    let swaps = AtomicU32::new(0);
    for round in 0..rounds() * 10 {
        let hers = sandbox.path("hers");
        let _ = fs::remove_dir_all(&hers);
        fs::create_dir(&hers).expect("a folder");
        let (new, link) = (hers.join("new"), hers.join("link"));
        symlink(sandbox.path("victims"), &link).expect("a link");
        let command = sandbox.yester(["--quiet", "restore", "@latest:", "--to"]).arg(&new);
        let over = AtomicBool::new(false);
        let ran = thread::scope(|scope| {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    let swapped = renameat_with(CWD, &new, CWD, &link, RenameFlags::EXCHANGE);
                    swaps.fetch_add(u32::from(swapped.is_ok()), Ordering::Relaxed);
                }
            });
            let ran = command.run();
            over.store(true, Ordering::Relaxed);
            ran
        });
        assert_eq!(victims(&sandbox), before, "round {round}: {ran}");
    }
    assert!(swaps.into_inner() > 0, "the links came too late each time");
}

#[test]
fn a_mount_is_taken_away_where_it_is_by_then() {
    if !needs::met(&[Need::Root, Need::Fuse]) {
        return;
    }
    let sandbox = Sandbox::with_repository();
    file(sandbox.source().join("file"), "content");
    sandbox.import();
    let point = sandbox.path("home/mnt");
    fs::create_dir_all(&point).expect("a folder");
    let mounted = Mounted::start(&sandbox.yester(["mount"]).arg(&point), &point);
    // A point that is moved before it is served is refused.
    assert!(fs::read_dir(&point).expect("a folder").count() > 0);
    fs::rename(sandbox.path("home"), sandbox.path("moved")).expect("renamed");
    mounted.stop(rustix::process::Signal::TERM).code_is(0);
    assert_eq!(mountinfo::below(sandbox.root()), Vec::<PathBuf>::new());
}

#[test]
fn root_mounts_among_links() {
    if !needs::met(&[Need::Root, Need::Fuse, SETPRIV, PERL]) {
        return;
    }
    let sandbox = Sandbox::with_repository();
    file(sandbox.source().join("file"), "content");
    sandbox.import();
    plant_victims(&sandbox);
    let before = victims(&sandbox);
    for round in 0..rounds() * 5 {
        let hers = sandbox.path("hers");
        let point = hers.join("home/mnt");
        let _ = fs::remove_dir_all(&hers);
        fs::create_dir_all(&point).expect("a folder");
        for folder in [hers.clone(), hers.join("home"), point.clone()] {
            chown(folder, Some(USER), Some(USER)).expect("chown");
        }
        let attacker = Attacker::start(&hers.join("home"), &sandbox, true);
        let mut started = sandbox.yester(["mount"]).arg(&point).start();
        wait_until("a mount, or its refusal", Duration::from_secs(20), || {
            let mounted = !mountinfo::below(sandbox.root()).is_empty();
            (mounted || !started.is_running()).then_some(())
        });
        drop(attacker);
        let victims_are_covered = mountinfo::at(&sandbox.path("victims")).is_some();
        started.signal(rustix::process::Signal::TERM);
        let ran = started.finish();
        assert!(!victims_are_covered, "round {round}: {ran}");
        assert_eq!(mountinfo::below(sandbox.root()), Vec::<PathBuf>::new(), "round {round}: {ran}");
        assert_eq!(victims(&sandbox), before, "round {round}: {ran}");
    }
}
