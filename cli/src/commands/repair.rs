use anyhow::Result;
use fs_core::maintain::{self, DamagedPath, Lost, RepairOptions, Repaired};
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::Context;
use crate::args::RepairArgs;
use crate::error::Outcome;
use crate::json::{put_record, put_text};
use crate::output::{Output, WriteError};
use crate::progress::Bar;
use crate::text::{count, printable, snapshot};

pub fn run(context: &mut Context, args: &RepairArgs) -> Result<Outcome> {
    let settings = context.settings()?;
    let cancellation = context.stop_on_signals()?;
    let options = RepairOptions { dry_run: args.dry_run, really: args.really };
    let progress = Bar::new(&context.output, "opening the repository");
    let output = &mut context.output;
    let mut written = Ok(());
    let mut on_loss = |damaged: &DamagedPath| {
        // A closed stdout must not stop a repair.
        if written.is_ok() {
            written = print_loss(output, damaged, &settings.zone);
        }
    };
    let repaired = maintain::repair(&settings.repository, options, &progress, &cancellation, &mut on_loss)?;
    drop(progress);
    written?;
    if output.is_json() {
        output.json(&summary(&repaired, args.dry_run))?;
    } else {
        print_summary(output, &repaired, args.dry_run, &settings.zone)?;
    }
    Ok(if repaired.has_losses() { Outcome::Incomplete } else { Outcome::Done })
}

fn print_loss(output: &mut Output, damaged: &DamagedPath, zone: &TimeZone) -> Result<(), WriteError> {
    if output.is_json() {
        return output.json(&object(damaged));
    }
    let mut name = snapshot(&damaged.snapshot, zone);
    if !damaged.path.is_empty() {
        name.extend([":", &printable(&damaged.path)]);
    }
    output.line(&format!("{name}: {}", text(&damaged.lost)))
}

fn text(lost: &Lost) -> String {
    match lost {
        Lost::Content => "left out: its content is lost".to_owned(),
        Lost::Entries { count: Some(number), last: Some(last) } => {
            let entries = if *number == 1 { "1 entry".to_owned() } else { format!("{number} entries") };
            format!("{entries} left out, the last one named {}: their list is lost", printable(last))
        }
        Lost::Entries { .. } => "all entries left out: their list is lost".to_owned(),
        Lost::Entry => "left out: its entry cannot be read".to_owned(),
        Lost::Xattrs => "its extended attributes are left out, the rest is kept".to_owned(),
        Lost::Links => "hard links among its files are lost; they are kept as separate files".to_owned(),
        Lost::More(number) => format!("{number} more left out: too many paths lead to them to list each"),
        other => format!("left out: {other:?}"),
    }
}

fn word(lost: &Lost) -> &'static str {
    match lost {
        Lost::Content => "content",
        Lost::Entries { .. } => "entries",
        Lost::Entry => "entry",
        Lost::Xattrs => "extended attributes",
        Lost::Links => "hard links",
        Lost::More(_) => "more",
        _ => "other",
    }
}

fn object(damaged: &DamagedPath) -> Value {
    let DamagedPath { snapshot, path, lost } = damaged;
    let mut object = json!({ "lost": word(lost), "snapshot": snapshot.id.to_string() });
    put_record(&mut object, snapshot);
    put_text(&mut object, "path", path);
    match lost {
        Lost::More(number) => object["losses"] = (*number).into(),
        Lost::Entries { count, last } => {
            if let Some(count) = count {
                object["entries"] = (*count).into();
            }
            if let Some(last) = last {
                put_text(&mut object, "last", last);
            }
        }
        _ => {}
    }
    object
}

fn print_summary(
    output: &mut Output,
    repaired: &Repaired,
    dry_run: bool,
    zone: &TimeZone,
) -> Result<(), WriteError> {
    let quarantined = |path: &Option<String>| match path {
        Some(path) => format!("quarantined as {path}"),
        None => "to be quarantined".to_owned(),
    };
    for (pack, folder) in &repaired.misplaced {
        let fate = if dry_run { "to be moved" } else { "moved" };
        output.line(&format!("pack {pack} was in {folder}; {fate} back into its own folder"))?;
    }
    for pack in &repaired.damaged_packs {
        let blobs = count(pack.salvaged, "blob");
        let fate = if pack.restored {
            let is = if dry_run { "is to be" } else { "is" };
            format!("all {blobs} verify, and the pack {is} written again")
        } else {
            let before = match pack.stored_before {
                0 => String::new(),
                number => format!(", {number} of them by a repair that was interrupted"),
            };
            format!("{blobs} saved from it{before}; {}", quarantined(&pack.quarantined))
        };
        output.line(&format!("{}; {fate}", pack.reason))?;
    }
    if let Some(reason) = &repaired.index {
        let to_do = dry_run && repaired.index_in_memory;
        let fate = if to_do { "to be rebuilt" } else { "rebuilt, without loss" };
        output.line(&format!("{reason}; the index is {fate}"))?;
    }
    for (_, reason) in &repaired.lost_records {
        output.line(reason)?;
    }
    if !repaired.lost_records.is_empty() {
        let fate = if dry_run { "is to replace" } else { "replaces" };
        output.line(&format!(
            "a new record of the log with all that is known {fate} the lost ones; check your tags and the names of snapshots"
        ))?;
    }
    for lost in &repaired.lost_manifests {
        let name = lost.record.as_ref().map(|record| snapshot(record, zone));
        let name = name.as_deref().unwrap_or("the snapshot");
        let fate = match (&lost.quarantined, dry_run) {
            (None, false) => "its manifest is missing".to_owned(),
            (path, _) => quarantined(path),
        };
        output.line(&format!("{}; {name} is lost, {fate}", lost.reason))?;
    }
    for rewritten in &repaired.repaired_snapshots {
        let old = &rewritten.old;
        let name = snapshot(old, zone);
        let fate = rewritten.new.map_or_else(|| "to be replaced".to_owned(), |new| format!("is now {new}"));
        let losses = if rewritten.losses == 1 { "loss" } else { "losses" };
        output.line(&format!(
            "{name}: {} {losses}, listed above; {fate}; snapshot {} {}",
            rewritten.losses,
            old.id,
            quarantined(&rewritten.quarantined)
        ))?;
    }
    let looked = format!("{} in {}", count(repaired.snapshots, "snapshot"), count(repaired.packs, "pack"));
    if repaired.is_clean() {
        return output.message(&format!("nothing to repair: {looked}, every byte read"));
    }
    advise(output, repaired, dry_run)
}

/// Prints what is lost, and what to do next.
fn advise(output: &mut Output, repaired: &Repaired, dry_run: bool) -> Result<(), WriteError> {
    if repaired.has_losses() {
        let snapshots = repaired.repaired_snapshots.len() as u64;
        if snapshots > 0 {
            let left_out = if dry_run { "would be left out" } else { "left out" };
            output.line(&format!("{left_out}: what is listed above, in {}", count(snapshots, "snapshot")))?;
        }
        let lost = repaired.lost_manifests.len() as u64;
        if lost > 0 {
            output.line(&format!("lost entirely: {}", count(lost, "snapshot")))?;
        }
    } else {
        let would = if dry_run { "would be" } else { "is" };
        output.line(&format!("no data of any snapshot {would} lost"))?;
    }
    let quarantined = repaired.damaged_packs.iter().any(|pack| pack.quarantined.is_some())
        || repaired.lost_manifests.iter().any(|lost| lost.quarantined.is_some())
        || repaired.repaired_snapshots.iter().any(|snapshot| snapshot.quarantined.is_some());
    if dry_run {
        output.line("Nothing was changed.")?;
        if repaired.has_losses() {
            output.line("First run `yester import --heal`: it stores again what your files still have.")?;
        }
    } else if quarantined {
        output.line(
            "Quarantined objects are in the folder `damaged` of the repository; delete them when you no longer need them.",
        )?;
        if repaired.has_losses() {
            output.line(
                "The next `yester import` stores again what your files still have; imported runs of rsnapshot and dirvish stay as they are.",
            )?;
        }
    }
    Ok(())
}

fn summary(repaired: &Repaired, dry_run: bool) -> Value {
    let misplaced =
        repaired.misplaced.iter().map(|(pack, folder)| json!({ "pack": pack.to_string(), "folder": folder }));
    let packs = repaired.damaged_packs.iter().map(|pack| {
        json!({
            "pack": pack.pack.to_string(), "reason": pack.reason, "saved_blobs": pack.salvaged,
            "saved_before": pack.stored_before, "written_again": pack.restored, "quarantined": pack.quarantined,
        })
    });
    let manifests = repaired.lost_manifests.iter().map(|lost| {
        let mut object = json!({
            "snapshot": lost.snapshot.to_string(), "reason": lost.reason, "quarantined": lost.quarantined,
            "source": null, "time": null,
        });
        if let Some(record) = &lost.record {
            put_record(&mut object, record);
        }
        object
    });
    let snapshots = repaired.repaired_snapshots.iter().map(|snapshot| {
        let mut object = json!({
            "snapshot": snapshot.old.id.to_string(), "new": snapshot.new.map(|new| new.to_string()),
            "losses": snapshot.losses, "quarantined": snapshot.quarantined,
        });
        put_record(&mut object, &snapshot.old);
        object
    });
    json!({
        "clean": repaired.is_clean(),
        "dry_run": dry_run,
        "packs": repaired.packs,
        "snapshots": repaired.snapshots,
        "losses": repaired.losses(),
        "index": repaired.index,
        "misplaced_packs": misplaced.collect::<Vec<_>>(),
        "damaged_packs": packs.collect::<Vec<_>>(),
        "lost_records": repaired.lost_records.iter().map(|(number, _)| number).collect::<Vec<_>>(),
        "lost_snapshots": manifests.collect::<Vec<_>>(),
        "repaired_snapshots": snapshots.collect::<Vec<_>>(),
    })
}
