//! Names in a zip archive. Windows programs unpack it, and no name may lead them to another folder.

use crate::windows::names::to_windows;

/// The path as stored in the archive. Windows would treat some names as more than a name: a backslash, a
/// drive, a stream, a device. It would cut dots and spaces at the end of others. Such names are written as
/// Yester writes them on Windows. Different names always stay different.
pub(super) fn archived(path: &str) -> String {
    let archived = |name| {
        if is_misread(name) {
            String::from_utf16_lossy(&to_windows(name.as_bytes()))
        } else {
            name.to_owned()
        }
    };
    path.split('/').map(archived).collect::<Vec<_>>().join("/")
}

fn is_misread(name: &str) -> bool {
    // Other characters that Windows forbids, such as `?`, cannot lead anywhere.
    let harmless = |char: char| "<>\"|?*".contains(char) || char < ' ';
    let rest: String = name.chars().filter(|char| !harmless(*char)).collect();
    !String::from_utf16_lossy(&to_windows(rest.as_bytes())).eq(&rest) || name.ends_with(['.', ' '])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_windows_would_misread_are_others() {
        for name in [
            "..\\..\\x",
            "C:x",
            "C:",
            "a:b",
            "\\\\server\\share",
            "nul",
            "CON.txt",
            "com1",
            "x ",
            "x.",
            "...",
            ".. ",
            "\u{f05c}",
            "nu?l",
        ] {
            let path = format!("folder/{name}/below");
            let archived = archived(&path);
            assert!(archived.starts_with("folder/") && archived.ends_with("/below"), "{archived:?}");
            let name = &archived["folder/".len()..archived.len() - "/below".len()];
            assert!(!name.contains(['\\', ':', '/']) && !name.ends_with(['.', ' ']), "{name:?}");
            assert_ne!(archived, path);
            assert_ne!(name.to_ascii_lowercase().split('.').next(), Some("nul"));
        }
    }

    #[test]
    fn other_names_stay() {
        for path in ["", "a/b.c", "größe/what?", ".hidden", "a..b", "null", "folder/", "a\"b|c"] {
            assert_eq!(archived(path), path);
        }
    }

    #[test]
    fn no_two_names_become_one() {
        let names = ["a:b", "a\u{f03a}b", "a\\b", "a\u{f05c}b", "x.", "x\u{f02e}", "nul", "\u{f06e}ul"];
        let archived: std::collections::HashSet<_> = names.iter().map(|name| archived(name)).collect();
        assert_eq!(archived.len(), names.len());
    }
}
