use std::fs;

use fs_tests::needs::{self, Need};
use fs_tests::{Sandbox, Wine};

use super::play;

const ENTRIES: usize = 50_000;
const FOLDER: &str = r"\@latest\large";

#[test]
fn a_folder_of_50_000_entries_is_listed_in_many_buffers() {
    if !needs::met(&[Need::Windows]) {
        return;
    }
    let sandbox = Sandbox::with_repository();
    let wine = Wine::new(&sandbox);
    wine.install("double");
    let folder = sandbox.source().join("large");
    fs::create_dir(&folder).expect("a folder");
    for number in 0..ENTRIES {
        fs::File::create(folder.join(format!("file-{number:05}.txt"))).expect("a file");
    }
    sandbox.import();
    let mut answers = play(
        &sandbox,
        &wine,
        &["--source", "source"],
        &[
            &["list", FOLDER, "65536"],
            &["list", FOLDER, "4096", "*-4999?.TXT"],
            &["list", FOLDER, "4096", "*.doc"],
            &["from", FOLDER, "file-49990.txt"],
            &["from", FOLDER, "FILE-49998.TXT"],
            &["from", FOLDER, "file-49999.txt"],
            &["entry", FOLDER, "FILE-31415.txt"],
        ],
    );
    let names = |numbers: std::ops::Range<usize>| -> Vec<String> {
        numbers.map(|number| format!("-- 0 file-{number:05}.txt")).collect()
    };
    let with = |start: &[&str], numbers, end: &str| -> Vec<String> {
        let start = start.iter().map(|line| (*line).to_owned());
        start.chain(names(numbers)).chain([end.to_owned()]).collect()
    };
    let dots = ["d- 0 .", "d- 0 .."];
    assert!(answers.next() == with(&dots, 0..ENTRIES, "listed 00000000 50002 entries in many buffers"));
    assert_eq!(answers.next(), with(&[], 49_990..50_000, "listed 00000000 10 entries in one buffer"));
    // A buffer that holds the end alone.
    answers.is("listed 00000000 0 entries in one buffer");
    assert_eq!(answers.next(), with(&[], 49_991..50_000, "listed 00000000 9 entries in one buffer"));
    assert_eq!(answers.next(), with(&[], 49_999..50_000, "listed 00000000 1 entries in one buffer"));
    answers.is("listed 00000000 0 entries in one buffer");
    assert_eq!(answers.next(), with(&[], 31_415..31_416, "entry 00000000 1"));
}
