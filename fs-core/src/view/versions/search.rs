use super::positions::Positions;
use super::sweep::{Nodes, Swept, SweptState, sweep};
use crate::format::Kind;
use crate::history::{Reading, Readings, Source, joined};
use crate::store::{Reader, StoreError};
use crate::view::{FileKind, View, ViewError};

/// A search in all snapshots of a source.
pub struct Query<'a> {
    /// Selects a name (second argument) in a directory (its path, first argument).
    pub matches: &'a dyn Fn(&[u8], &[u8]) -> bool,
    /// Selects only paths that are not in the last snapshot, except those that its import certainly could not
    /// read or excluded.
    pub deleted: bool,
    /// Selects only paths that appeared, changed or went with the snapshot at this index of the timeline, or
    /// a later one.
    pub since: usize,
    /// Selects only paths that were once larger than this size, in bytes.
    pub larger: Option<u64>,
}

/// A path that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit {
    /// Path within the source.
    pub path: Box<[u8]>,
    /// Index in the timeline of the first snapshot that has the path.
    pub first: usize,
    /// Index of the last snapshot that has the path.
    pub last: usize,
    /// Number of snapshots that have the path.
    pub snapshots: usize,
    /// Number of versions of the path.
    pub versions: usize,
    /// Type in the last snapshot that has the path.
    pub kind: FileKind,
    /// Size in that snapshot, in bytes.
    pub size: u64,
    /// Whether the import of that snapshot could not read the content.
    pub not_read: bool,
    /// Index of the last snapshot that has the content; `None` if none has.
    pub last_read: Option<usize>,
    /// The reason why the path is not in the last snapshot; `None` if it is.
    pub missing: Option<Reading>,
}

enum Todo {
    Report(Hit),
    Enter { path: Box<[u8]>, nodes: Nodes },
}

impl View {
    /// Reports every path of `source` that a query selects, in all snapshots, in the order of a walk, until
    /// `emit` returns false. Each node of a directory is read once, whatever the number of snapshots that
    /// have it.
    ///
    /// # Errors
    ///
    /// If a directory of any snapshot cannot be read. The paths before it were reported.
    pub fn search(
        &self,
        source: &Source,
        query: &Query<'_>,
        emit: &mut dyn FnMut(Hit) -> bool,
    ) -> Result<(), ViewError> {
        let mut root = Nodes::new();
        let mut doubtful = Doubtful::of(self.reader(), source);
        for (at, (_, snapshot)) in source.snapshots().enumerate() {
            if let Kind::Directory(id) = snapshot.manifest.root.kind {
                root.entry(id).or_default().add(at, at);
            }
        }
        // The stack is explicit, as a forged tree may have any depth.
        let mut todo = vec![Todo::Enter { path: Box::default(), nodes: root }];
        while let Some(next) = todo.pop() {
            match next {
                Todo::Report(hit) => {
                    if !emit(hit) {
                        return Ok(());
                    }
                }
                Todo::Enter { path, nodes } => {
                    let wanted = |name: &[u8]| (query.matches)(&path, name);
                    for swept in sweep(self.reader(), nodes, &wanted)?.into_iter().rev() {
                        let below = directories(&swept)?;
                        let path = joined(&path, &swept.name);
                        if !below.is_empty() {
                            todo.push(Todo::Enter { path: path.clone().into(), nodes: below });
                        }
                        if wanted(&swept.name)
                            && let Some(hit) = query.hit(&mut doubtful, path, swept.states)?
                        {
                            todo.push(Todo::Report(hit));
                        }
                    }
                }
            }
        }
        Ok(())
    }
}

fn directories(swept: &Swept) -> Result<Nodes, ViewError> {
    let mut nodes = Nodes::new();
    for state in swept.states.iter().filter(|state| state.is_directory()) {
        if let Kind::Directory(id) = state.entry()?.kind {
            nodes.entry(id).or_default().extend(&state.positions);
        }
    }
    nodes.values_mut().for_each(Positions::normalise);
    Ok(nodes)
}

impl Query<'_> {
    /// The hit for a path with these states; `None` if the query does not select it.
    fn hit(
        &self,
        doubtful: &mut Doubtful<'_>,
        path: Vec<u8>,
        mut states: Vec<SweptState>,
    ) -> Result<Option<Hit>, ViewError> {
        let mut positions = Positions::default();
        states.iter().for_each(|state| positions.extend(&state.positions));
        positions.normalise();
        let (end, missing) = (doubtful.end, doubtful.missing(&path, &positions)?);
        if self.deleted && missing.is_none_or(Reading::is_recorded) {
            return Ok(None);
        }
        let last = states.iter().max_by_key(|state| state.positions.last());
        let Some(entry) = last.map(SweptState::entry).transpose()? else { return Ok(None) };
        let not_read = entry.not_read().is_some();
        let last_read = if not_read { last_read(&states)? } else { Some(positions.last()) };
        // As far as is known, the path was neither deleted nor created again, and has not changed where its
        // content was not read.
        let mut unread = doubtful.unread(&path, &positions)?;
        let was_read = |state: &SweptState| state.is_directory() || state.is_version();
        if states.iter().any(was_read) {
            states.iter().filter(|state| !was_read(state)).for_each(|state| unread.extend(&state.positions));
            unread.normalise();
            states.retain(was_read);
        }
        states.iter_mut().for_each(|state| state.positions.fill(&unread));
        let is_late = |(first, last): &(usize, usize)| {
            *first >= self.since || (last + 1 < end && last + 1 >= self.since)
        };
        if !states.iter().any(|state| state.positions.ranges().iter().any(is_late)) {
            return Ok(None);
        }
        if let Some(larger) = self.larger {
            let sizes = states.iter().map(|state| state.entry().map(|entry| entry.size()));
            if sizes.collect::<Result<Vec<_>, _>>()?.iter().all(|size| *size <= larger) {
                return Ok(None);
            }
        }
        Ok(Some(Hit {
            path: path.into(),
            first: positions.first(),
            last: positions.last(),
            snapshots: positions.count(),
            versions: states.iter().filter(|state| was_read(state)).count(),
            kind: FileKind::from(&entry.kind),
            size: entry.size(),
            not_read,
            last_read,
            missing,
        }))
    }
}

/// Index of the last snapshot in which the content of a path with these states was read.
fn last_read(states: &[SweptState]) -> Result<Option<usize>, StoreError> {
    let mut last = None;
    for state in states {
        if state.entry()?.not_read().is_none() {
            last = last.max(Some(state.positions.last()));
        }
    }
    Ok(last)
}

/// The snapshots that may lack what existed.
struct Doubtful<'a> {
    reader: &'a Reader,
    /// Their indexes in the timeline, in order.
    readings: Vec<(usize, Readings<'a>)>,
    /// End of the timeline: the number of its snapshots.
    end: usize,
}

impl<'a> Doubtful<'a> {
    fn of(reader: &'a Reader, source: &'a Source) -> Self {
        let all = source.snapshots().enumerate().filter(|(_, (_, snapshot))| !snapshot.is_whole());
        let readings = all.map(|(index, (_, snapshot))| (index, Readings::of(snapshot))).collect();
        Self { reader, readings, end: source.timeline.len() }
    }

    /// The reason why a path in the snapshots `there` is not in the last snapshot; `None` if it is.
    fn missing(&mut self, path: &[u8], there: &Positions) -> Result<Option<Reading>, StoreError> {
        let after = there.last() + 1;
        let first = self.readings.partition_point(|(index, _)| *index < after);
        let doubtful = &mut self.readings[first..];
        if doubtful.len() < self.end - after {
            return Ok(Some(Reading::Read));
        }
        let mut missing = None;
        for (_, readings) in doubtful {
            missing = Some(readings.of_path(self.reader, path)?);
            if missing.is_some_and(Reading::is_certain) {
                break;
            }
        }
        Ok(missing)
    }

    /// The snapshots that lack a path without proof that it was deleted. The snapshots `there` have it.
    fn unread(&mut self, path: &[u8], there: &Positions) -> Result<Positions, StoreError> {
        let mut unread = Positions::default();
        for (index, readings) in &mut self.readings {
            if !there.contains(*index) && !readings.of_path(self.reader, path)?.is_certain() {
                unread.add(*index, *index);
            }
        }
        Ok(unread)
    }
}
