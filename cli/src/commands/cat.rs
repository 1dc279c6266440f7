use anyhow::{Result, bail};
use fs_core::service::ServiceError;
use fs_core::view::{FileKind, Node, View, ViewError};

use super::{Context, find};
use crate::args::CatArgs;
use crate::output::Output;
use crate::progress::Bar;
use crate::snapshot_path;
use crate::text::{printable, size};

/// Bytes per read: the size of a block of the repository. If the reader exits, a larger step would have
/// decompressed data for nothing.
const STEP: usize = 1 << 20;

pub fn run(context: &mut Context, args: &CatArgs) -> Result<()> {
    let paths = snapshot_path::all_with_time(&args.targets, args.implied.at.as_ref())?;
    let history = context.history()?;
    for path in &paths {
        let (view, node) = find(&history, path, args.implied.source.as_ref())?;
        copy(&mut context.output, &view, &node, &snapshot_path::shown(path))?;
    }
    Ok(())
}

fn copy(output: &mut Output, view: &View, node: &Node, path: &str) -> Result<()> {
    let attr = view.attr(node);
    let failed = |reason| ServiceError::View { path: path.to_owned(), reason };
    match attr.kind {
        FileKind::File => {}
        FileKind::Directory => bail!("{path} is a directory; list it with `yester ls`"),
        FileKind::Symlink => {
            let target = view.read_link(node).map_err(failed)?;
            bail!("{path} is a symbolic link to {}; print that file instead", printable(target));
        }
        kind => bail!("{path} is a {}: it has no content", crate::text::kind(kind)),
    }
    if let Some(not_read) = view.not_read(node) {
        return Err(failed(ViewError::NotRead(not_read.reason.clone())).into());
    }
    // On a terminal the content itself shows the progress.
    let bar = (!output.is_terminal()).then(|| Bar::new(output, "reading"));
    let mut offset = 0;
    while offset < attr.size {
        let bytes = view.read(node, offset, STEP).map_err(failed)?;
        if bytes.is_empty() {
            bail!("{path} ends after {offset} of {} bytes", attr.size);
        }
        output.bytes(&bytes)?;
        offset += bytes.len() as u64;
        if let Some(bar) = &bar {
            bar.say(format!("{path}: {} of {}", size(offset), size(attr.size)));
        }
    }
    Ok(())
}
