use std::path::Path;

use anyhow::Result;
use fs_core::maintain::{self, CheckOptions, DamagedPath, Defect, Finding, Report};
use fs_core::store::Exposed;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::Context;
use crate::args::CheckArgs;
use crate::error::Outcome;
use crate::json::{put_record, put_text};
use crate::output::{Output, WriteError};
use crate::progress::Bar;
use crate::stderr;
use crate::text::{count, printable, size, snapshot};

pub fn run(context: &mut Context, args: &CheckArgs) -> Result<Outcome> {
    let settings = context.settings()?;
    let cancellation = context.stop_on_signals()?;
    let options = CheckOptions { read_data: args.read_data };
    let progress = Bar::new(&context.output, "opening the repository");
    let report = maintain::check(&settings.repository, options, &progress, &cancellation)?;
    drop(progress);
    if report.exposed.count > 0 {
        warn_exposed(&report.exposed, &settings.repository);
    }
    if context.output.is_json() {
        for finding in &report.findings {
            context.output.json(&object(finding))?;
        }
        for damaged in &report.damaged_paths {
            context.output.json(&path_object(damaged))?;
        }
        context.output.json(&summary(&report))?;
    } else {
        print_report(&mut context.output, &report, args.read_data == Some(100), &settings.zone)?;
    }
    Ok(if report.is_clean() { Outcome::Done } else { Outcome::Damage })
}

/// Warns of entries that other users can read or change.
fn warn_exposed(exposed: &Exposed, repository: &Path) {
    let can = if exposed.can_write { "read or change" } else { "read" };
    let first = exposed.paths.first().map_or("", String::as_str);
    stderr::error(&format!(
        "warning: other users can {can} {} of the repository, such as {}; run `chmod -R go= {}`",
        if exposed.count == 1 { "one entry".to_owned() } else { format!("{} entries", exposed.count) },
        repository.join(first).display(),
        repository.display()
    ));
}

/// Prints the report for people. `all_read` is true if every byte was verified.
fn print_report(
    output: &mut Output,
    report: &Report,
    all_read: bool,
    zone: &TimeZone,
) -> Result<(), WriteError> {
    for finding in &report.findings {
        output.line(&text(finding, zone))?;
    }
    if report.more_findings > 0 {
        output.line(&format!("and {}", count(report.more_findings, "further finding")))?;
    }
    for DamagedPath { snapshot: record, path, .. } in &report.damaged_paths {
        output.line(&format!("cannot be read in full: {}:{}", snapshot(record, zone), printable(path)))?;
    }
    if report.more_damaged_paths > 0 {
        output.line(&format!("and {}", count(report.more_damaged_paths, "further path")))?;
    }
    let looked = format!(
        "{}, {} in {}{}",
        count(report.snapshots, "snapshot"),
        count(report.blobs, "blob"),
        count(report.packs, "pack"),
        if report.bytes_read > 0 { format!(", {} read", size(report.bytes_read)) } else { String::new() }
    );
    if let Some(reason) = &report.index {
        let fate = if report.index_in_memory { "a new one cannot be stored" } else { "it was rebuilt" };
        output.message(&format!("{reason}; {fate}; no data is lost"))?;
    }
    if report.is_clean() {
        return output.message(&format!("no damage found: {looked}"));
    }
    let found = report.findings.len() as u64 + report.more_findings;
    output.line(&format!("damage found: {} in {looked}", count(found, "finding")))?;
    for advice in advice(report, all_read) {
        output.line(advice)?;
    }
    Ok(())
}

/// Advice on how to act on the findings.
fn advice(report: &Report, all_read: bool) -> Vec<&'static str> {
    let has = |is_kind: fn(&Defect) -> bool| report.findings.iter().any(|finding| is_kind(&finding.defect));
    let packs = has(|defect| matches!(defect, Defect::Pack(_)));
    let misplaced = has(|defect| matches!(defect, Defect::Misplaced { .. }));
    let manifests = has(|defect| matches!(defect, Defect::Manifest { .. }));
    let tags = has(|defect| matches!(defect, Defect::Tag(_)));
    let records = has(|defect| matches!(defect, Defect::Record(_)));
    let data = report.has_data_damage();
    let advice = [
        (packs, "Packs are damaged: `yester repair` saves what can still be read in them."),
        (misplaced, "Packs are misplaced: `yester repair` moves them to their own folders."),
        (
            manifests,
            "Snapshots have lost their manifests: only a copy of the repository can bring them back.",
        ),
        (manifests, "To give them up, run `yester repair`, which lists and forgets them."),
        (
            tags,
            "Tags are damaged, but no data: `yester upgrade` copies the others, and `yester tag` gives the lost ones again.",
        ),
        (
            records,
            "The log is damaged, so nothing can be written: run `yester repair`. Meanwhile every stored snapshot is shown.",
        ),
        (data && all_read && report.more_damaged_paths == 0, "Everything that is not listed can be read."),
        (data && !all_read, "More paths may be damaged: `yester check --read-data` finds them."),
        (data, "Copy the repository, and check its disk."),
        (data, "`yester import --heal` stores again what your files still have."),
        (data, "Then `yester repair` leaves what is lost out of the snapshots; `--dry-run` lists it."),
    ];
    advice.into_iter().filter_map(|(applies, text)| applies.then_some(text)).collect()
}

fn text(finding: &Finding, zone: &TimeZone) -> String {
    let reason = &finding.reason;
    match &finding.defect {
        Defect::Manifest { record: Some(record), .. } => {
            format!("{}: {reason}", snapshot(record, zone))
        }
        Defect::Manifest { record: None, .. }
        | Defect::Pack(_)
        | Defect::Foreign
        | Defect::Tag(_)
        | Defect::Record(_) => reason.clone(),
        Defect::PackHeader(_) => format!("{reason} (only its header; its content can be read)"),
        Defect::Block { pack, block, blobs, .. } => {
            let own = format!("block {block} ");
            let lost = count(*blobs, "blob");
            if reason.starts_with(&own) && reason.contains(&pack.to_string()) {
                format!("{reason}; it holds {lost}")
            } else {
                format!("block {block} of pack {pack}, with {lost}, cannot be read: {reason}")
            }
        }
        Defect::Base { pack, block, base } => {
            format!("block {block} of pack {pack} cannot be read: its base {base}: {reason}")
        }
        Defect::Blob { blob, role } => format!("{role} {blob}: {reason}"),
        Defect::Misplaced { pack, folder } => {
            format!(
                "pack {pack} is in {folder}, not in the folder of its first two digits; it can be read there"
            )
        }
        Defect::IndexedPack(pack) => format!("pack {pack}, in the index: {reason}"),
        other => format!("{other:?}: {reason}"),
    }
}

fn object(finding: &Finding) -> Value {
    let id = |id: &dyn ToString| id.to_string();
    let mut object = match &finding.defect {
        Defect::Manifest { snapshot, record } => {
            let mut object = json!({ "finding": "manifest", "snapshot": id(snapshot) });
            if let Some(record) = record {
                put_record(&mut object, record);
            }
            object
        }
        Defect::PackHeader(pack) => json!({ "finding": "pack header", "pack": id(pack) }),
        Defect::Pack(pack) => json!({ "finding": "pack", "pack": id(pack) }),
        Defect::Tag(tag) => json!({ "finding": "tag", "tag": id(tag) }),
        Defect::Record(number) => json!({ "finding": "record", "record": number }),
        Defect::Block { pack, block, offset, blobs } => json!({
            "finding": "block", "pack": id(pack), "block": block, "offset": offset, "blobs": blobs,
        }),
        Defect::Base { pack, block, base } => {
            json!({ "finding": "base", "pack": id(pack), "block": block, "base": id(base) })
        }
        Defect::Blob { blob, role } => json!({ "finding": "blob", "blob": id(blob), "what": role }),
        Defect::Foreign => json!({ "finding": "foreign" }),
        Defect::Misplaced { pack, folder } => {
            json!({ "finding": "misplaced", "pack": id(pack), "folder": folder })
        }
        Defect::IndexedPack(pack) => json!({ "finding": "index", "pack": id(pack) }),
        _ => json!({ "finding": "other" }),
    };
    object["reason"] = finding.reason.as_str().into();
    object
}

fn path_object(damaged: &DamagedPath) -> Value {
    let mut object = json!({ "finding": "damaged path", "snapshot": damaged.snapshot.id.to_string() });
    put_record(&mut object, &damaged.snapshot);
    put_text(&mut object, "path", &damaged.path);
    object
}

fn summary(report: &Report) -> Value {
    json!({
        "clean": report.is_clean(),
        "findings": report.findings.len() as u64 + report.more_findings,
        "damaged_paths": report.damaged_paths.len() as u64 + report.more_damaged_paths,
        "damaged_snapshots": report.damaged_snapshots,
        "snapshots": report.snapshots,
        "packs": report.packs,
        "blobs": report.blobs,
        "blocks_read": report.blocks_read,
        "bytes_read": report.bytes_read,
        "exposed": report.exposed.count,
        "index": report.index,
        "index_in_memory": report.index_in_memory,
    })
}
