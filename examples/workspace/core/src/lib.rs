//! What every program of the shop shares: prices (generated), receipts (checked by C code), and an audit line.

include!(concat!(env!("OUT_DIR"), "/prices.rs"));

/// What this library was built with: another feature set is another program.
pub const BUILT_WITH: &str = if cfg!(feature = "audit") {
    "with an audit trail"
} else {
    "without an audit trail"
};

/// A receipt: the price, and a checksum over the article's name.
pub fn receipt(article: &str) -> String {
    let sum = checksum::of(article.as_bytes());
    format!("{article}: {} cents, {sum:08x}, {BUILT_WITH}", price(article))
}

/// Answers `--version` for a program of the shop; true if that was asked.
pub fn version_asked(program: &str, version: &str) -> bool {
    let asked = std::env::args().nth(1).as_deref() == Some("--version");
    if asked {
        println!(
            "{program} {version} ({BUILT_WITH}; checked by {})",
            checksum::source()
        );
    }
    asked
}

#[cfg(test)]
mod tests {
    #[test]
    fn receipts_are_checked() {
        assert!(super::receipt("pear").starts_with("pear: 20 cents, "));
    }

    #[test]
    #[should_panic(expected = "no price for kiwi")]
    fn unknown_articles_panic_in_generated_code() {
        super::price("kiwi");
    }
}
