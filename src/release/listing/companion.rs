//! Tags that belong to a manifest and are named after its digest: the list of what refers to it where the registry keeps
//! none, and what cosign stores.
//! <https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#referrers-tag-schema>
//! <https://github.com/sigstore/cosign/blob/v2.5.0/specs/SIGNATURE_SPEC.md#tag-based-discovery>

use crate::spec::Digest;

const ENDINGS: [&str; 4] = ["", ".sig", ".att", ".sbom"];

/// The manifest that a tag belongs to, if it is such a tag.
pub(in crate::release) fn companion(tag: &str) -> Option<Digest> {
    let rest = tag.strip_prefix("sha256-")?;
    let (hex, ending) = rest.split_at_checked(64)?;
    let digest = format!("sha256:{hex}").parse().ok()?;
    ENDINGS.contains(&ending).then_some(digest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_have_a_form() {
        let digest = Digest::of(b"x");
        let name = format!("sha256-{}", digest.hex());
        for ending in ENDINGS {
            assert_eq!(companion(&format!("{name}{ending}")), Some(digest));
        }
        for other in [
            format!("{name}.sigs"),
            format!("{name}0"),
            name[..70].to_owned(),
            "sha256-é".repeat(20),
        ] {
            assert_eq!(companion(&other), None, "{other}");
        }
        assert_eq!(companion("v1.0.0"), None);
    }
}
