//! Directory nodes, and listing and looking up through the view.

use std::fs;
use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use fs_core::format::{Keys, LeafBuilder, Node, Secret};
use fs_core::monitor::{Cancellation, Silent};
use fs_core::service::{self, ImportOptions};
use fs_core::store::{Access, CacheSizes, Repository};
use fs_core::view::{Options, Scope, View};
use jiff::tz::TimeZone;

const FILES: u64 = 20_000;

/// A view of a snapshot with one directory of many files.
fn view(folder: &std::path::Path) -> View {
    let (root, tree) = (folder.join("repository"), folder.join("tree"));
    fs::create_dir_all(&tree).expect("a tree");
    for number in 0..FILES {
        fs::write(tree.join(format!("{number:06}.txt")), number.to_string()).expect("a file");
    }
    service::init(&root).expect("a repository");
    service::import_tree(&root, &tree, &ImportOptions::default(), &Silent, &Cancellation::default())
        .expect("an import");
    let repository = Repository::open(&root, Access::Read).expect("the repository");
    let caches = CacheSizes::default();
    let scope = Scope::Source(b"tree".to_vec());
    View::new(repository, Options { scope, zone: TimeZone::UTC, owner: (0, 0), caches }).expect("a view")
}

fn listing(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a folder");
    let view = view(folder.path());
    let latest = view.top();
    let name = view.lookup(&latest, b"@latest").and_then(|alias| Ok(view.read_link(&alias)?.to_vec()));
    let snapshot = view.lookup(&latest, &name.expect("a snapshot")).expect("its folder");
    let mut group = criterion.benchmark_group("directory of 20,000 files");
    group.throughput(Throughput::Elements(FILES));
    group.sample_size(20);
    group.bench_function("list", |bencher| {
        bencher.iter(|| {
            let mut seen = 0u64;
            view.read_directory(&snapshot, 0, &mut |entry| {
                seen += u64::from(view.attr(&entry.node).nlink);
                true
            })
            .expect("a listing");
            assert!(seen >= FILES);
        });
    });
    group.throughput(Throughput::Elements(1));
    group.bench_function("look a name up", |bencher| {
        bencher.iter(|| view.lookup(&snapshot, black_box(b"012345.txt")).expect("the file"));
    });
    group.finish();
}

fn nodes(criterion: &mut Criterion) {
    let keys = Keys::derive(&Secret([1; 32]));
    let mut leaf = LeafBuilder::default();
    for number in 0..256 {
        leaf.push(&keys, format!("{number:06}.txt").as_bytes(), &[7; 60]);
    }
    let (bytes, ..) = leaf.finish();
    let Ok(Node::Leaf(node)) = Node::decode(&bytes) else { unreachable!("a leaf was encoded") };
    let mut group = criterion.benchmark_group("node of 256 entries");
    group.bench_function("decode", |bencher| {
        bencher.iter(|| Node::decode(black_box(&bytes)).expect("a node"));
    });
    group.bench_function("find a name", |bencher| bencher.iter(|| node.find(black_box(b"000123.txt"))));
    group.finish();
}

criterion_group!(benches, nodes, listing);
criterion_main!(benches);
