//! Adds and removes tags of snapshots.

use std::path::Path;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::history::{no_snapshot, position, source_of};
use super::{ServiceError, TagInfo};
use crate::clock::SystemClock;
use crate::format::{Tag, check_tag_name};
use crate::history::{Sources, is_reserved_name};
use crate::import::open_for_writing;
use crate::monitor::Cancellation;
use crate::store::Access;

/// A snapshot, and the tags to add or remove.
#[derive(Debug, Clone)]
pub struct TagOptions {
    /// The source's name; if `None`, the only source.
    pub source: Option<Vec<u8>>,
    /// The time expression of the snapshot, with its `@`.
    pub time: Vec<u8>,
    /// The tags' names.
    pub names: Vec<Vec<u8>>,
    /// Remove the tags.
    pub remove: bool,
    /// Wait while another process writes to the repository.
    pub wait: bool,
    /// The zone of snapshots' names.
    pub zone: TimeZone,
}

/// A tag, and whether it changed.
#[derive(Debug, Clone)]
pub struct Tagged {
    /// The tag and its snapshot.
    pub tag: TagInfo,
    /// Whether the tag was added or removed now; it may have been so before.
    pub changed: bool,
}

/// Adds tags to a snapshot of the repository in `root`, or removes them: all of them, or none if one is
/// refused.
pub fn tag(
    root: &Path,
    options: &TagOptions,
    cancellation: &Cancellation,
) -> Result<Vec<Tagged>, ServiceError> {
    let names = options.names.iter().map(|name| checked(name, options.remove));
    let names = names.collect::<Result<Vec<_>, _>>()?;
    let repository = open_for_writing(root, Access::Write, options.wait, None, &SystemClock, cancellation)?;
    let sources = Sources::load(&repository, &options.zone, &Sources::default())?;
    let source = source_of(&sources, root, options.source.as_deref())?;
    let now = Timestamp::now();
    let at = position(&source, &options.time, now)?;
    let (snapshot_name, snapshot) =
        source.snapshots().nth(at).ok_or_else(|| no_snapshot(&source, &options.time))?;
    let given = now.into();
    let stored: Vec<&Tag> =
        source.tags().map(|(tag, _)| tag).filter(|tag| tag.snapshot == snapshot.id).collect();
    let mut all = Vec::with_capacity(names.len());
    for name in names {
        let stored = stored.iter().find(|tag| *tag.name == *name).copied();
        if options.remove && stored.is_none() {
            let snapshot = format!("{}{snapshot_name}", String::from_utf8_lossy(&source.name));
            return Err(ServiceError::NoTag { name: name.into(), snapshot });
        }
        let new =
            || Tag { snapshot: snapshot.id, source: source.name.as_ref().into(), name: name.into(), given };
        all.push(stored.cloned().unwrap_or_else(new));
    }
    let mut tagged = Vec::with_capacity(all.len());
    for tag in all {
        let changed = if options.remove {
            repository.untag(tag.snapshot, &tag.name, given)?
        } else {
            repository.tag(tag.snapshot, &tag.name, given)?
        };
        tagged.push(Tagged { tag: TagInfo::new(&tag, snapshot_name), changed });
    }
    Ok(tagged)
}

/// Checks that a name can be given. A name that was given can always be removed.
fn checked(name: &[u8], remove: bool) -> Result<&str, ServiceError> {
    let refused =
        |reason| ServiceError::BadTagName { name: String::from_utf8_lossy(name).into_owned(), reason };
    let text = check_tag_name(name).map_err(refused)?;
    if !remove && is_reserved_name(text) {
        return Err(refused("after an @ it already has a meaning, or looks like a time"));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::sync::Arc;

    use super::*;
    use crate::import::{ImportOptions, import_tree};
    use crate::monitor::Silent;
    use crate::service::{History, init};

    fn options(names: &[&str]) -> TagOptions {
        let names = names.iter().map(|name| name.as_bytes().to_vec()).collect();
        let (time, zone) = (b"@latest".to_vec(), TimeZone::UTC);
        TagOptions { source: None, time, names, remove: false, wait: false, zone }
    }

    fn changed(tagged: &[Tagged]) -> Vec<(&str, bool)> {
        tagged.iter().map(|tagged| (tagged.tag.name.as_str(), tagged.changed)).collect()
    }

    #[test]
    fn names_are_given_and_taken_away_together() {
        let directory = tempfile::tempdir().unwrap();
        let (root, tree) = (directory.path().join("repository"), directory.path().join("tree"));
        fs::create_dir(&tree).unwrap();
        fs::write(tree.join("file"), "content").unwrap();
        init(&root).unwrap();
        import_tree(&root, &tree, &ImportOptions::default(), &Silent, &Cancellation::default()).unwrap();
        let tag = |options: &TagOptions| tag(&root, options, &Cancellation::default());
        let known =
            || History::open(&root, TimeZone::UTC, Arc::new(SystemClock)).unwrap().tags(None).unwrap();

        assert_eq!(changed(&tag(&options(&["one", "two"])).unwrap()), [("one", true), ("two", true)]);
        assert_eq!(changed(&tag(&options(&["one", "three"])).unwrap()), [("one", false), ("three", true)]);
        let names: Vec<_> = known().into_iter().map(|tag| tag.name).collect();
        assert_eq!(names, ["one", "three", "two"]);
        let error = tag(&options(&["four", "today"])).unwrap_err();
        assert!(matches!(&error, ServiceError::BadTagName { name, .. } if name == "today"), "{error}");

        let remove = |names: &[&str]| tag(&TagOptions { remove: true, ..options(names) });
        let error = remove(&["one", "four"]).unwrap_err();
        assert!(matches!(&error, ServiceError::NoTag { name, .. } if name == "four"), "{error}");
        assert_eq!(known().len(), 3, "none was taken away");
        assert_eq!(changed(&remove(&["one", "two"]).unwrap()), [("one", true), ("two", true)]);
        assert_eq!(known().len(), 1);

        let history = History::open(&root, TimeZone::UTC, Arc::new(SystemClock)).unwrap();
        assert_eq!(history.snapshots()[0].tags, ["three"]);
        assert!(history.find(None, b"@three", b"file").is_ok());
        let error = history.find(None, b"@thre", b"file").unwrap_err().to_string();
        assert!(error.contains("did you mean @three?"), "{error}");
    }
}
