//! Plain text tables: a head, rows, columns as wide as they must be. What a cell says may come from anybody: it stays in its
//! line, and tells a terminal nothing.

/// The table's text, without a last end of line.
pub(crate) fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let plain = |cell: &String| cell.replace(char::is_control, "\u{fffd}");
    let rows: Vec<Vec<String>> = rows.iter().map(|row| row.iter().map(plain).collect()).collect();
    let width = |column: usize| {
        let cells = rows
            .iter()
            .filter_map(|row| row.get(column))
            .map(|cell| cell.chars().count());
        cells
            .chain(std::iter::once(head[column].chars().count()))
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let line = |cells: &[String]| {
        let padded = cells
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:<width$}"));
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    let head: Vec<String> = head.iter().map(|&title| title.to_owned()).collect();
    std::iter::once(line(&head))
        .chain(rows.iter().map(|row| line(row)))
        .collect::<Vec<_>>()
        .join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_lines_end_where_their_text_ends() {
        let rows = [
            vec!["a".to_owned(), "long".to_owned()],
            vec!["bbb".to_owned(), String::new()],
        ];
        assert_eq!(table(&["X", "Y"], &rows), "X    Y\na    long\nbbb");
    }

    #[test]
    fn a_cell_stays_in_its_line() {
        let rows = [vec!["a\u{1b}[2J\nb".to_owned(), "c".to_owned()]];
        assert_eq!(table(&["X", "Y"], &rows), "X        Y\na\u{fffd}[2J\u{fffd}b  c");
    }
}
