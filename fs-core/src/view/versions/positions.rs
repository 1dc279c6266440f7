/// Indexes in a timeline, as ranges: the first and last index of each.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Positions(Vec<(usize, usize)>);

impl Positions {
    #[cfg(test)]
    pub(super) fn new(first: usize, last: usize) -> Self {
        Self(vec![(first, last)])
    }

    pub(super) fn add(&mut self, first: usize, last: usize) {
        match self.0.last_mut() {
            Some(open) if open.1 + 1 == first => open.1 = last,
            _ => self.0.push((first, last)),
        }
    }

    pub(super) fn extend(&mut self, other: &Positions) {
        other.0.iter().for_each(|(first, last)| self.add(*first, *last));
    }

    /// Normalises the ranges: puts them in order, and merges those that touch.
    pub(super) fn normalise(&mut self) {
        if self.0.is_sorted_by(|a, b| a.1 + 1 < b.0) {
            return;
        }
        self.0.sort_unstable();
        let mut normalised: Vec<(usize, usize)> = Vec::with_capacity(self.0.len());
        for (first, last) in self.0.drain(..) {
            match normalised.last_mut() {
                Some(open) if first <= open.1 + 1 => open.1 = open.1.max(last),
                _ => normalised.push((first, last)),
            }
        }
        self.0 = normalised;
    }

    /// Merges the ranges of `others` that directly follow one of these.
    pub(super) fn fill(&mut self, others: &Positions) {
        for (first, last) in others.0.iter().copied() {
            if self.0.iter().any(|range| range.1 + 1 == first) {
                self.add(first, last);
            }
        }
        self.normalise();
    }

    /// The ranges. Once [normalised](Self::normalise), they are in order and do not touch.
    pub(super) fn ranges(&self) -> &[(usize, usize)] {
        &self.0
    }

    /// Whether `index` is one of the indexes. The ranges must be [normalised](Self::normalise).
    pub(super) fn contains(&self, index: usize) -> bool {
        let at = self.0.partition_point(|range| range.1 < index);
        self.0.get(at).is_some_and(|range| range.0 <= index)
    }

    pub(super) fn first(&self) -> usize {
        self.0.first().map_or(0, |range| range.0)
    }

    pub(super) fn last(&self) -> usize {
        self.0.last().map_or(0, |range| range.1)
    }

    pub(super) fn count(&self) -> usize {
        self.0.iter().map(|(first, last)| last - first + 1).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_put_in_order_and_joined() {
        let mut positions = Positions::new(3, 4);
        positions.add(5, 5);
        assert_eq!(positions.ranges(), [(3, 5)]);
        for (first, last) in [(9, 9), (0, 1), (2, 2), (9, 10)] {
            positions.add(first, last);
        }
        positions.normalise();
        assert_eq!(positions.ranges(), [(0, 5), (9, 10)]);
        assert_eq!((positions.first(), positions.last(), positions.count()), (0, 10, 8));
        let there = |index| positions.contains(index);
        assert_eq!([0, 5, 6, 8, 9, 10, 11].map(there), [true, true, false, false, true, true, false]);
        let mut others = Positions::new(6, 6);
        others.add(8, 8);
        others.add(11, 12);
        positions.fill(&others);
        assert_eq!(positions.ranges(), [(0, 6), (9, 12)]);
    }
}
