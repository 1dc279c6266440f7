//! Lost attributes, reported once for each kind and folder, however many entries lack it.

use std::collections::HashMap;

use super::disk::Lack;
use super::names::Names;

/// A kind of attribute that entries of one folder lack.
#[derive(Debug)]
pub(super) struct Loss {
    /// The folder, or the single entry.
    pub(super) names: Names,
    /// The lost attribute, and the reason for the first entry.
    pub(super) text: String,
    /// See [`Lack::expected`].
    pub(super) expected: bool,
}

#[derive(Debug)]
struct Counted {
    /// The position of the first entry in the walk.
    order: u64,
    first: Names,
    lack: Lack,
    count: u64,
}

/// All losses of a restore.
#[derive(Debug, Default)]
pub(super) struct Losses {
    counted: Vec<Counted>,
    /// Positions in `counted`, by folder and kind.
    positions: HashMap<(usize, String, bool), usize>,
}

impl Losses {
    /// Records that this entry lacks something. `order` is its position in the walk, as threads reach entries
    /// in any order.
    pub(super) fn add(&mut self, order: u64, entry: &Names, lack: Lack) {
        let above = entry.split().map_or(0, |(above, _)| above.address());
        let position =
            *self.positions.entry((above, lack.what.clone(), lack.expected)).or_insert(self.counted.len());
        match self.counted.get_mut(position) {
            Some(counted) => {
                counted.count += 1;
                if order < counted.order {
                    (counted.order, counted.first, counted.lack) = (order, entry.clone(), lack);
                }
            }
            None => self.counted.push(Counted { order, first: entry.clone(), lack, count: 1 }),
        }
    }

    /// The losses, in the order of their first entries.
    pub(super) fn tell(mut self) -> impl Iterator<Item = Loss> {
        self.counted.sort_by_key(|counted| counted.order);
        self.counted.into_iter().map(
            |Counted { first, lack: Lack { what, reason, expected }, count, .. }| match first.split() {
                Some((above, name)) if count > 1 => {
                    let name = name.to_string_lossy();
                    let text = format!("{what} of {count} entries not kept: {reason} (the first is {name})");
                    Loss { names: above.clone(), text, expected }
                }
                _ => Loss { names: first, text: format!("{what} not kept: {reason}"), expected },
            },
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_is_told_once_a_folder() {
        let mut losses = Losses::default();
        let folder = Names::default().with(c"folder".into());
        let lack = |what: &str| Lack { what: what.into(), reason: "no".into(), expected: false };
        losses.add(4, &Names::default().with(c"d".into()), lack("owner"));
        for (order, name) in [(2, c"b"), (1, c"a"), (3, c"c")] {
            losses.add(order, &folder.with(name.into()), lack("owner"));
        }
        losses.add(3, &folder.with(c"c".into()), lack("time"));
        let told: Vec<(usize, String)> =
            losses.tell().map(|loss| (loss.names.down().count(), loss.text)).collect();
        assert_eq!(
            told,
            [
                (1, "owner of 3 entries not kept: no (the first is a)".into()),
                (2, "time not kept: no".into()),
                (1, "owner not kept: no".into())
            ]
        );
    }
}
