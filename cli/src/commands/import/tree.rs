//! Imports a tree, and reports the snapshot.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use fs_core::format::Status;
use fs_core::import::{ImportOptions, Imported, check_other_tree, import_tree, source_name};
use serde_json::json;

use super::Import;
use crate::args::TreeArgs;
use crate::error::Outcome;
use crate::json::{self, put_text};
use crate::output::{Output, WriteError};
use crate::progress::ImportProgress;
use crate::settings::Settings;
use crate::stderr;
use crate::text::{count, printable, size};

/// The import options that the arguments set.
pub fn options(args: &TreeArgs, settings: &Settings) -> ImportOptions {
    ImportOptions {
        source: args.source.as_ref().map(|name| name.as_encoded_bytes().to_vec()),
        checksum: args.checksum,
        ignore_inode: args.ignore_inode,
        allow_empty: args.allow_empty,
        allow_other_tree: args.allow_other_tree,
        zone: settings.zone.clone(),
        dirvish_zone: settings.dirvish_zone.clone(),
        ..ImportOptions::default()
    }
}

impl Import<'_> {
    /// Shows what an import of the tree at `path` would do.
    pub fn show_tree(&mut self, path: &Path) -> Result<Outcome> {
        let source = source_name(path, &self.options)?;
        check_other_tree(self.repository, path, &self.options)?;
        if self.output.is_json() {
            let mut object = json!({ "layout": "tree", "path": path.to_string_lossy() });
            put_text(&mut object, "source", &source);
            self.output.json(&object)?;
        } else {
            let source = printable(&source);
            self.output.line(&format!("{} as a tree of the source {source}", path.display()))?;
        }
        Ok(Outcome::Done)
    }

    /// Imports a tree, and reports the snapshot, unless nothing had changed, so that none was needed.
    pub fn add_tree(&mut self, tree: &Path) -> Result<Outcome> {
        let started = self.output.clock().instant();
        let progress = ImportProgress::new(self.output);
        let imported = import_tree(self.repository, tree, &self.options, &progress, &self.cancellation)?;
        drop(progress);
        let Some(imported) = imported else { return Ok(Outcome::Done) };
        let took = self.output.clock().instant() - started;
        report_snapshot(self.output, &imported, None, took)?;
        let is_complete = imported.snapshot.manifest.status == Status::Complete;
        Ok(if is_complete { Outcome::Done } else { Outcome::Incomplete })
    }
}

/// Reports a snapshot. `run` is the level or image that it holds.
pub fn report_snapshot(
    output: &mut Output,
    imported: &Imported,
    run: Option<&str>,
    took: Duration,
) -> Result<(), WriteError> {
    let Imported { snapshot, statistics, is_unproven, .. } = imported;
    let totals = &snapshot.manifest.totals;
    if output.is_json() {
        output.json(&json::imported(imported, run, took))?;
    }
    output.message(&format!(
        "{} of {}: {}{}, {}; {}added {} in {:.1} s",
        snapshot.name,
        printable(&snapshot.manifest.source),
        run.map(|run| format!("{run}, ")).unwrap_or_default(),
        count(totals.files, "file"),
        size(totals.bytes),
        if *is_unproven { "all files were read, because their earlier inodes are unknown; " } else { "" },
        size(statistics.stored_bytes),
        took.as_secs_f64()
    ))?;
    output.flush()?;
    match totals.troubled {
        0 => {}
        1 => stderr::warn("1 entry could not be read in full, or changed meanwhile; it is named above"),
        count => stderr::warn(&format!(
            "{count} entries could not be read in full, or changed meanwhile; they are named above"
        )),
    }
    Ok(())
}
