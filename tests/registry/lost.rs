//! Parts of an index that are gone from the registry though the index is there.

use cargo_gantry::publish::{ManifestBytes, Moves};
use cargo_gantry::registry::{Client, HostSettings, Vendor};

use crate::early::{begin, count, known};
use crate::shipment::{Fixture, REPOSITORY, client_of, settings};
use crate::support::registry::Registry;

const LATEST: [(&str, Moves); 1] = [("latest", Moves::Always)];

/// A registry of that vendor, as far as we know.
fn of_vendor(vendor: Option<Vendor>) -> (Registry, Client) {
    let (registry, mut settings) = (Registry::plain(), settings());
    let mut host = HostSettings::default();
    host.vendor = vendor;
    settings.hosts.insert(registry.host(), host);
    let (client, _) = client_of(settings);
    (registry, client)
}

/// Takes the first child of the image out of the registry, and says which that is.
fn lose_a_child(registry: &Registry, image: &Fixture) -> String {
    let lost = image.shipment.content.manifests[0].digest().to_string();
    registry.store(|store| {
        let repository = store.repositories.get_mut(REPOSITORY).unwrap();
        assert!(repository.manifests.remove(&lost).is_some());
    });
    lost
}

/// What clean-up at GitHub does: it deletes what has no tag, children of an index among it.
#[tokio::test]
async fn children_that_may_be_gone_are_looked_for() {
    for (vendor, looks, refusals) in [(Some(Vendor::Ghcr), 3, 0), (None, 2, 1)] {
        let (registry, client) = of_vendor(vendor);
        let mut image = Fixture::of("ours", &LATEST);
        image.publish(&client, &registry.host()).await.unwrap();
        let here = known(&[&image]);
        let root = &image.shipment.content.root;
        let spaced = String::from_utf8([root.bytes(), b"\n"].concat()).unwrap();
        image.shipment.content.root = ManifestBytes::new(root.media_type(), spaced);
        let lost = lose_a_child(&registry, &image);
        registry.clear_log();
        let publishing = begin(&client, &registry, &image.shipment.tags, here);
        publishing.complete(&image.shipment).await.unwrap();
        // Where nobody looks, this registry refuses the index, the tag is looked at once more, and all is sent then.
        assert_eq!(count(&registry, "HEAD manifest"), looks, "{vendor:?}");
        let log = registry.log();
        let refused = log
            .iter()
            .filter(|asked| asked.status.is_some_and(|status| status == 400 || status == 404));
        assert_eq!(
            refused.filter(|asked| asked.method == "PUT").count(),
            refusals,
            "{vendor:?}"
        );
        registry.store(|store| assert!(store.of(REPOSITORY).manifests.contains_key(&lost)));
    }
}

/// Somebody's clean-up took what the tagged index lists. Publishing the same again is how a user mends that.
#[tokio::test]
async fn an_unchanged_image_of_which_a_part_is_gone_is_made_whole() {
    for (vendor, mended) in [(Some(Vendor::Ghcr), true), (None, false)] {
        let (registry, client) = of_vendor(vendor);
        let image = Fixture::new(&LATEST);
        image.publish(&client, &registry.host()).await.unwrap();
        let whole = image.publish(&client, &registry.host()).await.unwrap();
        assert!(whole.unchanged, "{vendor:?}");
        let lost = lose_a_child(&registry, &image);
        let publishing = begin(&client, &registry, &image.shipment.tags, known(&[&image]));
        let published = publishing.complete(&image.shipment).await.unwrap();
        assert_eq!(published.unchanged, !mended, "{vendor:?}");
        // Elsewhere nothing goes away that an index lists, and one look is all that is asked.
        registry.store(|store| {
            assert_eq!(
                store.of(REPOSITORY).manifests.contains_key(&lost),
                mended,
                "{vendor:?}"
            );
        });
    }
}
