//! dirvish's images, as it makes them.

use std::fs;
use std::time::Duration;

use fs_tests::{Sandbox, wait_until};

use super::{LIMIT, Watch, stays, wait_for, watched};
use crate::layouts::dirvish::{Dirvish, ZONE, met};
use crate::layouts::{Kept, done, live};

#[test]
fn images_come_in_and_half_of_one_never() {
    if !met() {
        return;
    }
    let sandbox = Sandbox::with_repository();
    let dirvish = Dirvish::new(&sandbox);
    let config =
        format!("dirvish_timezone = \"{ZONE}\"\n{}", watched(&sandbox.path("bank"), "layout = \"dirvish\""));
    live(&sandbox.source(), 0);
    dirvish.good(&["--init"]);
    let watch = Watch::start(&sandbox, &config);
    wait_for(&sandbox, 1, LIMIT);

    // Killed half-way: first it goes on, then nobody goes on with it.
    let begun = sandbox.path("begun");
    dirvish.rsync(&format!("/usr/bin/rsync \"$@\"; touch '{}'; exec sleep 3", begun.display()));
    live(&sandbox.source(), 1);
    let mut running = dirvish.command(&[]).spawn().expect("dirvish");
    wait_until("dirvish to run rsync", Duration::from_secs(60), || begun.exists().then_some(()));
    stays(&sandbox, 1, Duration::from_secs(1));
    running.kill().expect("dirvish killed");
    running.wait().expect("dirvish");
    stays(&sandbox, 1, Duration::from_secs(5));

    // It does not run again before somebody has seen to that.
    fs::remove_file(dirvish.vault().join("dirvish/lock_file")).expect("the lock of the killed run");
    dirvish.rsync("exec /usr/bin/rsync \"$@\"");
    live(&sandbox.source(), 2);
    dirvish.good(&["--reference", &dirvish.images()[0]]);
    let listed = wait_for(&sandbox, 2, LIMIT);
    stays(&sandbox, 2, Duration::from_secs(2));
    watch.stop();

    let images = dirvish.images();
    assert_eq!(images.len(), 3, "{images:?}");
    let mut kept = Vec::new();
    for (line, image) in listed.iter().zip([&images[0], &images[2]]) {
        assert_eq!((&line["source"], &line["status"]), (&"web1".into(), &"complete".into()));
        let copy = sandbox.path(format!("kept-{image}"));
        done(
            std::process::Command::new("cp")
                .arg("-a")
                .arg(dirvish.vault().join(image).join("tree"))
                .arg(&copy),
        );
        kept.push(Kept {
            id: line["snapshot"].as_str().expect("an id").to_owned(),
            source: "web1".into(),
            copy,
        });
    }
    crate::layouts::check(&sandbox, &kept);
    assert!(
        fs::exists(dirvish.vault().join(&images[1]).join("tree")).expect("it"),
        "no image was left half-made"
    );
}
