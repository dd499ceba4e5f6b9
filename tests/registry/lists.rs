//! Lists: tags and referrers, in pages.

use cargo_gantry::registry::Repository;
use cargo_gantry::spec::Digest;
use serde_json::json;

use crate::shipment::{client, shown};
use crate::support::canned::{Canned, Server};

const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const LIST: &str = "/v2/team/app/tags/list";

fn repository(server: &Server) -> Repository {
    Repository::new(&server.host(), "team/app")
}

fn tags(names: &[&str]) -> String {
    json!({"name": "team/app", "tags": names}).to_string()
}

async fn read_tags(answers: Vec<Canned>) -> Result<Option<Vec<String>>, String> {
    let server = Server::start(answers);
    let tags = client().tags(&repository(&server)).await;
    tags.map_err(|error| shown(&error))
}

#[tokio::test]
async fn tags_come_in_pages() {
    let first = Canned::ok(format!("{LIST}?n=1000"), tags(&["a", "b"]))
        .header("link", "</v2/team/app/tags/list?n=1000&last=b>; rel=\"next\"");
    let second = Canned::ok(format!("{LIST}?n=1000&last=b"), tags(&["b", "c"]));
    let read = read_tags(vec![first, second]).await.unwrap().unwrap();
    assert_eq!(read, ["a", "b", "c"]);
    // Without a Link, a full page is followed by the next.
    let many: Vec<String> = (0..1000).map(|number| format!("t{number:04}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let first = Canned::ok(format!("{LIST}?n=1000"), tags(&many));
    let second = Canned::ok(format!("{LIST}?n=1000&last=t0999"), tags(&["z"]));
    let read = read_tags(vec![first.clone(), second]).await.unwrap().unwrap();
    assert_eq!((read.len(), read.last().map(String::as_str)), (1001, Some("z")));
    // A page of which we may see nothing is not the last one.
    let link = |last: &str| format!("<{LIST}?n=1000&last={last}>; rel=\"next\"");
    let first = Canned::ok(format!("{LIST}?n=1000"), tags(&["a"])).header("link", link("b"));
    let empty = Canned::ok(format!("{LIST}?n=1000&last=b"), tags(&[])).header("link", link("c"));
    let third = Canned::ok(format!("{LIST}?n=1000&last=c"), tags(&["d"]));
    let read = read_tags(vec![first.clone(), empty.clone(), third]).await;
    assert_eq!(read.unwrap().unwrap(), ["a", "d"]);
    // One that is announced and not there is no end of the list.
    let error = read_tags(vec![first, empty]).await.unwrap_err();
    assert!(error.contains("404"), "{error}");
    // Without a Link, nothing behind a full page is the end.
    let first = Canned::ok(format!("{LIST}?n=1000"), tags(&many));
    assert_eq!(read_tags(vec![first.clone()]).await.unwrap().unwrap().len(), 1000);
    // One that knows no pages at all.
    let same = Canned::ok(format!("{LIST}?n=1000&last=t0999"), tags(&many));
    assert_eq!(read_tags(vec![first, same]).await.unwrap().unwrap().len(), 1000);
}

#[tokio::test]
async fn odd_lists_of_tags() {
    let one = |body: &str| vec![Canned::ok(format!("{LIST}?n=1000"), body)];
    assert_eq!(read_tags(Vec::new()).await.unwrap(), None);
    assert_eq!(
        read_tags(one(r#"{"name":"x","tags":null}"#)).await.unwrap(),
        Some(Vec::new())
    );
    let odd = tags(&["good", "\u{1b}[31mred", "a/b", "", "-x", &"x".repeat(129)]);
    assert_eq!(read_tags(one(&odd)).await.unwrap().unwrap(), ["good"]);
    assert!(
        read_tags(one("<html>"))
            .await
            .unwrap_err()
            .contains("no list of tags")
    );
    for (link, part) in [
        (
            "<https://evil.example/v2/team/app/tags/list>; rel=next",
            "evil.example",
        ),
        ("<http://127.0.0.1:1/list>; rel=next", "127.0.0.1:1"),
        ("<?n=1000>; rel=next", "no end"),
    ] {
        let page = Canned::ok(format!("{LIST}?n=1000"), tags(&["a"])).header("link", link);
        let error = read_tags(vec![page]).await.unwrap_err();
        assert!(error.contains(part), "{link}: {error}");
    }
}

fn referrer(seed: &str, artifact_type: &str) -> serde_json::Value {
    json!({"mediaType": "application/vnd.oci.image.manifest.v1+json", "size": seed.len(),
        "digest": Digest::of(seed.as_bytes()).to_string(), "artifactType": artifact_type})
}

fn index(manifests: &[serde_json::Value]) -> String {
    json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests}).to_string()
}

#[tokio::test]
async fn referrers_are_listed_filtered_and_looked_for_under_their_tag() {
    let subject = Digest::of(b"subject");
    let path = format!("/v2/team/app/referrers/{subject}");
    let page = |query: &str, manifests: &[serde_json::Value]| {
        Canned::ok(format!("{path}{query}"), index(manifests)).header("content-type", INDEX)
    };
    let (sbom, signature) = (referrer("s", "example/sbom"), referrer("g", "example/signature"));
    let both = [sbom.clone(), signature.clone()];
    let tag = Canned::ok(
        format!("/v2/team/app/manifests/sha256-{}", subject.hex()),
        index(&both),
    )
    .header("content-type", INDEX);
    let html = Canned::ok(path.clone(), "<html>").header("content-type", "text/html");
    let next = format!("<{path}?page=2>; rel=\"next\"");
    for (name, answers, wanted, expected) in [
        ("all of it", vec![page("", &both)], None, 2),
        (
            "in pages",
            vec![
                page("", &both[..1]).header("link", next.clone()),
                page("?page=2", &both[1..]),
            ],
            None,
            2,
        ),
        (
            "filtered here",
            vec![page("?artifactType=example%2Fsbom", &both)],
            Some("example/sbom"),
            1,
        ),
        (
            "filtered there",
            vec![
                page("?artifactType=example%2Fother", &both[..1])
                    .header("oci-filters-applied", "artifactType"),
            ],
            Some("example/other"),
            1,
        ),
        ("under the tag", vec![tag.clone()], None, 2),
        (
            "under the tag, filtered",
            vec![tag.clone()],
            Some("example/signature"),
            1,
        ),
        ("a page for browsers", vec![html, tag], None, 2),
        ("nothing", vec![page("", &[])], None, 0),
        ("nowhere", Vec::new(), None, 0),
    ] {
        let server = Server::start(answers);
        let found = client()
            .referrers(&repository(&server), &subject, wanted)
            .await
            .unwrap();
        assert_eq!(found.len(), expected, "{name}: {found:?}");
    }
    let loops = page("", &both).header("link", format!("<{path}>; rel=next"));
    let server = Server::start(vec![loops]);
    let error = client()
        .referrers(&repository(&server), &subject, None)
        .await
        .unwrap_err();
    assert!(shown(&error).contains("no end"), "{}", shown(&error));
}
