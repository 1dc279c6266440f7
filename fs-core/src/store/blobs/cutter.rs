//! Where the content of a large file is cut into chunks.

use fastcdc::v2020::{Normalization, cut_gear, select_masks};

use crate::format::Keys;

/// Minimum size of a chunk in bytes, the size from which on a cut is four times as likely, and the maximum. The mean
/// is some 250 KiB (docs/decisions/0006-random-access.md).
pub(in crate::store) const CHUNK: (usize, usize, usize) = (64 << 10, 128 << 10, 1 << 20);

/// The size for which FastCDC chooses the masks: a cut at one of 2¹⁹ bytes, and beyond the second size of [`CHUNK`] at
/// one of 2¹⁷.
const MASKS: usize = 256 << 10;

/// Cuts content by FastCDC with the repository's own gear table. With a common table, anybody could recognise a
/// known file by the lengths of its chunks.
pub(in crate::store) struct Cutter {
    gear: Box<[u64]>,
    /// The same numbers, shifted by one bit: FastCDC looks at two bytes at a time.
    gear_shifted: Box<[u64]>,
    /// The masks for chunks below and above the second size of [`CHUNK`].
    masks: (u64, u64),
}

impl Cutter {
    pub(in crate::store) fn new(keys: &Keys) -> Self {
        let gear: Box<[u64]> = keys.gear_table().into();
        let gear_shifted = gear.iter().map(|number| number << 1).collect();
        Self { gear, gear_shifted, masks: select_masks(MASKS, Normalization::Level1) }
    }

    /// Returns the length of the first chunk of `bytes`. Bytes that end within the first [`CHUNK`] maximum end
    /// the content, too.
    pub(in crate::store) fn first_chunk(&self, bytes: &[u8]) -> usize {
        let (small, large) = self.masks;
        let (least, turn, most) = CHUNK;
        let (_, end) = cut_gear(
            bytes,
            least,
            turn,
            most,
            small,
            large,
            small << 1,
            large << 1,
            &self.gear,
            &self.gear_shifted,
        );
        end
    }
}

impl std::fmt::Debug for Cutter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Cutter(…)")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::format::Secret;

    /// Bytes that do not repeat, by a generator with a well-known name: SplitMix64.
    fn noise(len: usize) -> Vec<u8> {
        let mut state = 0u64;
        let mut next = || {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut mixed = state;
            mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            (mixed ^ (mixed >> 31)).to_le_bytes()
        };
        (0..len / 8).flat_map(|_| next()).collect()
    }

    /// The offsets at which a repository with this secret cuts `bytes`, without their end.
    fn cuts(secret: u8, bytes: &[u8]) -> Vec<usize> {
        let cutter = Cutter::new(&Keys::derive(&Secret([secret; 32])));
        let (mut cuts, mut start) = (Vec::new(), 0);
        while start < bytes.len() {
            start += cutter.first_chunk(&bytes[start..]);
            cuts.push(start);
        }
        assert_eq!(cuts.pop(), Some(bytes.len()));
        cuts
    }

    /// If two repositories cut independently, the number of common offsets has a Poisson distribution with the
    /// mean cuts × cuts / offsets.
    #[test]
    fn repositories_cut_a_file_independently() {
        const REPOSITORIES: u8 = 200;
        let bytes = noise(16 << 20);
        let all: Vec<Vec<usize>> = (0..REPOSITORIES).map(|secret| cuts(secret, &bytes)).collect();
        let distinct: HashSet<&Vec<usize>> = all.iter().collect();
        assert_eq!(distinct.len(), usize::from(REPOSITORIES), "two repositories cut alike");
        // Numbers of pairs of cuts: the common ones, and all.
        let (mut common, mut pairs) = (0u32, 0u32);
        for (at, one) in all.iter().enumerate() {
            let one_set: HashSet<usize> = one.iter().copied().collect();
            for other in &all[at + 1..] {
                common += other.iter().map(|cut| u32::from(one_set.contains(cut))).sum::<u32>();
                pairs += u32::try_from(one.len() * other.len()).unwrap();
            }
        }
        let expected = f64::from(pairs) / f64::from(u32::try_from(bytes.len()).unwrap());
        let most = expected + 3.0 * expected.sqrt();
        println!(
            "{common} common cuts of {REPOSITORIES} repositories, {expected:.1} expected, {most:.1} allowed"
        );
        assert!(f64::from(common) <= most, "{common} common cuts, {expected:.1} expected");
    }

    #[test]
    fn chunks_have_their_sizes_and_return_after_a_change() {
        let mut bytes = noise(16 << 20);
        let before = cuts(1, &bytes);
        let sizes = before.windows(2).map(|pair| pair[1] - pair[0]);
        assert!(sizes.clone().all(|size| (CHUNK.0..=CHUNK.2).contains(&size)));
        let mean = sizes.sum::<usize>() / (before.len() - 1);
        assert!((200 << 10..300 << 10).contains(&mean), "a mean of {mean}");
        bytes.insert(100, 7);
        let after = cuts(1, &bytes);
        let same = after.iter().filter(|cut| before.binary_search(&(*cut - 1)).is_ok()).count();
        assert!(same + 3 >= before.len(), "{same} of {} cuts return", before.len());
    }
}
