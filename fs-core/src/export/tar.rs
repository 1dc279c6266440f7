//! Pax archives, as defined by POSIX.1-2001 and star's extensions, and as GNU tar reads them.

use std::io::{self, Write};

use tar::{EntryType, Header};

use super::{Failure, Fate, Member, Sink, acl};
use crate::format::{Time, XattrSet};
use crate::view::FileKind;

/// Size of a tar record, in bytes; an archive consists of whole records.
const RECORD: usize = 512;
/// Lengths of the header's fields in bytes, and the bounds of its octal fields.
const NAME: usize = 100;
const MOST_ID: u32 = 0o777_7777;
const MOST_SIZE: u64 = 0o777_7777_7777;

pub(super) struct Tar<'a> {
    out: &'a mut dyn Write,
    written: u64,
}

impl<'a> Tar<'a> {
    pub(super) fn new(out: &'a mut dyn Write) -> Self {
        Self { out, written: 0 }
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.out.write_all(bytes)?;
        self.written += bytes.len() as u64;
        Ok(())
    }

    /// Fills the last record with zeros, to a multiple of `to` bytes.
    fn pad(&mut self, to: usize) -> io::Result<()> {
        let over = (self.written % to as u64) as usize;
        if over > 0 { self.write(&vec![0; to - over]) } else { Ok(()) }
    }

    fn extended(&mut self, records: &[u8]) -> io::Result<()> {
        let mut header = Header::new_ustar();
        fill(&mut header.as_old_mut().name, b"@PaxHeader");
        header.set_entry_type(EntryType::XHeader);
        header.set_mode(0o644);
        header.set_size(records.len() as u64);
        header.set_cksum();
        self.write(header.as_bytes())?;
        self.write(records)?;
        self.pad(RECORD)
    }
}

impl Sink for Tar<'_> {
    fn add(&mut self, member: &Member<'_>) -> Result<Fate, Failure> {
        let attr = &member.attr;
        let mut path = if member.path.is_empty() { b".".to_vec() } else { member.path.to_vec() };
        let mut target: &[u8] = b"";
        let (kind, size) = match attr.kind {
            _ if member.link.is_some() => {
                target = member.link.unwrap_or_default();
                (EntryType::Link, 0)
            }
            FileKind::File => (EntryType::Regular, attr.size),
            FileKind::Directory => {
                path.push(b'/');
                (EntryType::Directory, 0)
            }
            FileKind::Symlink => {
                target = member.view.read_link(member.node)?;
                (EntryType::Symlink, 0)
            }
            FileKind::CharDevice => (EntryType::Char, 0),
            FileKind::BlockDevice => (EntryType::Block, 0),
            FileKind::Fifo => (EntryType::Fifo, 0),
            FileKind::Socket => return Ok(Fate::LeftOut("is a socket, for which tar has no word")),
        };
        let mut header = Header::new_ustar();
        let mut records = Vec::new();
        fill(&mut header.as_old_mut().name, &path);
        fill(&mut header.as_old_mut().linkname, target);
        for (key, value) in [(&b"path"[..], &path[..]), (b"linkpath", target)] {
            if value.len() > NAME {
                record(&mut records, key, value);
            }
        }
        header.set_entry_type(kind);
        header.set_mode(u32::from(attr.mode));
        header.set_size(size.min(MOST_SIZE));
        if size > MOST_SIZE {
            record(&mut records, b"size", size.to_string().as_bytes());
        }
        header.set_uid(u64::from(attr.uid.min(MOST_ID)));
        header.set_gid(u64::from(attr.gid.min(MOST_ID)));
        for (key, id) in [(&b"uid"[..], attr.uid), (b"gid", attr.gid)] {
            if id > MOST_ID {
                record(&mut records, key, id.to_string().as_bytes());
            }
        }
        header.set_mtime(u64::try_from(attr.mtime.secs()).unwrap_or(0).min(MOST_SIZE));
        if attr.mtime.nanos() > 0 || !(0..=MOST_SIZE.cast_signed()).contains(&attr.mtime.secs()) {
            record(&mut records, b"mtime", decimal(attr.mtime).as_bytes());
        }
        header.set_device_major(attr.rdev.0)?;
        header.set_device_minor(attr.rdev.1)?;
        if member.link.is_none() {
            attributes(&mut records, &member.view.xattrs(member.node)?);
        }
        header.set_cksum();
        if !records.is_empty() {
            self.extended(&records)?;
        }
        self.write(header.as_bytes())?;
        if kind == EntryType::Regular {
            member.copy(self.out)?;
            self.written += size;
            self.pad(RECORD)?;
        }
        Ok(Fate::Written)
    }

    fn finish(mut self: Box<Self>) -> io::Result<()> {
        self.write(&[0; 2 * RECORD])?;
        // tar reads this much at a time, and some programs insist on it.
        self.pad(20 * RECORD)?;
        self.out.flush()
    }
}

/// Copies as many bytes into a field of the header as it has room for.
fn fill(field: &mut [u8; NAME], bytes: &[u8]) {
    let len = bytes.len().min(NAME);
    field[..len].copy_from_slice(&bytes[..len]);
}

/// `LENGTH KEY=VALUE\n`, where the length counts itself.
fn record(records: &mut Vec<u8>, key: &[u8], value: &[u8]) {
    let rest = key.len() + value.len() + 3;
    let digits = |number: usize| number.to_string().len();
    let len = rest + digits(rest + digits(rest));
    for part in [len.to_string().as_bytes(), b" ", key, b"=", value, b"\n"] {
        records.extend(part);
    }
}

fn attributes(records: &mut Vec<u8>, xattrs: &XattrSet) {
    for name in xattrs.names() {
        let value = xattrs.get(name).unwrap_or_default();
        let list = match name {
            b"system.posix_acl_access" => Some(&b"SCHILY.acl.access"[..]),
            b"system.posix_acl_default" => Some(&b"SCHILY.acl.default"[..]),
            _ => None,
        };
        if let Some((key, text)) = list.and_then(|key| Some((key, acl::text(value)?))) {
            record(records, key, text.as_bytes());
            continue;
        }
        let mut key = b"SCHILY.xattr.".to_vec();
        for byte in name {
            match byte {
                // GNU tar writes and reads these escapes.
                b'%' => key.extend(b"%25"),
                b'=' => key.extend(b"%3D"),
                _ => key.push(*byte),
            }
        }
        record(records, &key, value);
    }
}

/// Seconds since 1970 with their fraction, as a decimal.
fn decimal(time: Time) -> String {
    let nanos = i128::from(time.secs()) * 1_000_000_000 + i128::from(time.nanos());
    let (sign, nanos) = (if nanos < 0 { "-" } else { "" }, nanos.unsigned_abs());
    match (nanos / 1_000_000_000, nanos % 1_000_000_000) {
        (secs, 0) => format!("{sign}{secs}"),
        (secs, fraction) => format!("{sign}{secs}.{fraction:09}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_counts_its_own_length() {
        for len in 0..2000 {
            let mut records = Vec::new();
            record(&mut records, b"key", &vec![b'v'; len]);
            let text = String::from_utf8(records).unwrap();
            let (length, _) = text.split_once(' ').unwrap();
            assert_eq!(length.parse(), Ok(text.len()), "{len}");
        }
    }

    #[test]
    fn times_are_decimals() {
        let of = |secs, nanos| decimal(Time::new(secs, nanos).unwrap());
        assert_eq!(of(12, 0), "12");
        assert_eq!(of(12, 5), "12.000000005");
        assert_eq!(of(-2, 250_000_000), "-1.750000000");
        assert_eq!(of(-1, 999_999_999), "-0.000000001");
        assert_eq!(of(-1, 0), "-1");
    }
}
