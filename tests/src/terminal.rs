//! Runs commands on a terminal.

use std::fs::{File, OpenOptions};
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::ExitStatus;
use std::thread;
use std::time::Duration;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use crate::{Yester, wait_until};

/// Time after which a command counts as hanging.
const LIMIT: Duration = Duration::from_secs(300);

impl Yester<'_> {
    /// Runs the command to its end, with stdout and stderr on a terminal of `columns` columns. Returns the
    /// exit status and all output.
    #[track_caller]
    pub fn on_terminal(&self, columns: u16) -> (ExitStatus, String) {
        let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
        grantpt(&terminal).and_then(|()| unlockpt(&terminal)).expect("its other side");
        let name = ptsname(&terminal, Vec::new()).expect("its name");
        let side = Path::new(std::ffi::OsStr::from_bytes(name.to_bytes()));
        let side = OpenOptions::new().read(true).write(true).open(side).expect("its other side");
        tcsetwinsize(&side, Winsize { ws_row: 24, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 })
            .expect("its size");
        let mut child = {
            let mut command = self.command();
            command.env("TERM", "xterm").stdout(side.try_clone().expect("a copy")).stderr(side);
            command.spawn().expect("the command starts")
        };
        let mut terminal = File::from(terminal);
        let reader = thread::spawn(move || {
            let mut shown = Vec::new();
            // The read ends with an error once no process has the other side open.
            let _ = terminal.read_to_end(&mut shown);
            shown
        });
        let status = wait_until("the command's end", LIMIT, || child.try_wait().expect("a child"));
        let shown = reader.join().expect("what was shown");
        (status, String::from_utf8_lossy(&shown).into_owned())
    }
}
