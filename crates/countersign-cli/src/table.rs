//! Tables for people: columns as wide as their longest cell.

use std::io;

use crate::output;

/// What stands where there is nothing.
pub(crate) const NOTHING: &str = "-";

/// Prints `rows` under `head`.
pub(crate) fn print<const N: usize>(head: [&str; N], mut rows: Vec<[String; N]>) -> io::Result<()> {
    rows.insert(0, head.map(str::to_owned));
    print_bare(rows)
}

/// Prints `rows`. What servers and clients wrote in them cannot break a line or move
/// the cursor.
pub(crate) fn print_bare<const N: usize>(rows: Vec<[String; N]>) -> io::Result<()> {
    let rows = rows.into_iter().map(|row| row.map(|cell| clean(&cell)));
    let rows: Vec<[String; N]> = rows.collect();
    let mut widths = [0; N];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    for row in rows {
        let cells = row.iter().zip(widths);
        let line: Vec<_> = cells
            .map(|(cell, width)| format!("{cell:<width$}"))
            .collect();
        output::line(line.join("  ").trim_end())?;
    }
    Ok(())
}

fn clean(cell: &str) -> String {
    let cell = output::one_line(cell);
    if cell.is_empty() {
        NOTHING.to_owned()
    } else {
        cell
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn h10_a_cell_is_one_line_and_moves_nothing() {
        assert_eq!(clean("a\n\u{1b}[2Jb\tc"), "a [2Jb c");
        assert_eq!(clean("\u{7}"), NOTHING);
    }
}
