//! Prints names in the colours of `ls` (`dircolors(1)`).

use fs_core::view::{Attr, FileKind};
use lscolors::{Indicator, LsColors};

use crate::output::Output;
use crate::text::printable;

/// Prints names. `None` if colours are off.
pub(super) struct NamePrinter(Option<LsColors>);

impl NamePrinter {
    pub(super) fn of(output: &Output) -> Self {
        Self(output.colours().is_on().then(|| LsColors::from_env().unwrap_or_default()))
    }

    /// A name, escaped for a terminal and coloured.
    pub(super) fn print(&self, name: &[u8], attr: &Attr) -> String {
        let shown = printable(name);
        let Some(colours) = &self.0 else { return shown.into_owned() };
        let style = match indicator(attr) {
            Indicator::RegularFile => colours.style_for_str(&shown),
            special => colours.style_for_indicator(special),
        };
        let style = style.map(lscolors::Style::to_nu_ansi_term_style).unwrap_or_default();
        style.paint(shown.into_owned()).to_string()
    }
}

fn indicator(attr: &Attr) -> Indicator {
    let bit = |bit: u16| attr.mode & bit != 0;
    match attr.kind {
        FileKind::Directory if bit(0o1000) && bit(0o002) => Indicator::StickyAndOtherWritable,
        FileKind::Directory if bit(0o002) => Indicator::OtherWritable,
        FileKind::Directory if bit(0o1000) => Indicator::Sticky,
        FileKind::Directory => Indicator::Directory,
        FileKind::Symlink => Indicator::SymbolicLink,
        FileKind::CharDevice => Indicator::CharacterDevice,
        FileKind::BlockDevice => Indicator::BlockDevice,
        FileKind::Fifo => Indicator::FIFO,
        FileKind::Socket => Indicator::Socket,
        FileKind::File if bit(0o4000) => Indicator::Setuid,
        FileKind::File if bit(0o2000) => Indicator::Setgid,
        FileKind::File if bit(0o111) => Indicator::ExecutableFile,
        FileKind::File => Indicator::RegularFile,
    }
}
