use std::ops::Range;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use crate::format::{FormatError, PartialBlock};

/// The bytes of a block: all of them, or as far as they were read.
#[derive(Debug)]
pub(super) struct RawBlock {
    whole: OnceLock<Arc<Vec<u8>>>,
    /// `None` once the block is whole.
    part: Mutex<Option<PartialBlock>>,
}

impl RawBlock {
    pub(super) fn whole(bytes: Vec<u8>) -> Self {
        Self { whole: OnceLock::from(Arc::new(bytes)), part: Mutex::default() }
    }

    pub(super) fn begun(part: PartialBlock) -> Self {
        Self { whole: OnceLock::new(), part: Mutex::new(Some(part)) }
    }

    pub(super) fn is_whole(&self) -> bool {
        self.whole.get().is_some()
    }

    /// Returns bytes that hold those in `range` of the block, and where. Decompresses the block so far, or in
    /// full if `reads_on` is set.
    ///
    /// # Errors
    /// If the block holds other than its number of bytes, or `range` is beyond it.
    pub(super) fn read(
        &self,
        range: Range<usize>,
        reads_on: bool,
    ) -> Result<(Arc<Vec<u8>>, Range<usize>), FormatError> {
        let beyond = FormatError::Invalid("length of a block");
        if !self.is_whole() {
            let mut part = self.part.lock().unwrap_or_else(PoisonError::into_inner);
            // Another thread may have made it whole meanwhile.
            if let Some(block) = &mut *part {
                block.extend_to(if reads_on { usize::MAX } else { range.end })?;
                if !block.is_whole() {
                    let bytes = block.bytes().get(range).ok_or(beyond)?;
                    let len = bytes.len();
                    return Ok((Arc::new(bytes.to_vec()), 0..len));
                }
                let bytes = part.take().map(PartialBlock::into_bytes).unwrap_or_default();
                self.whole.get_or_init(|| Arc::new(bytes));
            }
        }
        match self.whole.get() {
            Some(whole) if range.end <= whole.len() => Ok((Arc::clone(whole), range)),
            _ => Err(beyond),
        }
    }
}
