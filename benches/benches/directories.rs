//! Benchmarks of directory nodes, and of listing and look-up through the view.

use std::fs;
use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use fs_core::clock::SystemClock;
use fs_core::format::{Keys, LeafBuilder, LinkTableBuilder, Node, PathKey, Secret};
use fs_core::import::{ImportOptions, import_tree};
use fs_core::monitor::{Cancellation, Silent};
use fs_core::service;
use fs_core::store::{Access, ContentWriter, Repository};
use fs_core::view::{self, Options, Scope, View};
use jiff::tz::TimeZone;

const FILES: u64 = 20_000;
/// Number of linked paths in the snapshot with hard links: every other path of the directory, and paths of
/// other files.
const LINKED: u64 = 1_000_000;

fn name(number: u64) -> String {
    format!("{number:06}.txt")
}

/// A view of two snapshots with one directory of many files. The second also has a table of hard links.
fn view(folder: &std::path::Path) -> View {
    let (root, tree) = (folder.join("repository"), folder.join("tree"));
    fs::create_dir_all(&tree).expect("a tree");
    for number in 0..FILES {
        fs::write(tree.join(name(number)), number.to_string()).expect("a file");
    }
    service::init(&root).expect("a repository");
    import_tree(&root, &tree, &ImportOptions::default(), &Silent, &Cancellation::default())
        .expect("an import");
    add_links(&Repository::open(&root, Access::Write).expect("the repository"));
    let repository = Repository::open(&root, Access::Read).expect("the repository");
    let scope = Scope::Source(b"tree".to_vec());
    View::new(repository, Options::new(scope, TimeZone::UTC, Arc::new(SystemClock))).expect("a view")
}

fn add_links(repository: &Repository) {
    let keys = repository.keys();
    let here = (0..FILES).step_by(2).map(|number| keys.path_key(PathKey::ROOT, name(number).as_bytes()));
    let elsewhere = (0..LINKED - FILES / 2).map(|number| {
        let folder = keys.path_key(PathKey::ROOT, &(number / 100).to_le_bytes());
        keys.path_key(folder, name(number).as_bytes())
    });
    let paths: Vec<PathKey> = here.chain(elsewhere).collect();
    let mut links = LinkTableBuilder::default();
    let half = paths.len() / 2;
    (0..half).for_each(|at| links.push(&[paths[at], paths[at + half]]));
    let links = links.finish();

    let snapshot = repository.snapshots().expect("the snapshots")[0];
    let mut manifest = repository.manifest(&snapshot).expect("the manifest");
    let mut writer = repository.writer().expect("a writer");
    let mut content = ContentWriter::default();
    content.data(&mut writer, &mut links.as_slice(), u64::MAX).expect("the table");
    (manifest.links_len, _, manifest.links) = content.finish(&mut writer).expect("its end");
    manifest.time = jiff::Timestamp::now().into();
    let (_, statistics) = writer.commit(&manifest).expect("the snapshot");
    println!("a table of {} bytes is stored as {statistics:?}", links.len());
}

fn list(view: &View, folder: &view::Node) {
    let mut seen = 0u64;
    view.read_directory(folder, 0, &mut |entry| {
        seen += u64::from(view.attr(&entry.node).nlink);
        true
    })
    .expect("a listing");
    assert!(seen >= FILES);
}

fn listing(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a folder");
    let view = view(folder.path());
    let top = view.top();
    let look_up = |name: &[u8]| view.lookup(&top, name).expect("a name");
    let target = |alias: &[u8]| view.read_link(&look_up(alias)).expect("an alias").to_vec();
    for (links, snapshot) in [("", target(b"@first")), (" beside a million links", target(b"@latest"))] {
        let snapshot = look_up(&snapshot);
        let begin = std::time::Instant::now();
        list(&view, &snapshot);
        println!("listed{links} for the first time in {:?}", begin.elapsed());
        let mut group = criterion.benchmark_group(format!("directory of 20,000 files{links}"));
        group.throughput(Throughput::Elements(FILES));
        group.sample_size(20);
        group.bench_function("list", |bencher| bencher.iter(|| list(&view, &snapshot)));
        group.throughput(Throughput::Elements(1));
        group.bench_function("look a name up", |bencher| {
            bencher.iter(|| view.lookup(&snapshot, black_box(b"012345.txt")).expect("the file"));
        });
        group.finish();
    }
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
