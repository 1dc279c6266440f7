//! Benchmarks of blocks: compressing in full and as a delta, opening, decompressing.

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use fs_benches::Random;
use fs_core::format::{Block, BlockBuilder, BlockEncoder, Keys, Salt, Secret};

const LEVEL: i32 = 3;
const BLOB: usize = 8 << 10;
const BLOBS: u64 = 128;

/// A block of 1 MiB of text. With `edits`, each blob has one edit.
fn block(edits: bool) -> BlockBuilder {
    let mut builder = BlockBuilder::default();
    for number in 0..BLOBS {
        let mut text = Random::new(number).text(BLOB);
        if edits {
            text.splice(3000..3100, Random::new(number + 1000).text(120));
        }
        builder.push(&text);
    }
    builder
}

fn blocks(criterion: &mut Criterion) {
    let keys = Keys::derive(&Secret([1; 32]));
    let key = keys.object_key(Salt([2; 32]));
    let (before, after) = (block(false), block(true));
    let bases: Vec<_> = before.blobs().map(|blob| keys.blob_id(blob).prefix()).collect();
    let prefix: Vec<u8> = before.blobs().flatten().copied().collect();
    let mut encoder = BlockEncoder::new(LEVEL).expect("an encoder");
    let mut group = criterion.benchmark_group("block of 1 MiB");
    group.throughput(Throughput::Bytes(BLOBS * BLOB as u64));
    group.sample_size(30);
    group.bench_function("encode", |bencher| {
        bencher.iter(|| key.seal_block(0, &encoder.full(&before).expect("a block")));
    });
    group.bench_function("encode as a delta", |bencher| {
        bencher.iter(|| key.seal_block(0, &encoder.delta(&after, &bases, &prefix).expect("a block")));
    });
    let open = |stored| Block::open(&key, 0, black_box(stored)).expect("the block");
    let stored = key.seal_block(0, &encoder.full(&before).expect("a block"));
    group.bench_function("open: verify and parse", |bencher| {
        bencher.iter_batched(|| stored.clone(), open, BatchSize::PerIteration);
    });
    let decode = |stored, prefix: &[u8]| {
        let block = open(stored);
        let raw = block.decompress(prefix).expect("its bytes");
        // Neither is dropped in the time that is measured.
        (block, raw)
    };
    group.bench_function("decode", |bencher| {
        bencher.iter_batched(|| stored.clone(), |stored| decode(stored, &[]), BatchSize::PerIteration);
    });
    let delta = key.seal_block(0, &encoder.delta(&after, &bases, &prefix).expect("a block"));
    group.bench_function("decode a delta", |bencher| {
        bencher.iter_batched(|| delta.clone(), |delta| decode(delta, &prefix), BatchSize::PerIteration);
    });
    group.finish();
}

criterion_group!(benches, blocks);
criterion_main!(benches);
