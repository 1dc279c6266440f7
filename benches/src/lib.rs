//! Material for Yester's benchmarks, equal on every machine.

/// A small random number generator (xorshift). A seed gives the same bytes everywhere and for ever.
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// A generator with this seed.
    pub fn new(seed: u64) -> Self {
        // Mixed (splitmix), because similar seeds would begin alike. Never 0, from which xorshift cannot
        // leave.
        let mixed = seed.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        Self((mixed ^ mixed >> 29) | 1)
    }

    /// The next number.
    pub fn number(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A number less than `end`, which must not be 0.
    pub fn below(&mut self, end: u64) -> u64 {
        self.number() % end
    }

    /// `len` bytes that cannot be compressed.
    pub fn noise(&mut self, len: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(len + 8);
        while bytes.len() < len {
            bytes.extend(self.number().to_le_bytes());
        }
        bytes.truncate(len);
        bytes
    }

    /// `len` bytes that compress about as well as source code: lines of frequent and rare words.
    pub fn text(&mut self, len: usize) -> Vec<u8> {
        const LETTERS: &[u8] = b"etaoinshrdlucmfwypvbgkqjxz_(){};";
        let mut bytes = Vec::with_capacity(len + 16);
        while bytes.len() < len {
            // A product of two numbers favours small ones, so a few words make up most of the text.
            let mut word = self.below(64) * self.below(64);
            for _ in 0..=word % 9 {
                bytes.push(LETTERS[usize::try_from(word % 32).unwrap_or(0)]);
                word = word.wrapping_mul(0x5851_f42d).wrapping_add(11) >> 3;
            }
            bytes.push(if self.below(9) == 0 { b'\n' } else { b' ' });
        }
        bytes.truncate(len);
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_means_the_same_bytes_and_another_seed_others() {
        assert_eq!(Random::new(7).text(1000), Random::new(7).text(1000));
        assert_ne!(Random::new(7).noise(64), Random::new(8).noise(64));
        assert_eq!(Random::new(0).noise(13).len(), 13);
    }
}
