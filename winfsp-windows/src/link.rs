//! Symbolic links, as far as Windows shows them.
//!
//! A link that stays inside its snapshot becomes a symbolic link of Windows with a relative target. Any other
//! link would lead out of history, to a file of the same name on the drive. Examples are an absolute target,
//! one with more `..` than there are folders, and one that Windows would resolve differently. Such a link is
//! shown as a small file that contains the target, as in Git for Windows.
//!
//! Unix follows a link before it applies a `..` behind it. Windows removes the name before a `..` without
//! looking at it. So a `..` may follow the names of folders, but not the name of a link.

use fs_core::history::components;
use fs_core::view::{FileKind, Node, View, ViewError};
use fs_core::windows::names::to_windows;

/// `IO_REPARSE_TAG_SYMLINK`
pub const TAG: u32 = 0xa000_000c;
/// `SYMLINK_FLAG_RELATIVE`
const RELATIVE: u32 = 1;
/// Length of the header: the tag, the length of the rest, and two unused bytes.
const HEADER: usize = 8;
const SEPARATOR: u16 = b'\\' as u16;
const UP: &[u8] = b"..";
/// Maximum number of links followed, as on Linux: links may form a circle.
const MOST: u32 = 40;

/// The form in which a symbolic link is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Link {
    /// As a symbolic link.
    Inside {
        /// Relative target, with Windows' names and separators.
        target: Vec<u16>,
        /// Whether it leads to a directory. Windows needs to know this before it follows the link.
        directory: bool,
    },
    /// As a file that contains the target.
    Text,
}

/// Returns the Windows name of an entry of a directory.
pub type Naming<'a> = &'a dyn Fn(&Node, &[u8]) -> Result<Vec<u16>, ViewError>;

impl Link {
    /// The form of a link with this target. The link is in the last of the directories `above`; each of them
    /// is in the one before.
    pub fn new(view: &View, above: &[Node], target: &[u8], name: Naming<'_>) -> Result<Self, ViewError> {
        let inside = above.iter().rev().take_while(|node| node.is_in_snapshot()).count();
        let folders = above[above.len() - inside..].to_vec();
        if folders.is_empty() || target.is_empty() || target.starts_with(b"/") {
            return Ok(Self::Text);
        }
        let mut walk = Walk { view, folders, links: 0, name, shown: Vec::new() };
        let directory = match walk.follow(target)? {
            End::Folder => true,
            End::File => false,
            End::Outside => return Ok(Self::Text),
        };
        // A target such as `.` leads to the link's own folder.
        let here = if walk.shown.is_empty() { vec![vec![u16::from(b'.')]] } else { walk.shown };
        Ok(Self::Inside { target: here.join(&SEPARATOR), directory })
    }
}

/// The end of a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Folder,
    /// The target is a file, or does not exist.
    File,
    Outside,
}

/// A walk through a snapshot.
struct Walk<'a> {
    view: &'a View,
    /// The folders from the snapshot's root to the current one.
    folders: Vec<Node>,
    /// Number of links followed.
    links: u32,
    name: Naming<'a>,
    /// Components of the target for Windows.
    shown: Vec<Vec<u16>>,
}

impl Walk<'_> {
    fn follow(&mut self, target: &[u8]) -> Result<End, ViewError> {
        let mut names = components(target);
        let mut through_link = false;
        while let Some(name) = names.next() {
            let Some(folder) = self.folders.last().cloned() else { return Ok(End::Outside) };
            if name == UP {
                self.shown.push(vec![u16::from(b'.'); 2]);
                self.folders.pop();
                if through_link || self.folders.is_empty() {
                    return Ok(End::Outside);
                }
                continue;
            }
            let node = match self.view.lookup(&folder, name) {
                Ok(node) => node,
                Err(ViewError::NotFound) => {
                    self.shown.push(to_windows(name));
                    return Ok(self.end(names));
                }
                Err(error) => return Err(error),
            };
            let shown = (self.name)(&folder, name)?;
            self.shown.push(shown);
            match self.view.attr(&node).kind {
                FileKind::Directory => self.folders.push(node),
                FileKind::Symlink => {
                    self.links += 1;
                    let target = self.view.read_link(&node)?;
                    if self.links > MOST || target.starts_with(b"/") {
                        return Ok(End::Outside);
                    }
                    // The target for Windows contains only the components of this link's own target.
                    let before = std::mem::take(&mut self.shown);
                    let end = self.follow(target)?;
                    self.shown = before;
                    match end {
                        End::Folder => through_link = true,
                        End::File => return Ok(self.end(names)),
                        End::Outside => return Ok(End::Outside),
                    }
                }
                _ => return Ok(self.end(names)),
            }
        }
        Ok(End::Folder)
    }

    /// The end of a target whose remaining `names` follow something other than a folder. It leads to nothing.
    /// With a `..`, its end cannot be known.
    fn end<'a>(&mut self, names: impl Iterator<Item = &'a [u8]>) -> End {
        for name in names {
            if name == UP {
                return End::Outside;
            }
            self.shown.push(to_windows(name));
        }
        End::File
    }
}

/// The `REPARSE_DATA_BUFFER` of a link ([MS-FSCC] 2.1.2.4); `None` if the target is too long for one.
pub fn reparse_buffer(target: &[u16]) -> Option<Vec<u8>> {
    let bytes: Vec<u8> = target.iter().flat_map(|unit| unit.to_le_bytes()).collect();
    let length = u16::try_from(bytes.len()).ok()?;
    let data = u16::try_from(12 + 2 * bytes.len()).ok()?;
    let mut buffer = Vec::with_capacity(HEADER + usize::from(data));
    buffer.extend(TAG.to_le_bytes());
    buffer.extend([data, 0].map(u16::to_le_bytes).concat());
    // Offset and length of the target, and again of the target that is shown to people.
    buffer.extend([0, length, length, length].map(u16::to_le_bytes).concat());
    buffer.extend(RELATIVE.to_le_bytes());
    buffer.extend_from_slice(&bytes);
    buffer.extend_from_slice(&bytes);
    Some(buffer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_layout_is_windows() {
        let expected =
            [&[0x0c, 0, 0, 0xa0, 20, 0, 0, 0][..], &[0, 0, 4, 0, 4, 0, 4, 0, 1, 0, 0, 0], b"a\0\\\0a\0\\\0"];
        assert_eq!(reparse_buffer(&[u16::from(b'a'), u16::from(b'\\')]).unwrap(), expected.concat());
        assert_eq!(reparse_buffer(&vec![65; 40_000]), None);
    }
}
