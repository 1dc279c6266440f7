//! Frozen copies of volumes. Files that programs have open can be read in them, and all are from one moment.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// Makes and deletes shadow copies.
pub trait ShadowCopies {
    /// Makes a copy of a volume, such as `C:\`.
    fn create(&self, volume: &str) -> Result<ShadowCopy>;

    /// Deletes a copy.
    fn delete(&self, copy: &ShadowCopy) -> Result<()>;
}

/// An existing shadow copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShadowCopy {
    /// The id, such as `{3808876b-c176-4e48-b7ae-04046e6cc752}`.
    pub id: String,
    /// The device, such as `\\?\GLOBALROOT\Device\HarddiskVolumeShadowCopy1`.
    pub device: String,
}

/// Calls `work` with the path of `path` in a shadow copy of its volume. The copy is deleted when `work` ends,
/// in whatever way.
pub fn in_copy<T>(
    copies: &impl ShadowCopies,
    path: &Path,
    work: impl FnOnce(PathBuf) -> Result<T>,
) -> Result<T> {
    let shown = path.display();
    let path = fs::canonicalize(path).with_context(|| format!("cannot read {shown}"))?;
    let (volume, below) = path
        .to_str()
        .and_then(parted)
        .with_context(|| format!("{shown} is on no drive with a letter: it cannot be copied"))?;
    let copy = copies.create(&volume).with_context(|| format!("cannot make a shadow copy of {volume}"))?;
    let frozen = PathBuf::from(format!(r"{}\{below}", copy.device));
    let _deleted_at_last = DeleteOnDrop { copies, copy };
    work(frozen)
}

/// Splits an absolute path into its volume and the rest.
fn parted(path: &str) -> Option<(String, &str)> {
    let path = path.strip_prefix(r"\\?\").unwrap_or(path);
    let (drive, below) = path.split_at_checked(3)?;
    let is_drive = matches!(drive.as_bytes(), [letter, b':', b'\\'] if letter.is_ascii_alphabetic());
    is_drive.then(|| (drive.to_owned(), below))
}

/// Deletes the copy when it is dropped.
struct DeleteOnDrop<'a, C: ShadowCopies> {
    copies: &'a C,
    copy: ShadowCopy,
}

impl<C: ShadowCopies> Drop for DeleteOnDrop<'_, C> {
    fn drop(&mut self) {
        if let Err(error) = self.copies.delete(&self.copy) {
            let id = &self.copy.id;
            log::warn!(
                "a shadow copy is left ({error:#}): delete it with `vssadmin delete shadows /Shadow={id}`"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use anyhow::bail;

    use super::*;

    /// Records the calls.
    #[derive(Default)]
    struct Fake {
        calls: RefCell<Vec<String>>,
        refuses: bool,
    }

    impl ShadowCopies for Fake {
        fn create(&self, volume: &str) -> Result<ShadowCopy> {
            self.calls.borrow_mut().push(format!("create {volume}"));
            if self.refuses {
                bail!("access denied");
            }
            Ok(ShadowCopy { id: "{1}".to_owned(), device: r"\\?\GLOBALROOT\Device\Copy1".to_owned() })
        }

        fn delete(&self, copy: &ShadowCopy) -> Result<()> {
            self.calls.borrow_mut().push(format!("delete {}", copy.id));
            if self.refuses {
                bail!("access denied");
            }
            Ok(())
        }
    }

    #[test]
    fn volumes_and_what_is_below_them() {
        assert_eq!(parted(r"C:\Users\me"), Some((r"C:\".to_owned(), r"Users\me")));
        assert_eq!(parted(r"\\?\d:\"), Some((r"d:\".to_owned(), "")));
        for other in [r"\\?\UNC\server\share", r"\\server\share", "/home", "C:", "", r"ä:\x", r"C:x\y"] {
            assert_eq!(parted(other), None, "{other}");
        }
    }

    #[test]
    fn what_is_on_no_drive_makes_no_copy() {
        let fake = Fake::default();
        let missing = Path::new("no such folder");
        assert!(in_copy(&fake, missing, |_| Ok(())).unwrap_err().to_string().contains("no such folder"));
        #[cfg(unix)]
        assert!(in_copy(&fake, Path::new("/"), |_| Ok(())).unwrap_err().to_string().contains("no drive"));
        assert_eq!(fake.calls.take(), [""; 0]);
    }

    fn copied(fake: &Fake) -> DeleteOnDrop<'_, Fake> {
        DeleteOnDrop { copies: fake, copy: fake.create(r"C:\").unwrap() }
    }

    #[test]
    fn a_copy_goes_also_after_an_error_or_a_panic() {
        let fake = Fake::default();
        let fails = || -> Result<()> {
            let _copy = copied(&fake);
            bail!("the import fails")
        };
        assert!(fails().is_err());
        assert_eq!(fake.calls.take(), [r"create C:\", "delete {1}"]);
        let panics = catch_unwind(AssertUnwindSafe(|| {
            let _copy = copied(&fake);
            panic!("a defect");
        }));
        assert!(panics.is_err());
        assert_eq!(fake.calls.take(), [r"create C:\", "delete {1}"]);
    }

    #[cfg(windows)]
    #[test]
    fn work_is_done_in_the_copy() {
        let fake = Fake::default();
        let here = std::env::current_dir().unwrap();
        let frozen = in_copy(&fake, &here, Ok).unwrap();
        assert!(frozen.starts_with(r"\\?\GLOBALROOT\Device\Copy1"), "{frozen:?}");
        assert!(
            frozen.ends_with(here.strip_prefix(r"C:\").or(here.strip_prefix(r"Z:\")).unwrap()),
            "{frozen:?}"
        );
        assert_eq!(fake.calls.take().len(), 2);
        let refusing = Fake { refuses: true, ..Fake::default() };
        assert!(in_copy(&refusing, &here, Ok).is_err());
        assert_eq!(refusing.calls.take().len(), 1);
    }
}
