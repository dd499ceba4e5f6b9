//! Halves of a matrix, built on two machines, are the whole.

use crate::place;
use crate::project::{PLATFORMS, Project};
use crate::support::registry::Registry;

#[test]
fn two_halves_give_the_digest_of_the_whole() {
    let registry = Registry::plain();
    let project = Project::new(
        &format!("{}/team/lookout", registry.host()),
        "tags = [\"semver\"]",
    );
    let whole = project.machine("whole", "1.2.3");
    let expected = whole.build(&PLATFORMS, "oci:out/all");
    let (one, two) = (project.machine("one", "1.2.3"), project.machine("two", "1.2.3"));
    // Neither half is in the order of the matrix.
    one.build(&["linux/arm64", "linux/arm/v7"], "oci:out/api:1.2.3");
    two.build(&["linux/arm/v6", "linux/amd64"], "oci-archive:out/api.tar");
    let first = format!("oci:{}", one.root.join("out/api").display());
    let second = format!("oci-archive:{}", two.root.join("out/api.tar").display());
    let joins = project.machine("joins", "1.2.3");
    for sources in [[&first, &second], [&second, &first]] {
        let published = joins.messages(&["publish", sources[0], sources[1]], "published");
        assert_eq!(published[0]["digest"], expected.as_str());
        assert_eq!(published[0]["image"], "lookout");
    }
    for tag in ["1.2.3", "1.2", "1", "latest"] {
        assert_eq!(
            place::tag(&registry, "team/lookout", tag).as_deref(),
            Some(&*expected),
            "{tag}"
        );
    }
    let pushed = place::in_registry(&registry, "team/lookout", &expected);
    assert_eq!(pushed, place::in_layout(&whole.root.join("out/all"), &expected));
}
