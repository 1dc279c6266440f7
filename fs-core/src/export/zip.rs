//! Zip archives, for systems without tar.

use std::io::{self, Write};

use jiff::tz::TimeZone;
use zip::write::{SimpleFileOptions, StreamWriter, ZipWriter};
use zip::{CompressionMethod, DateTime};

use super::names::archived;
use super::{Failure, Fate, Member, Sink};
use crate::view::FileKind;

pub(super) struct Zip<'a> {
    writer: ZipWriter<StreamWriter<&'a mut dyn Write>>,
    zone: TimeZone,
}

impl<'a> Zip<'a> {
    pub(super) fn new(out: &'a mut dyn Write, zone: TimeZone) -> Self {
        Self { writer: ZipWriter::new_stream(out), zone }
    }
}

impl Sink for Zip<'_> {
    fn add(&mut self, member: &Member<'_>) -> Result<Fate, Failure> {
        let attr = &member.attr;
        let Ok(own) = str::from_utf8(member.path) else {
            return Ok(Fate::LeftOut("has a name that is no text, for which zip has no word"));
        };
        let path = &archived(own);
        // The local time, at zip's precision and within its range.
        let time = DateTime::try_from(self.zone.to_datetime(attr.mtime.timestamp())).unwrap_or_default();
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .unix_permissions(u32::from(attr.mode))
            .last_modified_time(time)
            .large_file(needs_zip64(attr.size));
        match attr.kind {
            FileKind::Directory if path.is_empty() => {}
            FileKind::Directory => self.writer.add_directory(path, options).map_err(io::Error::from)?,
            FileKind::File => {
                self.writer.start_file(path, options).map_err(io::Error::from)?;
                member.copy(&mut self.writer)?;
            }
            FileKind::Symlink => {
                let Ok(target) = str::from_utf8(member.view.read_link(member.node)?) else {
                    return Ok(Fate::LeftOut("has a target that is no text, for which zip has no word"));
                };
                self.writer.add_symlink(path, target, options).map_err(io::Error::from)?;
            }
            FileKind::CharDevice | FileKind::BlockDevice => {
                return Ok(Fate::LeftOut("is a device, for which zip has no word"));
            }
            FileKind::Fifo => return Ok(Fate::LeftOut("is a fifo, for which zip has no word")),
            FileKind::Socket => return Ok(Fate::LeftOut("is a socket, for which zip has no word")),
        }
        Ok(if path == own { Fate::Written } else { Fate::WrittenAs(path.clone()) })
    }

    fn finish(self: Box<Self>) -> io::Result<()> {
        self.writer.finish().map_err(io::Error::from)?.into_inner().flush()
    }

    fn abandon(self: Box<Self>) {
        // On drop, the writer would write the end of a complete archive.
        std::mem::forget(self.writer);
    }
}

/// Whether the entry may exceed zip's 32-bit lengths. Incompressible data grows, by less than a thousandth.
fn needs_zip64(size: u64) -> bool {
    size.saturating_add(size / 1000) >= u64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::needs_zip64;

    #[test]
    fn what_grows_beyond_four_gibibytes_needs_zip64() {
        let most = u64::from(u32::MAX);
        // zlib's own bound.
        let grown = |size: u64| size + (size >> 12) + (size >> 14) + (size >> 25) + 13;
        for size in (0..1 << 24).step_by(1 << 12).map(|less| most + 1 - less) {
            assert!(needs_zip64(size) || grown(size) < most, "{size}");
        }
        assert!(needs_zip64(u64::MAX) && !needs_zip64(4_200_000_000));
    }
}
