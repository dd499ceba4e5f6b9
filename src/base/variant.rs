//! Which of a base's platforms a platform may use.

use crate::spec::Platform;

/// Position of what `wanted` runs on among `offered`: exactly that platform, else the nearest lower variant of the
/// architecture. A processor runs what was built for its predecessors, never the reverse. Of several equal ones the
/// first counts, as the image-spec says.
/// <https://github.com/opencontainers/image-spec/blob/v1.1.1/image-index.md#image-index-property-descriptions>
pub(super) fn choose(wanted: &Platform, offered: &[Platform]) -> Option<usize> {
    let found = |platform: &Platform| offered.iter().position(|one| one == platform);
    accepted(wanted).iter().find_map(found)
}

/// What `wanted` may use, best first.
fn accepted(wanted: &Platform) -> Vec<Platform> {
    let of = |variant: Option<&str>| Platform::new(wanted.os(), wanted.architecture(), variant);
    let level = |variant: &str| variant.strip_prefix('v')?.parse::<u8>().ok();
    let mut accepted = vec![wanted.clone()];
    let Some(variant) = wanted.variant() else {
        return accepted;
    };
    match (wanted.architecture(), level(variant)) {
        // `arm` without variant is read as v7, which v5 and v6 cannot run.
        ("arm", Some(level)) => {
            let lower = (5..level.min(9)).rev();
            accepted.extend(lower.map(|level| of(Some(&format!("v{level}")))));
        }
        ("arm", None) => {}
        ("amd64", Some(level)) => {
            let lower = (1..level.min(5)).rev();
            accepted.extend(lower.map(|level| of(Some(&format!("v{level}")))));
        }
        // Elsewhere no variant means the architecture's baseline.
        _ => accepted.push(of(None)),
    }
    accepted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_lower_variant_is_chosen_and_never_a_higher_one() {
        for (wanted, offered, expected) in [
            ("linux/arm64", "linux/amd64 linux/arm64/v8", Some(1)),
            ("linux/arm64/v8", "linux/arm64", Some(0)),
            ("linux/arm64/v9", "linux/arm64", Some(0)),
            ("linux/arm64", "linux/arm64/v9", None),
            ("linux/arm/v7", "linux/arm/v5 linux/arm/v6 linux/arm/v7", Some(2)),
            ("linux/arm/v7", "linux/arm/v5 linux/arm/v6", Some(1)),
            ("linux/arm/v7", "linux/arm/v5", Some(0)),
            ("linux/arm/v7", "linux/arm", Some(0)),
            ("linux/arm/v6", "linux/arm/v7 linux/arm/v5", Some(1)),
            ("linux/arm/v6", "linux/arm linux/arm64", None),
            ("linux/arm/v5", "linux/arm/v6", None),
            ("linux/arm/v8", "linux/arm/v6 linux/arm/v7", Some(1)),
            ("linux/amd64", "linux/amd64/v2 linux/amd64", Some(1)),
            ("linux/amd64", "linux/amd64/v2", None),
            (
                "linux/amd64/v3",
                "linux/amd64 linux/amd64/v2 linux/amd64/v4",
                Some(1),
            ),
            ("linux/amd64/v3", "linux/amd64/v1", Some(0)),
            ("linux/riscv64/rva22u64", "linux/riscv64", Some(0)),
            ("linux/386", "linux/amd64", None),
            ("linux/amd64", "windows/amd64 linux/amd64 linux/amd64", Some(1)),
        ] {
            let offered: Vec<Platform> = offered.split(' ').map(|one| one.parse().unwrap()).collect();
            let chosen = choose(&wanted.parse().unwrap(), &offered);
            assert_eq!(chosen, expected, "{wanted} of {offered:?}");
        }
    }
}
