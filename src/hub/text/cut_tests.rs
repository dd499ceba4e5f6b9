//! Where texts end.

use proptest::prelude::*;

use super::*;

const WHOLE: &str = "https://h.example/README.md";

fn note() -> String {
    format!("\n---\n\n*This is the beginning: [read the rest]({WHOLE}).*\n")
}

#[test]
fn a_text_that_fits_stays() {
    let text = "# A\r\n\r\nb";
    assert_eq!(shortened(text, text.len(), Some(WHOLE)), text);
    assert_eq!(shortened("", 0, None), "");
}

#[test]
fn a_text_ends_at_a_line() {
    let fence = format!("before\n\n```sh\n{}```\n", "line\n".repeat(30));
    let behind = format!("{fence}\nafter {}\n", "x".repeat(300));
    let nested = format!("- item\n  ```\n{}  ```\n", "  line\n".repeat(40));
    let html = format!("a\n\n<div>\n{}</div>\n\nb\n", "<p>\n".repeat(40));
    let reference = format!(
        "[a][b] x\n\nsecond\n\n{}\n[b]: https://b.example \"t\"\n",
        "filler\n".repeat(40)
    );
    for (name, text, more, kept) in [
        (
            "lines",
            "one\ntwo\nthree\n".repeat(10),
            9,
            "one\ntwo\n".to_owned(),
        ),
        ("in a fence", fence.clone(), 60, "before\n".to_owned()),
        ("behind a fence", behind, fence.len() + 4, fence.clone()),
        ("in a list", nested, 60, "- item\n".to_owned()),
        ("in html", html, 50, "a\n".to_owned()),
        (
            "in a link",
            format!("a\n\n[b\nc](d)\n{}", "x".repeat(300)),
            8,
            "a\n".to_owned(),
        ),
        (
            "in code",
            format!("a\n\n`b\nc`\n{}", "x".repeat(300)),
            6,
            "a\n".to_owned(),
        ),
    ] {
        let found = shortened(&text, note().len() + more, Some(WHOLE));
        assert_eq!(found, kept + &note(), "{name}");
    }
    let found = shortened(&reference, note().len() + 50, Some(WHOLE));
    let expected = format!("[a][b] x\n\nsecond\n{}\n[b]: https://b.example \"t\"\n", note());
    assert_eq!(found, expected);
}

#[test]
fn characters_are_whole() {
    let line = "ä€😀".repeat(50);
    for limit in 0..line.len() {
        let cut = shortened(&line, limit, None);
        assert!(cut.len() <= limit && line.starts_with(cut.trim_end()), "{limit}");
    }
}

#[test]
fn a_summary_ends_at_a_word() {
    for (text, limit, expected) in [
        ("short", 100, "short"),
        ("two\n  lines", 100, "two lines"),
        ("one two three", 12, "one two…"),
        ("one two three", 10, "one two…"),
        ("one, two three", 8, "one…"),
        ("onetwothree", 7, "onet…"),
        ("größe", 6, "gr…"),
        ("ab cd", 2, "ab"),
        ("", 0, ""),
    ] {
        assert_eq!(summary(text, limit), expected, "{text} {limit}");
        assert!(summary(text, limit).len() <= limit);
    }
}

proptest! {
    #[test]
    fn no_limit_is_passed(
        text in "([a-c \\[\\]()<>!#`*\\\\&:\"\n\r\\-|ä😀]|\\]\\(|\\]: |```\n|<p>\n|\n\n){0,120}",
        limit in 0usize..200,
        whole in prop::bool::ANY,
    ) {
        let cut = shortened(&text, limit, Some(WHOLE).filter(|_| whole));
        prop_assert!(cut.len() <= limit, "{} > {}", cut.len(), limit);
        if text.len() <= limit {
            prop_assert_eq!(&cut, &text);
        }
        let line = summary(&text, limit);
        prop_assert!(line.len() <= limit && !line.contains('\n'));
    }
}
