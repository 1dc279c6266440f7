//! The two primitives of every layout: appending to a `Vec<u8>`, and a cursor that checks each value it
//! takes.

use super::FormatError;

/// Appends the format's primitives to a byte vector.
pub(super) trait Encode {
    fn put_varint(&mut self, value: u64);
    fn put_zigzag(&mut self, value: i64);
    /// Appends a varint length, then the bytes.
    fn put_bytes(&mut self, bytes: &[u8]);
}

impl Encode for Vec<u8> {
    fn put_varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.push((value & 0x7f) as u8 | 0x80);
            value >>= 7;
        }
        self.push(value as u8);
    }

    fn put_zigzag(&mut self, value: i64) {
        self.put_varint(((value << 1) ^ (value >> 63)).cast_unsigned());
    }

    fn put_bytes(&mut self, bytes: &[u8]) {
        self.put_varint(bytes.len() as u64);
        self.extend_from_slice(bytes);
    }
}

/// Takes values from the front of a slice. In each method, `what` names the value in errors.
#[derive(Clone, Copy)]
pub(super) struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(super) fn remaining(&self) -> usize {
        self.rest.len()
    }

    pub(super) fn rest(self) -> &'a [u8] {
        self.rest
    }

    pub(super) fn end(self, what: &'static str) -> Result<(), FormatError> {
        if self.rest.is_empty() { Ok(()) } else { Err(FormatError::Trailing(what)) }
    }

    pub(super) fn take(&mut self, len: usize, what: &'static str) -> Result<&'a [u8], FormatError> {
        let (head, tail) = self.rest.split_at_checked(len).ok_or(FormatError::Truncated(what))?;
        self.rest = tail;
        Ok(head)
    }

    pub(super) fn array<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], FormatError> {
        let (head, tail) = self.rest.split_first_chunk::<N>().ok_or(FormatError::Truncated(what))?;
        self.rest = tail;
        Ok(*head)
    }

    pub(super) fn u8(&mut self, what: &'static str) -> Result<u8, FormatError> {
        Ok(self.array::<1>(what)?[0])
    }

    /// Takes a byte that is 0 or 1.
    pub(super) fn flag(&mut self, what: &'static str) -> Result<bool, FormatError> {
        match self.u8(what)? {
            flag @ 0..=1 => Ok(flag == 1),
            _ => Err(FormatError::Invalid(what)),
        }
    }

    pub(super) fn u32(&mut self, what: &'static str) -> Result<u32, FormatError> {
        Ok(u32::from_le_bytes(self.array(what)?))
    }

    pub(super) fn u64(&mut self, what: &'static str) -> Result<u64, FormatError> {
        Ok(u64::from_le_bytes(self.array(what)?))
    }

    /// Takes a LEB128 number in its shortest form. Any other form is refused, because equal values must have
    /// equal ids.
    pub(super) fn varint(&mut self, what: &'static str) -> Result<u64, FormatError> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.u8(what)?;
            let bits = u64::from(byte & 0x7f);
            FormatError::invalid_if(shift == 63 && bits > 1, what)?;
            value |= bits << shift;
            if byte & 0x80 == 0 {
                let shortest = byte != 0 || shift == 0;
                return if shortest { Ok(value) } else { Err(FormatError::Invalid(what)) };
            }
        }
        Err(FormatError::Invalid(what))
    }

    pub(super) fn zigzag(&mut self, what: &'static str) -> Result<i64, FormatError> {
        let value = self.varint(what)?;
        Ok((value >> 1).cast_signed() ^ -(value & 1).cast_signed())
    }

    /// Takes a varint no larger than `limit`.
    pub(super) fn bounded(&mut self, limit: u64, what: &'static str) -> Result<u64, FormatError> {
        FormatError::check_limit(what, self.varint(what)?, limit)
    }

    /// Takes a varint length or count no larger than `limit`.
    pub(super) fn length(&mut self, limit: usize, what: &'static str) -> Result<usize, FormatError> {
        self.bounded(limit as u64, what).map(|value| value as usize)
    }

    /// Takes a count of items. Each item takes at least `min_bytes` of the remaining bytes, so the count is
    /// safe as a capacity.
    pub(super) fn count(
        &mut self,
        limit: usize,
        min_bytes: usize,
        what: &'static str,
    ) -> Result<usize, FormatError> {
        let count = self.length(limit, what)?;
        if count > self.remaining() / min_bytes { Err(FormatError::Truncated(what)) } else { Ok(count) }
    }

    /// Takes bytes with a length prefix.
    pub(super) fn bytes(&mut self, limit: usize, what: &'static str) -> Result<&'a [u8], FormatError> {
        let len = self.length(limit, what)?;
        self.take(len, what)
    }
}

/// The first bytes of a hash.
pub(super) fn head<const N: usize>(hash: &blake3::Hash) -> [u8; N] {
    std::array::from_fn(|at| hash.as_bytes()[at])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn numbers_survive(unsigned: u64, signed: i64) {
            let mut bytes = Vec::new();
            bytes.put_varint(unsigned);
            bytes.put_zigzag(signed);
            let mut cursor = Cursor::new(&bytes);
            prop_assert_eq!(cursor.varint("n").unwrap(), unsigned);
            prop_assert_eq!(cursor.zigzag("n").unwrap(), signed);
            prop_assert!(cursor.end("n").is_ok());
        }

        #[test]
        fn any_accepted_varint_is_the_encoding_of_its_value(bytes in prop::collection::vec(any::<u8>(), 0..12)) {
            let mut cursor = Cursor::new(&bytes);
            if let Ok(value) = cursor.varint("n") {
                let mut again = Vec::new();
                again.put_varint(value);
                prop_assert_eq!(&again[..], &bytes[..bytes.len() - cursor.remaining()]);
            }
        }
    }

    #[test]
    fn a_count_cannot_exceed_what_the_bytes_could_hold() {
        let mut bytes = Vec::new();
        bytes.put_varint(1000);
        bytes.extend([0; 50]);
        assert_eq!(Cursor::new(&bytes).count(1 << 20, 1, "items"), Err(FormatError::Truncated("items")));
    }
}
