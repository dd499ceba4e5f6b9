//! Which of cargo's resolvers holds: the first one hears what is said of features in a way of its own.
//! <https://doc.rust-lang.org/cargo/reference/resolver.html#resolver-versions>

use cargo_metadata::{Edition, Metadata};

/// The package whose manifest cargo runs on, if it alone hears `--no-default-features` and features without a package's
/// name. A workspace without a root package has none: cargo asks all that are selected then.
pub(super) fn addressed(metadata: &Metadata) -> Option<String> {
    let root = metadata.root_package()?;
    let manifest = std::fs::read_to_string(&root.manifest_path).unwrap_or_default();
    let first = match named(&manifest) {
        Some(resolver) => resolver == "1",
        None => matches!(root.edition, Edition::E2015 | Edition::E2018),
    };
    first.then(|| root.id.repr.clone())
}

/// The resolver that a manifest names.
fn named(manifest: &str) -> Option<String> {
    let manifest: toml::Table = toml::from_str(manifest).ok()?;
    let of = |table: &str| manifest.get(table)?.get("resolver")?.as_str();
    of("workspace").or_else(|| of("package")).map(str::to_owned)
}
