//! Writes JSON that is safe to print on a terminal.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::{CompactFormatter, Formatter};

use crate::text::is_unseen;

/// Writes an object. Escapes also the characters that a terminal would obey or not show, even if JSON does
/// not require it. The meaning is the same.
pub fn write(out: impl Write, object: &impl Serialize) -> io::Result<()> {
    let mut serializer = serde_json::Serializer::with_formatter(out, Escaping);
    object.serialize(&mut serializer).map_err(io::Error::from)
}

struct Escaping;

impl Formatter for Escaping {
    fn write_string_fragment<W: ?Sized + Write>(&mut self, out: &mut W, fragment: &str) -> io::Result<()> {
        let mut rest = fragment;
        while let Some(at) = rest.find(is_unseen) {
            let (seen, unseen) = rest.split_at(at);
            CompactFormatter.write_string_fragment(out, seen)?;
            let mut chars = unseen.chars();
            for unit in chars.next().into_iter().flat_map(|char| char.encode_utf16(&mut [0; 2]).to_vec()) {
                write!(out, "\\u{unit:04x}")?;
            }
            rest = chars.as_str();
        }
        CompactFormatter.write_string_fragment(out, rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_to_terminals_are_escaped_and_mean_the_same() {
        let text = "ü\u{9b}31m \u{7f}\u{202e}gpj.exe \u{e0041}\n\"\\";
        let mut out = Vec::new();
        write(&mut out, &text).unwrap();
        let written = String::from_utf8(out).unwrap();
        assert_eq!(written, r#""ü\u009b31m \u007f\u202egpj.exe \udb40\udc41\n\"\\""#);
        assert_eq!(serde_json::from_str::<String>(&written).unwrap(), text);
    }
}
