use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::format::{BlobId, Entry, Kind};
use crate::history::{Reading, Source, components};
use crate::store::{self, Found, Reader, StoreError};
use crate::view::{View, ViewError};

/// The history of a path in a source: consecutive intervals of the timeline, without gaps.
#[derive(Debug)]
pub struct PathHistory {
    intervals: Vec<Interval>,
}

/// An interval: consecutive snapshots in which a path had one state, or was absent.
#[derive(Debug, Clone)]
pub struct Interval {
    /// Index of the first snapshot in the timeline.
    pub first: usize,
    /// Index of the last snapshot in the timeline.
    pub last: usize,
    /// State of the path; `None` if it was absent.
    pub state: Option<Arc<State>>,
    /// Whether the imports could read the path, and for a directory everything below it.
    pub reading: Reading,
}

/// A state of a path. Equal states of a history are one object.
#[derive(Debug)]
pub struct State {
    /// The recorded entry.
    pub entry: Entry,
    /// Number of the distinct version, from 1, in the order in which versions were first seen. `None` for a
    /// directory, which holds versions and is none, and for an entry whose content could not be read.
    pub number: Option<u32>,
    /// Index of the first snapshot that has the state.
    pub first: usize,
    /// The leaf that has the entry in that snapshot, and the position in it; `None` for a snapshot's root.
    pub(in crate::view) found: Option<(BlobId, u32)>,
    /// The encoded entry.
    pub(in crate::view) body: Box<[u8]>,
}

impl State {
    fn directory(&self) -> Option<BlobId> {
        match self.entry.kind {
            Kind::Directory(id) => Some(id),
            _ => None,
        }
    }
}

impl View {
    /// Returns the history of `path` in `source`. Components are separated by `/`; empty ones and `.` are
    /// ignored.
    ///
    /// # Errors
    ///
    /// If a directory on the way cannot be read in one of the snapshots.
    pub fn history(&self, source: &Source, path: &[u8]) -> Result<PathHistory, ViewError> {
        let mut history = PathHistory::root(source);
        for name in components(path) {
            history = history.step(self.reader(), name)?;
        }
        let path = components(path).collect::<Vec<_>>().join(&b'/');
        Ok(history.with_readings(self.reader(), source, &path)?)
    }
}

impl PathHistory {
    /// The history of the root directory.
    pub(in crate::view) fn root(source: &Source) -> Self {
        let mut builder = Builder::default();
        for (at, (_, snapshot)) in source.snapshots().enumerate() {
            let entry = &snapshot.manifest.root;
            let mut body = Vec::new();
            entry.encode(&mut body);
            let state = builder.state(&body, at, None, || Ok::<_, StoreError>(entry.clone()));
            builder.push(at, at, state.ok());
        }
        Self { intervals: builder.intervals }
    }

    /// The history of the entry `name` of this directory.
    pub(in crate::view) fn step(&self, reader: &Reader, name: &[u8]) -> Result<Self, StoreError> {
        let directory = |interval: &Interval| interval.state.as_ref().and_then(|state| state.directory());
        let found = find_in_all(reader, self.intervals.iter().filter_map(directory), name)?;
        let mut builder = Builder::default();
        for interval in &self.intervals {
            let there = directory(interval).and_then(|id| found.get(&id)?.as_ref());
            let state = there.map(|there| {
                let found = Some((there.leaf, there.at));
                builder.state(&there.body, interval.first, found, || there.entry())
            });
            builder.push(interval.first, interval.last, state.transpose()?);
        }
        Ok(Self { intervals: builder.intervals })
    }

    /// Splits intervals in which some imports could read `path` and others could not.
    fn with_readings(self, reader: &Reader, source: &Source, path: &[u8]) -> Result<Self, StoreError> {
        if source.snapshots().all(|(_, snapshot)| snapshot.is_whole()) {
            return Ok(self);
        }
        let mut parted: Vec<Interval> = Vec::with_capacity(self.intervals.len());
        for interval in self.intervals {
            let begin = parted.len();
            for index in interval.first..=interval.last {
                let reading = match (source.snapshot(index), &interval.state) {
                    (Some(snapshot), None) => snapshot.reading(reader, path)?,
                    (Some(snapshot), Some(state)) => snapshot.reading_of(&state.entry, path),
                    (None, _) => Reading::Read,
                };
                match parted[begin..].last_mut() {
                    Some(open) if open.reading == reading => open.last = index,
                    _ => parted.push(Interval { first: index, last: index, reading, ..interval.clone() }),
                }
            }
        }
        Ok(Self { intervals: parted })
    }

    /// All intervals, the oldest first.
    pub fn intervals(&self) -> &[Interval] {
        &self.intervals
    }

    /// Whether the path ever existed.
    pub fn exists(&self) -> bool {
        self.intervals.iter().any(|interval| interval.state.is_some())
    }

    /// State of the path in the snapshot at the index `index`; `None` if it was absent.
    pub fn at(&self, index: usize) -> Option<&Arc<State>> {
        let at = self.intervals.partition_point(|interval| interval.last < index);
        self.intervals.get(at)?.state.as_ref()
    }

    /// The distinct versions that are no directories, in the order in which they were first seen.
    pub fn versions(&self) -> impl Iterator<Item = &Arc<State>> {
        let mut next = 1;
        self.intervals.iter().filter_map(|interval| interval.state.as_ref()).filter(move |state| {
            let is_new = state.number == Some(next);
            next += u32::from(is_new);
            is_new
        })
    }

    /// The version that lies `changes` changes before the state in the snapshot at the index `index`. Absence
    /// and directories are no versions.
    pub fn before(&self, index: usize, changes: usize) -> Option<&Arc<State>> {
        let mut past: Vec<&Arc<State>> = self
            .intervals
            .iter()
            .take_while(|interval| interval.first <= index)
            .filter_map(|interval| interval.state.as_ref().filter(|state| state.number.is_some()))
            .collect();
        past.dedup_by_key(|state| state.number);
        let is_version = self.at(index).is_some_and(|state| state.number.is_some());
        let here = past.len() - usize::from(is_version);
        here.checked_sub(changes).and_then(|at| past.get(at)).copied()
    }

    /// The directories that the path was, with their intervals.
    pub(in crate::view) fn directories(&self) -> impl Iterator<Item = (&Interval, BlobId)> {
        self.intervals.iter().filter_map(|interval| Some((interval, interval.state.as_ref()?.directory()?)))
    }

    /// Approximate memory use, in bytes.
    pub(in crate::view) fn weight(&self) -> usize {
        let state = |interval: &Interval| {
            interval.state.as_ref().map_or(0, |state| size_of::<State>() + 2 * state.body.len())
        };
        size_of::<Self>()
            + self.intervals.iter().map(|interval| size_of::<Interval>() + state(interval)).sum::<usize>()
    }
}

/// An entry, and its position in a leaf.
struct There {
    leaf: BlobId,
    at: u32,
    body: Box<[u8]>,
}

impl There {
    fn entry(&self) -> Result<Entry, StoreError> {
        let leaf = self.leaf;
        Entry::decode(&self.body).map_err(StoreError::damaged(|| format!("directory node {leaf}")))
    }
}

/// Number of directories that a thread takes at a time. For fewer, a thread is not worth it.
const FEW: usize = 32;
/// Number of directories above which a single-pass reader is used. Another reader would evict cached data
/// that is needed again.
const MANY: usize = 256;

/// Finds `name` in each of these directories. The directories of a long history are in as many packs. Opening
/// the packs is most of the work, so threads share it.
fn find_in_all(
    reader: &Reader,
    directories: impl Iterator<Item = BlobId>,
    name: &[u8],
) -> Result<HashMap<BlobId, Option<There>>, StoreError> {
    let mut seen = HashSet::new();
    let ids: Vec<BlobId> = directories.filter(|id| seen.insert(*id)).collect();
    let find = |reader: &Reader, id: &BlobId| {
        let found = store::find(reader, id, name)?;
        let there = |found: Found| There { leaf: found.leaf, at: found.at as u32, body: found.body().into() };
        Ok::<_, StoreError>((*id, found.map(there)))
    };
    let brief = (ids.len() > MANY).then(|| reader.for_single_pass());
    let helping = || brief.as_ref().map_or_else(|| reader.for_thread(), Reader::for_single_pass);
    let next = AtomicUsize::new(0);
    let work = |reader: &Reader| {
        let mut found = Vec::new();
        while let Some(ids) = ids.chunks(FEW).nth(next.fetch_add(1, Ordering::Relaxed)) {
            for id in ids {
                found.push(find(reader, id)?);
            }
        }
        Ok::<_, StoreError>(found)
    };
    let cores = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        let helpers = 1..cores.min(ids.len().div_ceil(FEW));
        // If no further thread can be started, this thread does all the work.
        let help = |_permit: Permit| work(&helping());
        let spawn = |_| {
            let permit = Permit::claim(cores)?;
            thread::Builder::new().spawn_scoped(scope, move || help(permit)).ok()
        };
        let helpers: Vec<_> = helpers.filter_map(spawn).collect();
        let mut found: HashMap<_, _> = work(brief.as_ref().unwrap_or(reader))?.into_iter().collect();
        for helper in helpers {
            let others = helper.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            found.extend(others?);
        }
        Ok(found)
    })
}

/// Permission to run a helper thread. All searches together have no more helpers than cores.
struct Permit;

static HELPERS: AtomicUsize = AtomicUsize::new(0);

impl Permit {
    fn claim(most: usize) -> Option<Self> {
        let more = |helpers: usize| (helpers < most).then_some(helpers + 1);
        HELPERS.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).ok().map(|_| Self)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        HELPERS.fetch_sub(1, Ordering::Relaxed);
    }
}

#[derive(Default)]
struct Builder {
    intervals: Vec<Interval>,
    states: HashMap<Box<[u8]>, Arc<State>>,
    versions: u32,
}

impl Builder {
    /// Returns the state with this encoding. An unknown state is recorded as first seen in the snapshot
    /// `first`, at the position `found` in a leaf.
    fn state<E>(
        &mut self,
        body: &[u8],
        first: usize,
        found: Option<(BlobId, u32)>,
        entry: impl FnOnce() -> Result<Entry, E>,
    ) -> Result<Arc<State>, E> {
        if let Some(state) = self.states.get(body) {
            return Ok(Arc::clone(state));
        }
        let entry = entry()?;
        let number = (!entry.is_directory() && entry.not_read().is_none()).then(|| {
            self.versions += 1;
            self.versions
        });
        let state = Arc::new(State { entry, number, first, found, body: body.into() });
        self.states.insert(body.into(), Arc::clone(&state));
        Ok(state)
    }

    fn push(&mut self, first: usize, last: usize, state: Option<Arc<State>>) {
        let id = |state: &Option<Arc<State>>| state.as_ref().map(Arc::as_ptr);
        match self.intervals.last_mut() {
            Some(open) if id(&open.state) == id(&state) => open.last = last,
            _ => self.intervals.push(Interval { first, last, state, reading: Reading::Read }),
        }
    }
}
