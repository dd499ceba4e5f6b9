//! What becomes of links.

use proptest::prelude::*;

use super::*;
use crate::hub::text::{Forge, Revision};

fn place() -> Place {
    Place {
        forge: Forge::Github,
        repository: "https://github.com/acme/app".to_owned(),
        revision: Revision::Tag("v1".to_owned()),
        file: "README.md".to_owned(),
    }
}

/// `@` stands for where pages are, `§` for where images are.
fn expected(text: &str) -> String {
    let base = "https://github.com/acme/app";
    text.replace('@', &format!("{base}/blob/v1/"))
        .replace('§', &format!("{base}/raw/v1/"))
}

#[test]
fn relative_destinations_become_absolute() {
    for (text, to) in [
        ("[a](b.md)", "[a](@b.md)"),
        ("![a](b.png)", "![a](§b.png)"),
        ("[a](b.md \"b.md\") b.md", "[a](@b.md \"b.md\") b.md"),
        ("[a]( b.md )", "[a]( @b.md )"),
        ("[a](<b c.md>)", "[a](<@b%20c.md>)"),
        ("[a](b(1).md)", "[a](@b%281%29.md)"),
        ("[a](b\\(1.md)", "[a](@b%281.md)"),
        ("[a](b&amp;c.md)", "[a](@b&c.md)"),
        ("[a](b.md#x)", "[a](@b.md#x)"),
        (
            "[a](#x) [a](https://x/y) <https://x>",
            "[a](#x) [a](https://x/y) <https://x>",
        ),
        ("[![a](i.png)](b.md)", "[![a](§i.png)](@b.md)"),
        (
            "[![a]][b]\n\n[a]: i.png\n[b]: b.md \"t\"",
            "[![a]][b]\n\n[a]: §i.png\n[b]: @b.md \"t\"",
        ),
        ("[*a*](b) **[`]`](c)**", "[*a*](@b) **[`]`](@c)**"),
        ("[](b.md) ![](i.png)", "[](@b.md) ![](§i.png)"),
        ("[a\\]](b.md)", "[a\\]](@b.md)"),
        ("[a [b] c](d.md)", "[a [b] c](@d.md)"),
        ("[a\nb](c.md)", "[a\nb](@c.md)"),
        (
            "> [a\n> b](c.md)\n> [d](\n> e.md)",
            "> [a\n> b](@c.md)\n> [d](\n> @e.md)",
        ),
        ("- [a](b)\n  - ![c](d)", "- [a](@b)\n  - ![c](§d)"),
        (
            "|a|b|\n|-|-|\n|[x](y)|![z](w)|",
            "|a|b|\n|-|-|\n|[x](@y)|![z](§w)|",
        ),
        ("# [a](b)\r\n\r\n[c](d)\r\n", "# [a](@b)\r\n\r\n[c](@d)\r\n"),
        ("\u{feff}[a](b)", "\u{feff}[a](@b)"),
        (
            "[größe](größe.md) 漢字 ![漢](字.png)",
            "[größe](@gr%C3%B6%C3%9Fe.md) 漢字 ![漢](§%E5%AD%97.png)",
        ),
        (
            "[a][], [b], [A][a]\n\n[a]: <x y>\n[b]:\n  z 'z'",
            "[a][], [b], [A][a]\n\n[a]: <@x%20y>\n[b]:\n  @z 'z'",
        ),
        ("`[a](b)` ``![a](b)``", "`[a](b)` ``![a](b)``"),
        (
            "```\n[a](b)\n<img src=\"x\">\n```\n\n    [a](b)\n",
            "```\n[a](b)\n<img src=\"x\">\n```\n\n    [a](b)\n",
        ),
        ("~~~md\n[a]: b\n~~~", "~~~md\n[a]: b\n~~~"),
        ("\\[a](b) [a] (b)", "\\[a](b) [a] (b)"),
        ("x[^1]\n\n[^1]: [a](b)", "x[^1]\n\n[^1]: [a](@b)"),
        (
            "<p align=center>\n  <img src=\"i.png\" alt=\"x.png\">\n  <a href='b'>b</a>\n</p>",
            "<p align=center>\n  <img src=\"§i.png\" alt=\"x.png\">\n  <a href='@b'>b</a>\n</p>",
        ),
        (
            "x <img src=i.png> <a href=\"#y\">`<a href='b'>`</a>",
            "x <img src=§i.png> <a href=\"#y\">`<a href='b'>`</a>",
        ),
        (
            "<picture><source srcset=\"d.png 2x, https://x/y\"></picture>",
            "<picture><source srcset=\"§d.png 2x, https://x/y\"></picture>",
        ),
        (
            "<!-- <a href=\"b\"> [a](b) -->\n",
            "<!-- <a href=\"b\"> [a](b) -->\n",
        ),
        (
            "<details>\n\n[a](b)\n\n</details>",
            "<details>\n\n[a](@b)\n\n</details>",
        ),
        ("[unused]: b", "[unused]: @b"),
        ("[a]\n\n[a]: b\n[a]: c", "[a]\n\n[a]: @b\n[a]: c"),
        ("no link", "no link"),
        ("", ""),
    ] {
        let found = linked(text, &place());
        assert_eq!(found.text, expected(to), "{text}");
        assert_eq!(found.outside, Vec::<String>::new(), "{text}");
    }
}

#[test]
fn nothing_leads_out_of_the_repository() {
    let text = "[a](../x) ![b](/../y) <a href=\"../../z\">z</a> [ok](./b)";
    let found = linked(text, &place());
    assert_eq!(
        found.text,
        text.replace("./b)", "https://github.com/acme/app/blob/v1/b)")
    );
    assert_eq!(found.outside, ["../../z", "../x", "/../y"]);
}

proptest! {
    #[test]
    fn a_second_time_changes_nothing(text in "([a-c \\[\\](){}<>!#`~*_\\\\&;:\"'\n\r\\-|./>ä]|\\]\\(|\\]: |<img src=|```){0,60}") {
        let once = linked(&text, &place()).text;
        prop_assert_eq!(&linked(&once, &place()).text, &once);
    }

    #[test]
    fn without_relative_links_it_is_unchanged(words in prop::collection::vec("[a-zäß`*_ \n#>-]{0,12}", 0..12)) {
        let text = words.join("[x](https://a.example/b) <a href=\"#c\">");
        prop_assert_eq!(&linked(&text, &place()).text, &text);
    }
}
