//! Lost attributes, reported once for each kind and folder, however many entries lost them.

use std::collections::HashMap;

use super::disk::LostAttribute;
use super::path::RelativePath;

/// A kind of attribute that entries of one folder lost.
#[derive(Debug, Default)]
struct Loss {
    /// Number of kinds that were lost before.
    position: usize,
    /// The first entry in the walk, its position there, and the reason for it.
    first: RelativePath,
    order: u64,
    attribute: LostAttribute,
    /// Number of entries.
    count: u64,
}

/// All losses of a restore, by folder, attribute, and whether they are expected.
#[derive(Debug, Default)]
pub(super) struct Losses(HashMap<(usize, String, bool), Loss>);

impl Losses {
    /// Records that an entry lost an attribute. `order` is its position in the walk, as threads reach entries
    /// in any order.
    pub(super) fn add(&mut self, order: u64, entry: &RelativePath, attribute: LostAttribute) {
        let folder = entry.split().map_or(0, |(folder, _)| folder.address());
        let position = self.0.len();
        let loss = self
            .0
            .entry((folder, attribute.name.clone(), attribute.expected))
            .or_insert_with(|| Loss { position, order: u64::MAX, ..Loss::default() });
        loss.count += 1;
        if order < loss.order {
            (loss.order, loss.first, loss.attribute) = (order, entry.clone(), attribute);
        }
    }

    /// The messages, in the order of their first entries: the path of the folder or the single entry, the
    /// text, and whether the loss is expected.
    pub(super) fn messages(self) -> impl Iterator<Item = (RelativePath, String, bool)> {
        let mut losses: Vec<Loss> = self.0.into_values().collect();
        losses.sort_by_key(|loss| (loss.order, loss.position));
        losses.into_iter().map(|Loss { first, attribute, count, .. }| {
            let LostAttribute { name, reason, expected } = attribute;
            match first.split() {
                Some((folder, entry)) if count > 1 => {
                    let entry = entry.to_string_lossy();
                    let text = format!("{name} of {count} entries not kept: {reason} (the first is {entry})");
                    (folder.clone(), text, expected)
                }
                _ => (first, format!("{name} not kept: {reason}"), expected),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_is_reported_once_for_a_folder() {
        let mut losses = Losses::default();
        let folder = RelativePath::default().join(c"folder".into());
        let lost = |name: &str| LostAttribute { name: name.into(), reason: "no".into(), expected: false };
        losses.add(4, &RelativePath::default().join(c"d".into()), lost("owner"));
        for (order, name) in [(2, c"b"), (1, c"a"), (3, c"c")] {
            losses.add(order, &folder.join(name.into()), lost("owner"));
        }
        losses.add(3, &folder.join(c"c".into()), lost("time"));
        let messages: Vec<_> =
            losses.messages().map(|(path, text, _)| (path.names().count(), text)).collect();
        assert_eq!(
            messages,
            [
                (1, "owner of 3 entries not kept: no (the first is a)".into()),
                (2, "time not kept: no".into()),
                (1, "owner not kept: no".into())
            ]
        );
    }
}
