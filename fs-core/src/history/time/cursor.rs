//! Reads fixed-width decimal fields from hostile bytes.

/// The unread rest of a name. A method that fails leaves the cursor unusable, and the caller gives up.
#[derive(Clone, Copy)]
pub(super) struct Cursor<'a> {
    pub(super) rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    pub(super) fn new(text: &'a [u8]) -> Self {
        Cursor { rest: text }
    }

    pub(super) fn is_empty(self) -> bool {
        self.rest.is_empty()
    }

    pub(super) fn peek(self) -> Option<u8> {
        self.rest.first().copied()
    }

    /// Takes the next byte.
    pub(super) fn next(&mut self) -> Option<u8> {
        let (&first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(first)
    }

    /// Takes the next byte, which must be `byte` in either case.
    pub(super) fn expect(&mut self, byte: u8) -> Option<()> {
        self.next()?.eq_ignore_ascii_case(&byte).then_some(())
    }

    /// Takes two decimal digits.
    pub(super) fn two(&mut self) -> Option<i8> {
        let (tens, ones) = (self.digit()?, self.digit()?);
        Some(tens * 10 + ones)
    }

    /// Takes four decimal digits.
    pub(super) fn four(&mut self) -> Option<i16> {
        let (high, low) = (self.two()?, self.two()?);
        Some(i16::from(high) * 100 + i16::from(low))
    }

    /// Number of decimal digits that follow the next byte.
    pub(super) fn digits_after_next(self) -> usize {
        self.rest.iter().skip(1).take_while(|byte| byte.is_ascii_digit()).count()
    }

    fn digit(&mut self) -> Option<i8> {
        let byte = self.next()?;
        if byte.is_ascii_digit() { i8::try_from(byte - b'0').ok() } else { None }
    }
}

/// Parses a whole number that consists of decimal digits only. A number too large for 64 bits becomes the
/// largest.
pub(super) fn whole_number(text: &[u8]) -> Option<i64> {
    if text.is_empty() {
        return None;
    }
    text.iter().try_fold(0_i64, |sum, byte| {
        byte.is_ascii_digit().then(|| sum.saturating_mul(10).saturating_add(i64::from(byte - b'0')))
    })
}
