//! A drive, as far as it can be seen without WinFsp's driver: `tests/wine/double.c` plays requests through WinFsp's own code.

mod large;
mod requests;
mod start;

use std::fs;

use fs_tests::{Sandbox, Wine};

/// What a drive answers.
struct Answers(std::vec::IntoIter<Vec<String>>);

impl Answers {
    /// The lines that the next request was answered with.
    #[track_caller]
    fn next(&mut self) -> Vec<String> {
        self.0.next().expect("an answer")
    }

    /// The next answer, which must be this one line.
    #[track_caller]
    fn is(&mut self, expected: &str) {
        assert_eq!(self.next(), [expected]);
    }
}

/// Mounts at `point` with these words, plays the requests, and ends by Ctrl-C, which must take the drive away.
#[track_caller]
fn play(sandbox: &Sandbox, wine: &Wine<'_>, words: &[&str], requests: &[&[&str]]) -> Answers {
    let (script, out) = (sandbox.path("script"), sandbox.path("answers"));
    let lines: Vec<String> = requests.iter().map(|words| words.join("\t")).collect();
    fs::write(&script, lines.join("\n") + "\nend\tinterrupt\n").expect("a script");
    let mount = wine
        .yester(["--timezone", "UTC", "mount", "Y:"])
        .args(words)
        .env("DOUBLE_SCRIPT", Wine::path(&script))
        .env("DOUBLE_OUT", Wine::path(&out));
    // Only who has a console is told of Ctrl-C.
    let (status, shown) = mount.on_terminal(200);
    assert!(status.success(), "{status}: {shown}");
    assert!(shown.contains("at Y:; Ctrl-C unmounts"), "{shown}");
    let told = String::from_utf8_lossy(&fs::read(&out).expect("answers")).into_owned();
    assert!(told.ends_with(">\ndone\nunmounted\ndeleted\n"), "{told}");
    let answers = told.split(">\n").map(|answer| answer.lines().map(str::to_owned).collect::<Vec<_>>());
    let mut answers = Answers(answers.collect::<Vec<_>>().into_iter());
    assert_eq!(answers.next(), ["create WinFsp.Disk yester read-only=1 case=0 unit=4096", "mounted Y:"]);
    answers
}
