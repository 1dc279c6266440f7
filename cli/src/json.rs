//! Writes JSON that is safe to print on a terminal. The shape of each thing is in `shapes.rs`.

mod shapes;

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::{self, Write};

use fs_core::store::SnapshotRecord;
use serde::Serialize;
use serde::ser::Serializer;
use serde_json::Value;
use serde_json::ser::{CompactFormatter, Formatter};

use crate::text::is_unseen;
pub use shapes::{
    Difference, absence_word, absent, copied, copy_totals, found, imported, listed, logged, node, restored,
    snapshot, tag, utc,
};

/// An object whose fields are written in the order in which they were added.
#[derive(Debug, Default)]
pub struct Object(Vec<(Cow<'static, str>, Value)>);

impl Object {
    /// Adds a field.
    pub fn field(mut self, key: &'static str, value: impl Into<Value>) -> Self {
        self.0.push((key.into(), value.into()));
        self
    }

    /// Adds a field if it has a value.
    pub fn some(self, key: &'static str, value: Option<impl Into<Value>>) -> Self {
        match value {
            Some(value) => self.field(key, value),
            None => self,
        }
    }

    /// Adds a field of text. If the bytes are not UTF-8, the text has replacement characters, and a second
    /// field, whose key ends with `_bytes`, has the bytes in hexadecimal.
    pub fn text(mut self, key: &'static str, bytes: &[u8]) -> Self {
        let (text, hexadecimal) = text_and_bytes(bytes);
        self.0.push((key.into(), text.into()));
        self.0.extend(hexadecimal.map(|hexadecimal| (format!("{key}_bytes").into(), hexadecimal.into())));
        self
    }

    /// Adds the fields of another object.
    pub fn and(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }
}

impl Serialize for Object {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(key, value)| (key, value)))
    }
}

/// Adds a field of text to an object, as [`Object::text`] does.
pub fn put_text(object: &mut Value, key: &str, bytes: &[u8]) {
    let (text, hexadecimal) = text_and_bytes(bytes);
    object[key] = text.into();
    if let Some(hexadecimal) = hexadecimal {
        object[format!("{key}_bytes")] = hexadecimal.into();
    }
}

/// Adds the source and the time of a snapshot to an object.
pub fn put_record(object: &mut Value, record: &SnapshotRecord) {
    put_text(object, "source", &record.source);
    object["time"] = utc(record.time).into();
}

/// The text of a name. If it is not UTF-8, its bytes in hexadecimal come with it.
pub fn text_and_bytes(name: &[u8]) -> (Cow<'_, str>, Option<String>) {
    let text = String::from_utf8_lossy(name);
    let bytes = matches!(text, Cow::Owned(_)).then(|| {
        name.iter().fold(String::with_capacity(2 * name.len()), |mut out, byte| {
            let _ = write!(out, "{byte:02x}");
            out
        })
    });
    (text, bytes)
}

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
    fn bytes_come_only_with_text_that_lacks_them() {
        let written = |path: &[u8], target: Option<&[u8]>| {
            let mut object = Object::default().text("path", path);
            if let Some(target) = target {
                object = object.text("target", target);
            }
            let mut out = Vec::new();
            write(&mut out, &object).unwrap();
            let mut value = Value::Object(serde_json::Map::default());
            put_text(&mut value, "path", path);
            if let Some(target) = target {
                put_text(&mut value, "target", target);
            }
            assert_eq!(serde_json::from_slice::<Value>(&out).unwrap(), value);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(written("ü".as_bytes(), None), r#"{"path":"ü"}"#);
        let expected = "{\"path\":\"a\u{fffd}\",\"path_bytes\":\"61ff\",\"target\":\"b\"}";
        assert_eq!(written(b"a\xff", Some(b"b")), expected);
    }

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
