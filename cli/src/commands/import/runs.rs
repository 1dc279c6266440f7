//! Imports the runs of rsnapshot or dirvish for `yester import`.

use std::ffi::OsStr;
use std::ops::ControlFlow;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use anyhow::Result;
use fs_core::import::layout::{BackupRoot, Layout, LeftOut, Plan, PlannedRun, Retention};
use fs_core::import::{RunImporter, RunOutcome, RunState, make_plan, run_states};
use serde_json::{Value, json};

use super::Import;
use super::tree::report_snapshot;
use crate::args::ImportArgs;
use crate::error::{Outcome, Usage, is_interruption};
use crate::json::put_text;
use crate::output::{Output, WriteError};
use crate::progress::ImportProgress;
use crate::stderr;
use crate::table::Column::Left;
use crate::text::{count, printable};

/// Imports the runs of rsnapshot or dirvish, or shows them. A plain tree is left to the caller.
pub fn instead(import: &mut Import<'_>, args: &ImportArgs) -> Result<ControlFlow<Outcome, PathBuf>> {
    let root =
        BackupRoot { root: args.path.clone(), layout: args.layout.into(), config: args.config.clone() };
    let plan = make_plan(&root, &import.options, &import.cancellation)?;
    if plan.layout != Layout::Tree && args.at.is_some() {
        let root = plan.root.display();
        return Err(Usage(format!("the runs in {root} have their own times; leave out --at")).into());
    }
    if let Some(hint) = &plan.hint {
        note_hint(import.output, &plan.root, hint);
    }
    if args.dry_run {
        return show(import, &plan).map(ControlFlow::Break);
    }
    if plan.layout != Layout::Tree {
        return add(import, &plan).map(ControlFlow::Break);
    }
    // The path as the user gave it, because the links in it may be intended.
    Ok(ControlFlow::Continue(args.path.clone().unwrap_or(plan.root)))
}

/// Notes that a folder is imported as one tree although it may hold runs.
pub fn note_hint(output: &mut Output, root: &Path, hint: &str) {
    output.note(&format!("{} is imported as one tree; {hint}", root.display()));
}

/// Imports the runs that are new.
pub fn add(import: &mut Import<'_>, plan: &Plan) -> Result<Outcome> {
    let Import { output, repository, options, cancellation } = import;
    let mut importer = RunImporter::open(repository, plan, options, cancellation)?;
    print_retention(output, plan)?;
    let (mut added, mut incomplete) = (0, false);
    for left_out in plan.left_out.iter().chain(importer.left_out()) {
        report_left_out(output, left_out, left_out.may_be_history)?;
        incomplete |= left_out.may_be_history;
    }
    let total = importer.total();
    let progress = ImportProgress::new(output);
    loop {
        let started = output.clock().instant();
        match importer.next(&progress) {
            Ok(Some(RunOutcome::Imported(imported))) => {
                let tree = OsStr::from_bytes(&imported.snapshot.manifest.origin.path);
                let shown = shown(plan, Path::new(tree));
                let took = output.clock().instant() - started;
                report_snapshot(output, &imported, Some(&shown), took)?;
                incomplete |= imported.snapshot.manifest.totals.troubled > 0;
                added += 1;
            }
            Ok(Some(RunOutcome::LeftOut(left_out))) => {
                report_left_out(output, &left_out, true)?;
                incomplete = true;
            }
            Ok(None) => break,
            Err(error) => {
                let error = error.into();
                if added == 0 || !is_interruption(&error) {
                    return Err(error);
                }
                let of = count(total, "run");
                output.note(&format!("interrupted: {added} of {of} were added; the next import continues"));
                return Ok(Outcome::Interrupted);
            }
        }
    }
    drop(progress);
    if total == 0 {
        let runs = count(plan.runs.len() as u64, "run");
        output.message(&format!("nothing new: {runs} of {} {}", plan.root.display(), already(plan)))?;
    }
    Ok(if incomplete { Outcome::Incomplete } else { Outcome::Done })
}

fn already(plan: &Plan) -> &'static str {
    match plan.runs.len() {
        0 => "to be imported",
        1 => "is in the repository already",
        _ => "are in the repository already",
    }
}

/// Shows what an import would do.
fn show(import: &mut Import<'_>, plan: &Plan) -> Result<Outcome> {
    if plan.layout == Layout::Tree {
        return import.show_tree(&plan.root);
    }
    let Import { output, repository, options, .. } = import;
    let resolved = run_states(repository, plan, options)?;
    print_retention(output, plan)?;
    for left_out in plan.left_out.iter().chain(&resolved.left_out) {
        // These are only notes, because a dry run imports nothing.
        report_left_out(output, left_out, false)?;
    }
    let mut rows = Vec::new();
    for (run, state) in plan.runs.iter().zip(resolved.states) {
        let source = options.source_of(run);
        let state = match state {
            RunState::New => "new",
            RunState::Imported => "imported",
            RunState::LeftOut => "left out",
        };
        if output.is_json() {
            output.json(&run_object(plan, run, source, state))?;
            continue;
        }
        let time = run.time.timestamp().to_zoned(options.zone.clone());
        rows.push([
            time.strftime("@%Y-%m-%dT%H-%M-%S").to_string(),
            printable(source).into_owned(),
            run.status().name().to_owned(),
            state.to_owned(),
            shown(plan, &run.tree),
        ]);
    }
    output.table([0, 1, 3, 2, 4].map(Left), &rows)?;
    if !output.is_json() && !plan.retention.is_empty() {
        let each = |retention: &Retention| format!("{} {}", retention.keep, retention.interval);
        let all: Vec<_> = plan.retention.iter().map(each).collect();
        output.line(&format!("rsnapshot keeps: {}", all.join(", ")))?;
    }
    Ok(Outcome::Done)
}

/// With `--json`, prints the number of levels kept of each rsnapshot interval.
fn print_retention(output: &mut Output, plan: &Plan) -> Result<(), WriteError> {
    if output.is_json() {
        for retention in &plan.retention {
            output.json(&json!({ "retain": retention.interval, "keep": retention.keep }))?;
        }
    }
    Ok(())
}

/// Reports an entry that was left out: as a warning if history may be lost by that, else as a note.
pub fn report_left_out(output: &mut Output, left_out: &LeftOut, is_loss: bool) -> Result<(), WriteError> {
    let path = left_out.path.as_os_str().as_bytes();
    let text = format!("left out: {}: {}", printable(path), left_out.reason);
    if output.is_json() {
        let mut object = json!({ "reason": left_out.reason });
        put_text(&mut object, "left_out", path);
        output.json(&object)?;
    }
    if is_loss {
        stderr::warn(&text);
    } else if !output.is_json() {
        output.note(&text);
    }
    Ok(())
}

fn run_object(plan: &Plan, run: &PlannedRun, source: &[u8], state: &str) -> Value {
    let mut object = json!({
        "time": run.time.timestamp().to_string(),
        "status": run.status().name(),
        "state": state,
        "run": shown(plan, &run.tree),
    });
    put_text(&mut object, "source", source);
    for (key, time) in
        [("began", run.run.began), ("completed", run.run.completed), ("expires", run.run.expires)]
    {
        if let Some(time) = time {
            object[key] = time.timestamp().to_string().into();
        }
    }
    object
}

/// The path of a run's tree, relative to the root.
fn shown(plan: &Plan, tree: &Path) -> String {
    let path = tree.strip_prefix(&plan.root).unwrap_or(tree);
    printable(path.as_os_str().as_bytes()).into_owned()
}
