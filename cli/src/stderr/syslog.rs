//! Sends lines to syslog, as the datagrams of syslog(3). systemd's journal, rsyslog and busybox accept them.
//!
//! The crate `syslog` is not used: it blocks when the logger is slow, and never reaches a restarted one. All
//! that it would contribute is the format of a message, which is one line.

use std::io;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::process;

use jiff::Zoned;
use log::Level;

use crate::text::beginning;

const SOCKET: &str = "/dev/log";
/// `LOG_DAEMON`
const FACILITY: u8 = 3 << 3;
/// Maximum length of a message, in bytes. rsyslog cuts longer ones.
const LONGEST: usize = 8 << 10;

/// Sends lines without ever waiting.
#[derive(Debug)]
pub(super) struct Syslog {
    socket: UnixDatagram,
    path: PathBuf,
}

impl Syslog {
    pub(super) fn new() -> io::Result<Self> {
        Self::at(SOCKET.into())
    }

    fn at(path: PathBuf) -> io::Result<Self> {
        let socket = UnixDatagram::unbound()?;
        socket.set_nonblocking(true)?;
        Ok(Self { socket, path })
    }

    /// Sends a line. If the logger does not accept it at once, the line is lost. The socket is looked up each
    /// time, to find a logger that was started later or restarted.
    pub(super) fn send(&self, level: Level, text: &str) {
        let message = message(level, &Zoned::now(), process::id(), text);
        let _ = self.socket.send_to(message.as_bytes(), &self.path);
    }
}

/// A message as syslog(3) makes it: priority, local time, tag and process.
fn message(level: Level, now: &Zoned, pid: u32, text: &str) -> String {
    let severity = match level {
        Level::Error => 3,
        Level::Warn => 4,
        Level::Info => 6,
        Level::Debug | Level::Trace => 7,
    };
    let time = now.strftime("%b %e %H:%M:%S");
    let message = format!("<{}>{time} yester[{pid}]: {text}", FACILITY | severity);
    beginning(&message, LONGEST).to_owned()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn received(socket: &UnixDatagram) -> Option<String> {
        let mut bytes = vec![0; 2 * LONGEST];
        let len = socket.recv(&mut bytes).ok()?;
        Some(String::from_utf8(bytes[..len].to_vec()).unwrap())
    }

    fn bound(path: &PathBuf) -> UnixDatagram {
        let socket = UnixDatagram::bind(path).unwrap();
        socket.set_nonblocking(true).unwrap();
        socket
    }

    #[test]
    fn a_message_is_as_syslog_3_makes_it() {
        let now: Zoned = "2024-06-01T09:08:07[UTC]".parse().unwrap();
        assert_eq!(message(Level::Error, &now, 12, "it broke"), "<27>Jun  1 09:08:07 yester[12]: it broke");
        assert_eq!(message(Level::Warn, &now, 12, "w"), "<28>Jun  1 09:08:07 yester[12]: w");
        assert_eq!(message(Level::Info, &now, 12, "i"), "<30>Jun  1 09:08:07 yester[12]: i");
        assert_eq!(message(Level::Debug, &now, 12, "d"), "<31>Jun  1 09:08:07 yester[12]: d");
        let long = message(Level::Info, &now, 12, &"ä".repeat(LONGEST));
        assert!(long.ends_with('ä') && (LONGEST - 1..=LONGEST).contains(&long.len()));
    }

    #[test]
    fn a_logger_may_come_later_and_be_started_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let syslog = Syslog::at(path.clone()).unwrap();
        syslog.send(Level::Error, "nobody is there");
        for text in ["it came", "it came again"] {
            let logger = bound(&path);
            syslog.send(Level::Error, text);
            let message = received(&logger).expect("a message");
            assert!(message.ends_with(&format!(": {text}")), "{message}");
            assert_eq!(received(&logger), None);
            drop(logger);
            syslog.send(Level::Error, "it is gone");
            fs::remove_file(&path).unwrap();
        }
    }

    /// Otherwise a mount would wait for ever.
    #[test]
    fn a_logger_that_does_not_read_is_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let logger = bound(&path);
        let syslog = Syslog::at(path).unwrap();
        let text = "x".repeat(LONGEST);
        for _ in 0..10_000 {
            syslog.send(Level::Error, &text);
        }
        let taken = std::iter::from_fn(|| received(&logger)).count();
        assert!((1..10_000).contains(&taken), "{taken}");
        syslog.send(Level::Error, "it reads again");
        assert!(received(&logger).expect("a message").ends_with("it reads again"));
    }
}
