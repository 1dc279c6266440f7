//! Parts: what later versions add to a layout. A part is required or optional: a reader that does not know it
//! refuses the layout, or skips the part.

use super::FormatError;
use super::codec::{Cursor, Encode};
use super::limits::{MAX_NODE_ITEMS, MAX_ORIGIN};

/// The highest number that a part can have.
pub(super) const MAX_PART: u64 = u64::MAX >> 1;

/// A part that this program does not know.
pub type UnknownPart = (u64, Box<[u8]>);

/// Appends parts: numbers and bytes, in the order given. Marks every part as optional.
pub(super) fn encode_parts(parts: &[(u64, Vec<u8>)], out: &mut Vec<u8>) {
    out.put_varint(parts.len() as u64);
    for (number, body) in parts {
        out.put_varint(number << 1);
        out.put_bytes(body);
    }
}

/// Decodes the parts of a layout; `what` names it in errors. `decode` gets the number and bytes of each, and returns whether it knows the part.
/// Returns the optional parts that are not known.
///
/// # Errors
/// [`FormatError::Part`] for an unknown part that is required. A known part that is there twice is invalid.
pub(super) fn decode_parts(
    cursor: &mut Cursor<'_>,
    what: &'static str,
    mut decode: impl FnMut(u64, &[u8]) -> Result<bool, FormatError>,
) -> Result<Vec<UnknownPart>, FormatError> {
    let mut unknown = Vec::new();
    let mut seen = 0_u64;
    for _ in 0..cursor.count(MAX_NODE_ITEMS, 2, "parts")? {
        let head = cursor.varint("part")?;
        let (number, is_required) = (head >> 1, head & 1 == 1);
        let body = cursor.bytes(MAX_ORIGIN, "part")?;
        if decode(number, body)? {
            let bit = 1_u64.checked_shl(number as u32).unwrap_or(0);
            FormatError::invalid_if(seen & bit != 0, "part: it is there twice")?;
            seen |= bit;
        } else if is_required {
            return Err(FormatError::Part { what, number });
        } else {
            unknown.push((number, body.into()));
        }
    }
    Ok(unknown)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(heads: &[u64]) -> Result<Vec<u64>, FormatError> {
        let mut bytes = Vec::new();
        bytes.put_varint(heads.len() as u64);
        for head in heads {
            bytes.put_varint(*head);
            bytes.put_bytes(b"body");
        }
        let mut cursor = Cursor::new(&bytes);
        let unknown = decode_parts(&mut cursor, "tag", |number, _| Ok(number == 1))?;
        cursor.end("parts")?;
        Ok(unknown.into_iter().map(|(number, _)| number).collect())
    }

    #[test]
    fn an_unknown_part_is_skipped_if_it_is_optional_and_refused_if_it_is_required() {
        assert_eq!(decode(&[1 << 1, 7 << 1, 900 << 1]), Ok(vec![7, 900]));
        assert_eq!(decode(&[1 << 1 | 1]), Ok(vec![]));
        assert_eq!(decode(&[7 << 1 | 1]), Err(FormatError::Part { what: "tag", number: 7 }));
        assert_eq!(decode(&[1 << 1, 1 << 1]), Err(FormatError::Invalid("part: it is there twice")));
    }
}
