use std::path::Path;

use anyhow::Result;
use fs_core::maintain::{self, CheckOptions, DamagedPath, Finding, Report};
use fs_core::store::Exposed;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::Context;
use crate::args::CheckArgs;
use crate::error::Outcome;
use crate::json::{put_text, utc};
use crate::output::{Output, WriteError};
use crate::progress::MaintenanceProgress;
use crate::stderr::complain;
use crate::text::{count, printable, size, snapshot};

pub fn run(context: &mut Context, args: &CheckArgs) -> Result<Outcome> {
    let settings = context.settings()?;
    let cancellation = context.stop_on_signals()?;
    let options = CheckOptions { read_data: args.read_data };
    let progress = MaintenanceProgress::new(&context.output);
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
        tell(&mut context.output, &report, &settings.zone)?;
    }
    Ok(if report.is_clean() { Outcome::Done } else { Outcome::Damage })
}

/// Warns of entries that other users can read or change.
fn warn_exposed(exposed: &Exposed, repository: &Path) {
    let can = if exposed.can_write { "read or change" } else { "read" };
    let first = exposed.paths.first().map_or("", String::as_str);
    complain(&format!(
        "warning: other users can {can} {} of the repository, such as {}; run `chmod -R go= {}`",
        if exposed.count == 1 { "one entry".to_owned() } else { format!("{} entries", exposed.count) },
        repository.join(first).display(),
        repository.display()
    ));
}

fn tell(output: &mut Output, report: &Report, zone: &TimeZone) -> Result<(), WriteError> {
    for finding in &report.findings {
        output.line(&text(finding, zone))?;
    }
    if report.more_findings > 0 {
        output.line(&format!("and {}", count(report.more_findings, "further finding")))?;
    }
    for DamagedPath { snapshot: record, path, .. } in &report.damaged_paths {
        output.line(&format!(
            "cannot be read in full: {}:{}",
            snapshot(&record.source, record.time, record.number(), zone),
            printable(path)
        ))?;
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
        output.tell(&format!("{reason}; {fate}; no data is lost"))?;
    }
    if report.is_clean() {
        return output.tell(&format!("no damage found: {looked}"));
    }
    let found = report.findings.len() as u64 + report.more_findings;
    output.line(&format!("damage found: {} in {looked}", count(found, "finding")))?;
    for advice in advice(report) {
        output.line(advice)?;
    }
    Ok(())
}

/// Advice on how to act on the findings.
fn advice(report: &Report) -> Vec<&'static str> {
    let has = |is_kind: fn(&Finding) -> bool| report.findings.iter().any(is_kind);
    let packs = has(|finding| matches!(finding, Finding::Pack { .. }));
    let misplaced = has(|finding| matches!(finding, Finding::Misplaced { .. }));
    let manifests = has(|finding| matches!(finding, Finding::Manifest { .. }));
    let tags = has(|finding| matches!(finding, Finding::Tag { .. }));
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
            "Tags are damaged, but no data: `yester repair` quarantines them, and `yester tag` adds them again.",
        ),
        (data, "Everything that is not listed can be read. Copy the repository, and check its disk."),
        (data, "`yester import --heal` stores again what your files still have."),
        (data, "Then `yester repair` leaves what is lost out of the snapshots; `--dry-run` lists it."),
    ];
    advice.into_iter().filter_map(|(applies, text)| applies.then_some(text)).collect()
}

fn text(finding: &Finding, zone: &TimeZone) -> String {
    match finding {
        Finding::Manifest { record: Some(record), reason, .. } => {
            format!("{}: {reason}", snapshot(&record.source, record.time, record.number(), zone))
        }
        Finding::Manifest { record: None, reason, .. }
        | Finding::Pack { reason, .. }
        | Finding::Foreign { reason }
        | Finding::Tag { reason, .. } => reason.clone(),
        Finding::PackHeader { reason, .. } => format!("{reason} (only its header; its content can be read)"),
        Finding::Block { pack, block, blobs, reason, .. } => {
            let own = format!("block {block} ");
            let lost = count(*blobs, "blob");
            if reason.starts_with(&own) && reason.contains(&pack.to_string()) {
                format!("{reason}; it holds {lost}")
            } else {
                format!("block {block} of pack {pack}, with {lost}, cannot be read: {reason}")
            }
        }
        Finding::Base { pack, block, base, reason } => {
            format!("block {block} of pack {pack} cannot be read: its base {base}: {reason}")
        }
        Finding::Blob { blob, role, reason } => format!("{role} {blob}: {reason}"),
        Finding::Misplaced { pack, folder } => {
            format!(
                "pack {pack} is in {folder}, not in the folder of its first two digits; it can be read there"
            )
        }
        Finding::IndexedPack { pack, reason } => format!("pack {pack}, in the index: {reason}"),
        other => format!("{other:?}"),
    }
}

fn object(finding: &Finding) -> Value {
    let id = |id: &dyn ToString| id.to_string();
    match finding {
        Finding::Manifest { snapshot, record, reason } => {
            let mut object = json!({ "finding": "manifest", "snapshot": id(snapshot), "reason": reason });
            if let Some(record) = record {
                put_text(&mut object, "source", &record.source);
                object["time"] = utc(record.time).into();
            }
            object
        }
        Finding::PackHeader { pack, reason } => {
            json!({ "finding": "pack header", "pack": id(pack), "reason": reason })
        }
        Finding::Pack { pack, reason } => json!({ "finding": "pack", "pack": id(pack), "reason": reason }),
        Finding::Tag { tag, reason } => json!({ "finding": "tag", "tag": id(tag), "reason": reason }),
        Finding::Block { pack, block, offset, blobs, reason } => json!({
            "finding": "block", "pack": id(pack), "block": block, "offset": offset, "blobs": blobs, "reason": reason,
        }),
        Finding::Base { pack, block, base, reason } => json!({
            "finding": "base", "pack": id(pack), "block": block, "base": id(base), "reason": reason,
        }),
        Finding::Blob { blob, role, reason } => {
            json!({ "finding": "blob", "blob": id(blob), "what": role, "reason": reason })
        }
        Finding::Foreign { reason } => json!({ "finding": "foreign", "reason": reason }),
        Finding::Misplaced { pack, folder } => {
            json!({ "finding": "misplaced", "pack": id(pack), "folder": folder })
        }
        Finding::IndexedPack { pack, reason } => {
            json!({ "finding": "index", "pack": id(pack), "reason": reason })
        }
        other => json!({ "finding": "other", "reason": format!("{other:?}") }),
    }
}

fn path_object(damaged: &DamagedPath) -> Value {
    let mut object = json!({
        "finding": "damaged path",
        "snapshot": damaged.snapshot.id.to_string(),
        "time": utc(damaged.snapshot.time),
    });
    put_text(&mut object, "source", &damaged.snapshot.source);
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
