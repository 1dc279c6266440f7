//! Unix file names as names that Windows accepts, and back.
//!
//! A Unix name is any bytes but `/` and NUL. A Windows name is UTF-16. It must not hold certain characters,
//! end in a dot or a space, or be a device's name. Everything that Windows would refuse or misread is escaped
//! byte by byte: each byte becomes the private-use character U+F000 + byte, as in Interix, Cygwin and WSL.
//! Escaped are:
//!
//! - `< > : " / \ | ? *` and the control characters below space ("Naming Files, Paths, and Namespaces" in the
//!   Win32 documentation)
//! - all dots and spaces at the end, which Win32 would drop
//! - the first character of a device name (`CON`, `nul.txt`, …), which Win32 would open instead of the file
//! - bytes that are not UTF-8
//! - the UTF-8 bytes of a character from U+F000 to U+F0FF, so that it cannot be mistaken for an escaped byte
//!
//! The way back is simple: U+F000 + byte is that byte, and every other character is its UTF-8. Windows allows
//! half a surrogate pair in names. Its bytes are the three that UTF-8 would have for it (WTF-8), and they map
//! back to the half.
//!
//! **Length**: Windows allows 255 UTF-16 units in a name. The mapping never makes more units than there were
//! bytes. Linux's file systems allow at most 255 bytes in a name, so every such name fits, and nothing is
//! ever cut.

/// The base of escaped bytes, which are the characters U+F000 to U+F0FF.
const ESCAPED: u16 = 0xf000;

/// The only Windows name of a Unix name.
pub fn to_windows(name: &[u8]) -> Vec<u16> {
    let mut units = Vec::with_capacity(name.len());
    let mut rest = name;
    while let Some(chunk) = rest.utf8_chunks().next() {
        for character in chunk.valid().chars() {
            if is_forbidden(character) || is_escaped(character) {
                units.extend(character.encode_utf8(&mut [0; 4]).bytes().map(escape));
            } else {
                units.extend_from_slice(character.encode_utf16(&mut [0; 2]));
            }
        }
        rest = &rest[chunk.valid().len()..];
        // Two adjacent halves would be read as a pair, which has other bytes.
        let half = half_pair(rest)
            .filter(|half| matches!(half, 0xd800..0xdc00) || !matches!(units.last(), Some(0xd800..0xdc00)));
        let taken = if let Some(half) = half {
            units.push(half);
            3
        } else {
            units.extend(chunk.invalid().iter().copied().map(escape));
            chunk.invalid().len()
        };
        rest = &rest[taken..];
    }
    for unit in units.iter_mut().rev().take_while(|unit| [u16::from(b'.'), u16::from(b' ')].contains(unit)) {
        *unit |= ESCAPED;
    }
    if is_device(&units) {
        // The first unit is an ASCII letter: all device names begin with one.
        units[0] |= ESCAPED;
    }
    units
}

/// The Unix name that [`to_windows`] maps to `name`; `None` if there is no such name.
///
/// Each Unix name has only one Windows name. For example, `\u{f041}` would read as `A`, but the Windows name
/// of `A` is `A`, so `\u{f041}` has no Unix name.
pub fn from_windows(name: &[u16]) -> Option<Vec<u8>> {
    let bytes = decode(name, |character| is_escaped(character).then_some(u32::from(character) as u8));
    (is_unix_name(&bytes) && to_windows(&bytes) == name).then_some(bytes)
}

/// Whether a file may have this name. Escaped input can hold `/`, NUL, `.` and `..`, which no file may have.
fn is_unix_name(name: &[u8]) -> bool {
    !matches!(name, b"." | b"..") && !name.iter().any(|byte| matches!(byte, 0 | b'/'))
}

/// The bytes of `name` without unescaping. Each character becomes its UTF-8. Half a pair becomes the bytes
/// that UTF-8 would have for it (WTF-8).
pub fn plain(name: &[u16]) -> Vec<u8> {
    decode(name, |_| None)
}

/// The UTF-8 of `name`, except for characters to which `byte` gives a byte.
fn decode(name: &[u16], byte: impl Fn(char) -> Option<u8>) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(name.len());
    for character in char::decode_utf16(name.iter().copied()) {
        match character {
            Ok(character) => match byte(character) {
                Some(byte) => bytes.push(byte),
                None => bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
            },
            Err(half) => {
                let half = half.unpaired_surrogate();
                bytes.extend(
                    [0xe0 | half >> 12, 0x80 | half >> 6 & 0x3f, 0x80 | half & 0x3f].map(|byte| byte as u8),
                );
            }
        }
    }
    bytes
}

/// The half of a surrogate pair whose three bytes are at the start of `bytes`.
fn half_pair(bytes: &[u8]) -> Option<u16> {
    match *bytes {
        [0xed, high @ 0xa0..=0xbf, low @ 0x80..=0xbf, ..] => {
            Some(0xd000 | u16::from(high & 0x3f) << 6 | u16::from(low & 0x3f))
        }
        _ => None,
    }
}

fn escape(byte: u8) -> u16 {
    ESCAPED | u16::from(byte)
}

fn is_escaped(character: char) -> bool {
    ('\u{f000}'..='\u{f0ff}').contains(&character)
}

fn is_forbidden(character: char) -> bool {
    character < ' ' || r#"<>:"/\|?*"#.contains(character)
}

/// Whether Win32 takes the name for a device: the part before the first dot is a device's name, in any case.
fn is_device(name: &[u16]) -> bool {
    let stem = name.split(|&unit| unit == u16::from(b'.')).next().unwrap_or_default();
    // No device's name is longer. Without this check every long name would be decoded for nothing.
    if stem.len() > 8 {
        return false;
    }
    let stem = String::from_utf16_lossy(stem).to_ascii_uppercase();
    // Win32 ignores spaces before the dot: `NUL .txt` is the device too.
    let stem = stem.trim_end_matches(' ');
    match stem {
        // The two consoles are missing in Microsoft's list of reserved names, but are also opened as devices.
        "CON" | "PRN" | "AUX" | "NUL" | "CONIN$" | "CONOUT$" => true,
        _ => stem.strip_prefix("COM").or_else(|| stem.strip_prefix("LPT")).is_some_and(|port| {
            // Windows treats the superscript digits of ISO 8859-1 as digits.
            matches!(port, "0" | "1" | "2" | "3" | "4" | "5" | "6" | "7" | "8" | "9" | "¹" | "²" | "³")
        }),
    }
}

#[cfg(test)]
mod tests;
