//! Formats rows with aligned columns that fit a width.

use ansi_width::ansi_width;

use self::Column::{Left, Right};

/// A column of a table, with its alignment and its rank. Columns with the greatest rank are left out first if
/// there is no room. Rank 0 is never left out.
#[derive(Debug, Clone, Copy)]
pub enum Column {
    Left(u8),
    Right(u8),
}

const GAP: usize = 2;

impl Column {
    fn rank(self) -> u8 {
        let (Left(rank) | Right(rank)) = self;
        rank
    }
}

/// The lines of a table. Columns are left out until the lines are at most `room` wide, as far as possible. An
/// empty column takes no room. Cells may contain colours.
pub fn lines<const N: usize>(columns: [Column; N], rows: &[[String; N]], room: usize) -> Vec<String> {
    let widths: [usize; N] =
        std::array::from_fn(|column| rows.iter().map(|row| ansi_width(&row[column])).max().unwrap_or(0));
    let mut shown = widths.map(|width| width > 0);
    let total = |shown: &[bool; N]| {
        let all = widths.iter().zip(shown).filter(|(_, shown)| **shown);
        all.map(|(width, _)| width + GAP).sum::<usize>().saturating_sub(GAP)
    };
    while total(&shown) > room {
        let present = (0..N).filter(|column| shown[*column] && columns[*column].rank() > 0);
        let Some(least) = present.max_by_key(|column| columns[*column].rank()) else { break };
        shown[least] = false;
    }
    let line = |row: &[String; N]| {
        let mut line = String::new();
        for (column, cell) in row.iter().enumerate().filter(|(column, _)| shown[*column]) {
            let padding = " ".repeat(widths[column] - ansi_width(cell));
            match columns[column] {
                Left(_) => line.extend([cell.as_str(), &padding]),
                Right(_) => line.extend([padding.as_str(), cell]),
            }
            line.push_str(&" ".repeat(GAP));
        }
        line.truncate(line.trim_end().len());
        line
    };
    rows.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: [Column; 3] = [Left(0), Right(2), Left(1)];

    fn rows() -> Vec<[String; 3]> {
        [["a", "10", "new"], ["long", "5", ""]].map(|row| row.map(str::to_owned)).to_vec()
    }

    #[test]
    fn columns_are_in_line() {
        assert_eq!(lines(COLUMNS, &rows(), 80), ["a     10  new", "long   5"]);
        assert_eq!(lines(COLUMNS, &[], 80), Vec::<String>::new());
    }

    #[test]
    fn what_matters_least_is_left_out() {
        assert_eq!(lines(COLUMNS, &rows(), 13), ["a     10  new", "long   5"]);
        assert_eq!(lines(COLUMNS, &rows(), 12), ["a     new", "long"]);
        for room in [8, 1] {
            assert_eq!(lines(COLUMNS, &rows(), room), ["a", "long"]);
        }
    }

    #[test]
    fn colours_and_wide_letters_keep_the_line() {
        let rows = [["\x1b[31mü\x1b[m", "1", "x"], ["日本", "22", "y"]].map(|row| row.map(str::to_owned));
        assert_eq!(lines(COLUMNS, &rows, 80), ["\x1b[31mü\x1b[m      1  x", "日本  22  y"]);
    }

    #[test]
    fn empty_columns_take_no_room() {
        let rows = [["a", "", "x"], ["b", "", "y"]].map(|row| row.map(str::to_owned));
        assert_eq!(lines(COLUMNS, &rows, 80), ["a  x", "b  y"]);
    }
}
