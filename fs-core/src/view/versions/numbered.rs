//! Versions by number, beside the file: `passwd;3` is the third distinct version, `passwd;-1` the version
//! before this snapshot's.

use std::time::Duration;

use super::past::Past;
use super::path_history::State;
use crate::history::joined;
use crate::store;
use crate::view::filesystem::{MAX_AGE, View};
use crate::view::node::{Node, Tree};
use crate::view::virtual_folder::Emit;
use crate::view::{DirEntry, ViewError};

/// Whether a name may be that of a version. Its meaning then changes with the snapshots that exist.
pub fn is_numbered(name: &[u8]) -> bool {
    parse(name).is_some()
}

/// Splits `NAME;NUMBER`. A number has only one spelling.
fn parse(name: &[u8]) -> Option<(&[u8], i64)> {
    let at = name.iter().rposition(|byte| *byte == b';').filter(|at| *at > 0)?;
    let number: i64 = str::from_utf8(&name[at + 1..]).ok()?.parse().ok()?;
    let is_plain = number.to_string().as_bytes() == &name[at + 1..];
    (number != 0 && is_plain).then_some((&name[..at], number))
}

impl View {
    /// Looks up the name of a version in a directory that has no entry of that name.
    pub(in crate::view) fn lookup_numbered(&self, tree: &Tree, name: &[u8]) -> Result<Node, ViewError> {
        let (base, number) = parse(name).ok_or(ViewError::NotFound)?;
        let find = |age| {
            let past = self.past(&tree.snapshot.manifest.source, age)?;
            past.numbered(tree, base, number)
        };
        match find(MAX_AGE)? {
            Some(node) => Ok(node),
            // The version may be in a snapshot that was just made.
            None => find(Duration::ZERO)?.ok_or(ViewError::NotFound),
        }
    }

    /// Lists the versions of every name that was ever in a directory, after the directory's entries. Returns
    /// false if `emit` did.
    pub(in crate::view) fn list_numbered(
        &self,
        tree: &Tree,
        offset: u64,
        emit: Emit<'_>,
    ) -> Result<bool, ViewError> {
        let past = self.past(&tree.snapshot.manifest.source, MAX_AGE)?;
        let names = past.names(&tree.path)?;
        let numbered = names.iter().flat_map(|name| (1..=name.versions).map(move |number| (name, number)));
        let entries = store::entries(self.reader(), &tree.id)?;
        let skip = usize::try_from(offset.saturating_sub(entries)).unwrap_or(usize::MAX);
        for (at, (base, number)) in numbered.enumerate().skip(skip) {
            let name = [&*base.name, format!(";{number}").as_bytes()].concat();
            if store::find(self.reader(), &tree.id, &name)?.is_some() {
                continue;
            }
            let Some(node) = past.numbered(tree, &base.name, number.into())? else { continue };
            if !emit(DirEntry { name: &name, node, next_offset: entries + at as u64 + 1 }) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

impl Past<'_> {
    fn numbered(&self, tree: &Tree, name: &[u8], number: i64) -> Result<Option<Node>, ViewError> {
        let path = joined(&tree.path, name);
        let here = self.source.snapshots().position(|(_, other)| other.id == tree.snapshot.id);
        let (history, here) = (self.history(&path)?, here.ok_or(ViewError::NotFound)?);
        let count = number.unsigned_abs() as usize;
        let state = if number > 0 { history.versions().nth(count - 1) } else { history.before(here, count) };
        match state {
            Some(state) if !self.view.is_shared || self.is_as_open(&tree.path, here, state)? => {
                self.version(&path, state).map(Some)
            }
            _ => Ok(None),
        }
    }

    /// Whether the directories above a version admitted, when it was first seen, every user whom they admit
    /// at `here`. A version that was private then must not become visible because a directory was opened
    /// later.
    fn is_as_open(&self, directory: &[u8], here: usize, state: &State) -> Result<bool, ViewError> {
        let ends = (0..directory.len()).filter(|at| directory[*at] == b'/').chain([directory.len()]);
        for end in ends.chain([0]) {
            let path = &directory[..end];
            let history = self.history(path)?;
            let access = |index| {
                let (snapshot, state) = (self.source.snapshot(index)?, history.at(index)?);
                Some(self.view.access(snapshot, path, &state.entry))
            };
            let (Some(now), Some(then)) = (access(here), access(state.first)) else { return Ok(false) };
            if now.and(then) != now {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_versions_are_recognised() {
        assert_eq!(parse(b"passwd;3"), Some((&b"passwd"[..], 3)));
        assert_eq!(parse(b"a;1;-12"), Some((&b"a;1"[..], -12)));
        for other in [
            &b"passwd"[..],
            b";1",
            b"a;",
            b"a;0",
            b"a;-0",
            b"a;+1",
            b"a;01",
            b"a; 1",
            b"a;1x",
            b"a;99999999999999999999",
        ] {
            assert_eq!(parse(other), None, "{}", other.escape_ascii());
        }
    }
}
