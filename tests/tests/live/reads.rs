//! Reading a file in pieces, from many threads, at any offset.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;

use fs_tests::needs::{self, Need};
use fs_tests::plant::{file, noise};
use fs_tests::{Mounted, Sandbox};

#[test]
fn pieces_at_any_offset_from_many_threads() {
    if !needs::met(&[Need::Fuse]) {
        return;
    }
    let sandbox = Sandbox::with_repository();
    let content: Vec<u8> =
        [noise(1, 3_000_000), vec![0; 2_000_001], b"text ".repeat(400_000), noise(2, 3_456_789)].concat();
    file(sandbox.source().join("large"), &content);
    let name = sandbox.import();
    let mounted = Mounted::source(&sandbox);
    let path = mounted.path(name).join("large");
    std::thread::scope(|scope| {
        for thread in 0..4_u64 {
            let (path, content) = (&path, &content);
            scope.spawn(move || {
                let open = File::open(path).expect("the file");
                let mut random = noise(thread + 99, 8 * 400).into_iter();
                let mut draw = |limit: usize| {
                    let bytes: [u8; 4] = std::array::from_fn(|_| random.next().expect("enough noise"));
                    usize::try_from(u32::from_le_bytes(bytes)).expect("it fits") % limit
                };
                for _ in 0..300 {
                    let offset = draw(content.len());
                    let length = draw(300_000).min(content.len() - offset);
                    let mut piece = vec![0; length];
                    open.read_exact_at(&mut piece, offset as u64).expect("a piece");
                    assert!(piece == content[offset..offset + length], "wrong bytes at {offset}+{length}");
                }
            });
        }
    });
    let open = File::open(&path).expect("the file");
    let end = content.len() as u64;
    assert_eq!(open.read_at(&mut [0; 100], end).expect("the end"), 0);
    assert_eq!(open.read_at(&mut [0; 100], end + 12345).expect("beyond the end"), 0);
    assert_eq!(open.read_at(&mut [0; 100], end - 7).expect("the last bytes"), 7);
}

#[test]
fn a_folder_can_be_listed_by_many_at_once() {
    if !needs::met(&[Need::Fuse]) {
        return;
    }
    let sandbox = Sandbox::with_repository();
    for number in 0..3000 {
        file(sandbox.source().join(format!("crowd/{number}")), "x");
    }
    sandbox.import();
    let mounted = Mounted::source(&sandbox);
    let crowd = mounted.path("@latest/crowd");
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..3 {
                    let mut names: Vec<_> = fs::read_dir(&crowd)
                        .expect("the folder")
                        .map(|entry| entry.expect("an entry").file_name())
                        .collect();
                    names.sort();
                    names.dedup();
                    assert_eq!(names.len(), 3000);
                }
            });
        }
    });
}
