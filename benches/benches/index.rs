//! Benchmarks of the index: look-ups of present and absent blobs, and reads of blobs through it.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use fs_benches::Random;
use fs_core::format::{
    Attributes, BlobId, Content, Entry, Extensions, Gaps, Kind, Manifest, Origin, PackKind, Status, Time,
    Totals, Xattrs,
};
use fs_core::store::{Access, CacheSizes, DirectoryWriter, Repository};

const BLOBS: u64 = 300_000;
const LEN: usize = 40;

fn blob(number: u64) -> Vec<u8> {
    Random::new(number).noise(LEN)
}

/// A snapshot of an empty directory. Without a snapshot nothing is kept.
fn manifest(root: BlobId) -> Manifest {
    let time = Time::new(0, 0).expect("a time");
    let attributes = Attributes { mode: 0o755, uid: 0, gid: 0, mtime: time };
    Manifest {
        source: b"bench".as_slice().into(),
        time,
        started: time,
        status: Status::Complete,
        root: Entry {
            attributes,
            kind: Kind::Directory(root),
            xattrs: Xattrs::None,
            changed_while_read: false,
            gaps: Gaps::default(),
        },
        links_len: 0,
        links: Content::empty(),
        totals: Totals::default(),
        origin: Origin { host: b"host".as_slice().into(), path: b"/".as_slice().into() },
        parent: None,
        extensions: Extensions::default(),
    }
}

fn index(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path().join("repository");
    Repository::init(&root).expect("a repository");
    let mut ids: Vec<BlobId> = Vec::new();
    {
        let repository = Repository::open(&root, Access::Write).expect("the repository");
        let mut writer = repository.writer().expect("a writer");
        for number in 0..BLOBS {
            ids.push(writer.put(PackKind::Data, &blob(number), None).expect("a blob"));
        }
        let root = DirectoryWriter::default().finish(&mut writer).expect("a directory");
        writer.commit(&manifest(root)).expect("a snapshot");
    }
    let repository = Repository::open(&root, Access::Write).expect("the repository");
    let mut random = Random::new(9);
    let mut group = criterion.benchmark_group("index of 300,000 blobs");
    group.sample_size(50);
    let mut writer = repository.writer().expect("a writer");
    let known: Vec<Vec<u8>> = (0..10_000).map(|_| blob(random.below(BLOBS))).collect();
    let mut next = 0;
    group.bench_function("hash and look up 40 bytes that are there", |bencher| {
        bencher.iter(|| {
            next = (next + 1) % known.len();
            writer.put(PackKind::Data, black_box(&known[next]), None).expect("a blob")
        });
    });
    let reader = repository.reader(CacheSizes::default());
    group.bench_function("read a random blob, block in memory", |bencher| {
        bencher.iter(|| {
            let at = usize::try_from(random.below(BLOBS)).expect("an index");
            reader.blob(&ids[at]).expect("a blob").len()
        });
    });
    group.finish();
}

criterion_group!(benches, index);
criterion_main!(benches);
