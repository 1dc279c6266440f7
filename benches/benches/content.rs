//! Benchmarks of hashing and of cutting content into chunks.

use std::hint::black_box;
use std::io::Cursor;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use fs_benches::Random;
use fs_core::format::{Keys, Secret};
use fs_core::store::{Access, ContentWriter, Repository};

const LARGE: usize = 32 << 20;

fn hashing(criterion: &mut Criterion) {
    let keys = Keys::derive(&Secret([1; 32]));
    let bytes = Random::new(1).noise(1 << 20);
    let mut group = criterion.benchmark_group("hash");
    for len in [256, 4 << 10, 256 << 10, 1 << 20] {
        group.throughput(Throughput::Bytes(len as u64));
        group.bench_function(format!("{len} bytes"), |bencher| {
            bencher.iter(|| keys.blob_id(black_box(&bytes[..len])));
        });
    }
    group.finish();
}

/// Content that the repository has already. It is cut, hashed and looked up, but not compressed.
fn known_content(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path().join("repository");
    Repository::init(&root).expect("a repository");
    let repository = Repository::open(&root, Access::Write).expect("the repository");
    let bytes = Random::new(2).noise(LARGE);
    let mut writer = repository.writer().expect("a writer");
    let mut content = ContentWriter::default();
    let mut group = criterion.benchmark_group("chunk, hash and look up");
    group.throughput(Throughput::Bytes(LARGE as u64));
    group.sample_size(20);
    group.bench_function("32 MiB", |bencher| {
        bencher.iter_batched(
            || Cursor::new(&bytes),
            |mut source| {
                content.data(&mut writer, &mut source, u64::MAX).expect("a content");
                content.finish(&mut writer).expect("its end")
            },
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

criterion_group!(benches, hashing, known_content);
criterion_main!(benches);
