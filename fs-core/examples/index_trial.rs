//! Kills processes that share a database as an index is shared, and counts wrong answers and errors.
//! `scripts/soak.sh index-trial` runs it; `docs/decisions/0004-index-mode.md` has its figures.
//!
//! usage: index_trial DIR [--mode multi|single] [--writers N] [--readers N] [--seconds N] [--seed N]
//!                        [--reader-dir DIR] [--reader-command WORDS]
//!
//! `single` opens one writer at a time, behind a lock. `--reader-dir` is where readers find DIR, such
//! as a read-only mount of it. `--reader-command` runs readers, such as `setpriv --reuid=65534 …`.

use std::collections::HashMap;
use std::env;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use redb::backends::FileBackend;
use redb::{
    Builder, ConcurrencyMode, Database, DatabaseError, Error, ReadTransaction, ReadableDatabase,
    ReadableTable, ReadableTableMetadata, TableDefinition,
};

const BLOBS: TableDefinition<'_, [u8; 16], u32> = TableDefinition::new("blobs");
/// The number of each writer's last batch, by writer.
const HEADS: TableDefinition<'_, u32, u32> = TableDefinition::new("heads");
/// Batches that a writer keeps. Older ones are removed, so that pages are used again.
const KEPT: u32 = 8;
const FILE: &str = "trial.redb";

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let result = match arguments.text("role").as_str() {
        "" => return run(&arguments),
        "writer" => write(&arguments),
        _ => read(&arguments),
    };
    if let Err(error) = result {
        say("error", &error);
    }
    ExitCode::SUCCESS
}

struct Arguments {
    folder: PathBuf,
    options: HashMap<String, String>,
}

impl Arguments {
    fn parse() -> Self {
        let mut words = env::args().skip(1);
        let folder = words.next().expect("usage: index_trial DIR [OPTIONS]").into();
        let mut options = HashMap::new();
        while let (Some(name), Some(value)) = (words.next(), words.next()) {
            options.insert(name.trim_start_matches('-').to_owned(), value);
        }
        Self { folder, options }
    }

    fn text(&self, name: &str) -> String {
        self.options.get(name).cloned().unwrap_or_default()
    }

    fn number(&self, name: &str, default: u32) -> u32 {
        self.options.get(name).map_or(default, |value| value.parse().expect("a number"))
    }

    fn is_multi(&self) -> bool {
        self.text("mode") != "single"
    }

    fn builder(&self) -> Builder {
        let mode = if self.is_multi() { ConcurrencyMode::MultiWriter } else { ConcurrencyMode::SingleWriter };
        let mut builder = Builder::new();
        builder.set_concurrency_mode(mode).set_cache_size(16 << 20);
        builder
    }

    fn open(&self) -> Result<Database, DatabaseError> {
        let path = self.folder.join(FILE);
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        self.builder().create_with_backend(FileBackend::new(file)?)
    }
}

/// Prints a line for the parent.
fn say(kind: &str, what: &dyn std::fmt::Display) {
    let mut out = std::io::stdout().lock();
    // The parent closes the pipe when the trial is over.
    let _ = out.write_all(format!("{kind} {what}\n").as_bytes()).and_then(|()| out.flush());
}

/// A generator of random numbers from a seed.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u32) -> u32 {
        self.0 = mix(self.0.wrapping_add(0x9e37_79b9_7f4a_7c15));
        u32::try_from(((self.0 >> 32) * u64::from(bound)) >> 32).unwrap_or(0)
    }
}

fn mix(mut value: u64) -> u64 {
    value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

fn key(writer: u32, batch: u32, number: u32) -> [u8; 16] {
    let seed = u64::from(writer) << 48 | u64::from(batch) << 16 | u64::from(number);
    let mut key = [0; 16];
    key[..8].copy_from_slice(&mix(seed).to_le_bytes());
    key[8..].copy_from_slice(&seed.to_le_bytes());
    key
}

fn len(batch: u32) -> u32 {
    if batch == 0 { 0 } else { 100 + batch % 7 * 60 }
}

// ---- Writers and readers ----------------------------------------------------------------------------------

fn write(arguments: &Arguments) -> Result<(), Error> {
    let (writer, acknowledged) = (arguments.number("id", 0), arguments.number("acknowledged", 0));
    let mut random = Random(u64::from(arguments.number("seed", 1)));
    let mut first = true;
    loop {
        let lock = if arguments.is_multi() { None } else { Some(lock(&arguments.folder)?) };
        let begun = Instant::now();
        let database = arguments.open()?;
        say("open", &begun.elapsed().as_millis());
        let transactions = if arguments.is_multi() { 50 + random.below(100) } else { 1 + random.below(4) };
        for _ in 0..transactions {
            let head = add(&database, writer)?;
            if first && head <= acknowledged {
                say("wrong", &format!("writer {writer}: {acknowledged} was committed, {head} is next"));
            }
            first = false;
            say("committed", &head);
        }
        drop(database);
        drop(lock);
    }
}

fn lock(folder: &Path) -> std::io::Result<File> {
    let file = OpenOptions::new().write(true).create(true).truncate(false).open(folder.join("trial.lock"))?;
    file.lock()?;
    Ok(file)
}

/// Commits a writer's next batch and reports its number.
fn add(database: &Database, writer: u32) -> Result<u32, Error> {
    let transaction = database.begin_write()?;
    let batch = {
        let mut heads = transaction.open_table(HEADS)?;
        let mut blobs = transaction.open_table(BLOBS)?;
        let batch = heads.get(writer)?.map_or(0, |head| head.value()) + 1;
        heads.insert(writer, batch)?;
        for number in 0..len(batch) {
            if blobs.insert(key(writer, batch, number), batch)?.is_some() {
                say("wrong", &format!("writer {writer}: batch {batch} is there before it is written"));
            }
        }
        if let Some(old) = batch.checked_sub(KEPT) {
            for number in 0..len(old) {
                if blobs.remove(key(writer, old, number))?.is_none() {
                    say("wrong", &format!("writer {writer}: batch {old} lacks key {number}"));
                }
            }
        }
        batch
    };
    transaction.commit()?;
    Ok(batch)
}

fn read(arguments: &Arguments) -> Result<(), Error> {
    let writers = arguments.number("writers", 8);
    let mut random = Random(u64::from(arguments.number("seed", 1)));
    let mut seen = vec![0; writers as usize];
    loop {
        let file = File::open(arguments.folder.join(FILE))?;
        let database = match arguments.builder().open_read_only_with_backend(FileBackend::new(file)?) {
            Ok(database) => database,
            // A writer was killed, and no other writer has the file open.
            Err(DatabaseError::RepairAborted) => {
                say("unclean", &"");
                thread::sleep(Duration::from_millis(2));
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        for _ in 0..20 + random.below(300) {
            let transaction = database.begin_read()?;
            let first = look(&transaction, &mut seen, &mut random)?;
            // A transaction always sees the same data, despite commits meanwhile.
            if random.below(4) == 0 && look(&transaction, &mut seen, &mut random)? != first {
                say("wrong", &"a transaction has changed");
            }
            say("read", &"");
        }
    }
}

/// Compares the data of a transaction with the writers' batches. Returns the number of each writer's last
/// batch.
fn look(transaction: &ReadTransaction, seen: &mut [u32], random: &mut Random) -> Result<Vec<u32>, Error> {
    let heads = transaction.open_table(HEADS)?;
    let blobs = transaction.open_table(BLOBS)?;
    let mut found = Vec::with_capacity(seen.len());
    let mut total = 0;
    for (writer, last) in (0..).zip(seen.iter_mut()) {
        let head = heads.get(writer)?.map_or(0, |head| head.value());
        if head < *last {
            say("wrong", &format!("writer {writer} went back from {last} to {head}"));
        }
        *last = head;
        found.push(head);
        let oldest = head.saturating_sub(KEPT - 1);
        total += (oldest..=head).map(|batch| u64::from(len(batch))).sum::<u64>();
        for _ in 0..12 {
            let batch = oldest.saturating_sub(1) + random.below(KEPT + 2);
            let expected = (batch >= oldest && batch <= head && batch > 0).then_some(batch);
            let key = key(writer, batch, random.below(len(batch).max(1)));
            let value = blobs.get(key)?.map(|value| value.value());
            if value != expected {
                say("wrong", &format!("writer {writer} at {head}: batch {batch} is {value:?}"));
            }
        }
    }
    if random.below(30) == 0 {
        let counted = blobs.iter()?.try_fold(0, |count, item| item.map(|_| count + 1))?;
        if counted != total || blobs.len()? != total {
            say("wrong", &format!("{counted} keys, {} by length, instead of {total}", blobs.len()?));
        }
    }
    Ok(found)
}

// ---- The trial --------------------------------------------------------------------------------------------

#[derive(Default)]
struct Counts {
    commits: u64,
    reads: u64,
    unclean: u64,
    slowest_open: u64,
    wrong: Vec<String>,
    errors: Vec<String>,
}

/// A process of the trial, and the thread that reads its output.
struct Running {
    child: Child,
    heard: JoinHandle<(Counts, u32)>,
}

fn start(arguments: &Arguments, number: u32, acknowledged: u32, seed: u32) -> Running {
    let writers = arguments.number("writers", 8);
    let program = env::current_exe().expect("this program");
    let is_writer = number < writers;
    let mut words = vec![program.into_os_string()];
    let mut folder = arguments.folder.clone();
    if !is_writer {
        let before = arguments.text("reader-command");
        words.splice(0..0, before.split_whitespace().map(Into::into));
        if let Some(there) = arguments.options.get("reader-dir") {
            folder = there.into();
        }
    }
    let role = if is_writer { "writer" } else { "reader" };
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]).arg(folder).args(["--role", role, "--mode", &arguments.text("mode")]);
    for (name, value) in
        [("writers", writers), ("id", number), ("acknowledged", acknowledged), ("seed", seed)]
    {
        command.arg(format!("--{name}")).arg(value.to_string());
    }
    let mut child = command.stdout(Stdio::piped()).spawn().expect("a process");
    let lines = BufReader::new(child.stdout.take().expect("its output"));
    let heard = thread::spawn(move || hear(lines, acknowledged));
    Running { child, heard }
}

fn hear(mut lines: impl BufRead, mut acknowledged: u32) -> (Counts, u32) {
    let mut counts = Counts::default();
    let mut line = String::new();
    // The last line of a killed process may be cut short.
    while lines.read_line(&mut line).is_ok_and(|len| len > 0) && line.ends_with('\n') {
        let (kind, what) = line.trim_end().split_once(' ').unwrap_or((line.trim_end(), ""));
        match kind {
            "committed" => {
                counts.commits += 1;
                acknowledged = what.parse().expect("a number");
            }
            "open" => counts.slowest_open = counts.slowest_open.max(what.parse().expect("a number")),
            "read" => counts.reads += 1,
            "unclean" => counts.unclean += 1,
            "wrong" => counts.wrong.push(what.to_owned()),
            _ => counts.errors.push(line.trim_end().to_owned()),
        }
        line.clear();
    }
    (counts, acknowledged)
}

fn run(arguments: &Arguments) -> ExitCode {
    let (writers, readers) = (arguments.number("writers", 8), arguments.number("readers", 4));
    let limit = Duration::from_secs(arguments.number("seconds", 60).into());
    let mut random = Random(u64::from(arguments.number("seed", 1)));
    {
        let database = arguments.open().expect("a new database");
        let transaction = database.begin_write().expect("a transaction");
        transaction.open_table(HEADS).expect("a table");
        transaction.open_table(BLOBS).expect("a table");
        transaction.commit().expect("a commit");
    }
    let mut all = Counts::default();
    let mut acknowledged = vec![0; (writers + readers) as usize];
    let mut running: Vec<Running> =
        (0..writers + readers).map(|number| start(arguments, number, 0, random.below(u32::MAX))).collect();
    let begun = Instant::now();
    let mut kills = 0u64;
    while begun.elapsed() < limit {
        thread::sleep(Duration::from_micros(random.below(60_000).into()));
        let victim = random.below(writers + readers);
        let at = victim as usize;
        let (counts, acked) = stop(running.remove(at));
        collect(&mut all, counts);
        acknowledged[at] = acked;
        kills += 1;
        running.insert(at, start(arguments, victim, acked, random.below(u32::MAX)));
    }
    for (at, process) in running.into_iter().enumerate() {
        let (counts, acked) = stop(process);
        collect(&mut all, counts);
        acknowledged[at] = acked;
    }
    finish(arguments, &acknowledged[..writers as usize], &mut all);
    println!(
        "{} with {writers} writers and {readers} readers, {} s: {kills} kills, {} commits, {} reads, \
         {} opens refused as unclean, slowest open to write {} ms, {} wrong answers, {} errors",
        if arguments.is_multi() { "multi" } else { "single" },
        begun.elapsed().as_secs(),
        all.commits,
        all.reads,
        all.unclean,
        all.slowest_open,
        all.wrong.len(),
        all.errors.len()
    );
    for what in all.wrong.iter().chain(&all.errors).take(20) {
        println!("  {what}");
    }
    if all.wrong.is_empty() && all.errors.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn stop(mut process: Running) -> (Counts, u32) {
    process.child.kill().expect("killed");
    process.child.wait().expect("its end");
    process.heard.join().expect("what it said")
}

fn collect(all: &mut Counts, counts: Counts) {
    all.commits += counts.commits;
    all.reads += counts.reads;
    all.unclean += counts.unclean;
    all.slowest_open = all.slowest_open.max(counts.slowest_open);
    all.wrong.extend(counts.wrong);
    all.errors.extend(counts.errors);
}

/// The final database must be sound and hold everything that was committed.
fn finish(arguments: &Arguments, acknowledged: &[u32], all: &mut Counts) {
    let mut left = || -> Result<(), Error> {
        let mut database = arguments.open()?;
        if !database.check_integrity()? {
            all.wrong.push("what is left had to be repaired".to_owned());
        }
        let transaction = database.begin_read()?;
        let heads = transaction.open_table(HEADS)?;
        for (writer, acknowledged) in (0..).zip(acknowledged) {
            let head = heads.get(writer)?.map_or(0, |head| head.value());
            if head < *acknowledged {
                all.wrong.push(format!("writer {writer}: {acknowledged} was committed, {head} is left"));
            }
        }
        Ok(())
    };
    if let Err(error) = left() {
        all.errors.push(error.to_string());
    }
}
