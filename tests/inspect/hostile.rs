//! Layers that are not what they should be: an error with the layer's name, never a difference.

use cargo_gantry::codec::Compression;

use crate::made::{Image, Layer, file, image, pair};
use crate::run;

fn good() -> Image {
    image([Layer::new(&[file("a", "1")])])
}

#[test]
fn what_is_wrong_with_a_layer_is_said() {
    let layer = || Layer::new(&[file("a", "2")]);
    let whole = {
        use std::io::Write;
        let mut encoder = Compression::Gzip(6).encoder(Vec::new()).unwrap();
        encoder.write_all(&layer().tar).unwrap();
        encoder.finish().unwrap()
    };
    let stored = |stored: &[u8]| Layer {
        stored: Some(stored.to_vec()),
        ..layer()
    };
    let other_tar = Layer {
        tar: Layer::new(&[file("a", "3")]).tar,
        ..stored(&whole)
    };
    // An entry that says to be larger than everything.
    let mut header = tar::Header::new_gnu();
    header.set_path("x").unwrap();
    header.set_size(1 << 50);
    header.set_cksum();
    for (layer, want) in [
        (stored(&whole[..whole.len() / 2]), "cannot be read"),
        (stored(b"rubbish"), "cannot be read"),
        (stored(b""), "cannot be read"),
        (Layer::of(b"no tar".repeat(200)), "no tar"),
        (Layer::of(header.as_bytes().to_vec()), "cannot be read"),
        (other_tar, "the config says"),
    ] {
        let folder = pair(good(), image([layer]));
        let ran = run(folder.path(), &["diff", "oci:before", "oci:after"]).fails(1);
        assert!(
            ran.stderr.contains(want) && ran.stderr.contains("sha256:"),
            "{want}: {}",
            ran.stderr
        );
    }
}

#[test]
fn a_blob_that_was_altered_is_no_difference() {
    let folder = pair(good(), image([Layer::new(&[file("a", "2")])]));
    let blobs = folder.path().join("after/blobs/sha256");
    for blob in std::fs::read_dir(&blobs)
        .unwrap()
        .map(|blob| blob.unwrap().path())
    {
        let bytes = std::fs::read(&blob).unwrap();
        let mut altered = bytes.clone();
        *altered.last_mut().unwrap() ^= 1;
        std::fs::write(&blob, altered).unwrap();
        let ran = run(folder.path(), &["diff", "oci:before", "oci:after"]);
        assert!(ran.code != Some(0) && ran.stdout.is_empty(), "{}", blob.display());
        std::fs::write(&blob, &bytes).unwrap();
        // One byte more than its descriptor says.
        std::fs::write(&blob, [bytes.as_slice(), b" "].concat()).unwrap();
        let ran = run(folder.path(), &["diff", "oci:before", "oci:after"]);
        assert!(ran.code != Some(0) && ran.stdout.is_empty(), "{}", blob.display());
        std::fs::write(&blob, bytes).unwrap();
    }
    run(folder.path(), &["diff", "oci:before", "oci:after"]).ok();
}

#[test]
fn names_of_files_cannot_write_on_the_terminal() {
    let folder = pair(good(), image([Layer::new(&[file("a\u{1b}[2J\nb", "2")])]));
    let text = run(folder.path(), &["diff", "oci:before", "oci:after"])
        .ok()
        .stdout;
    assert!(text.contains("    + /a\u{fffd}[2J\u{fffd}b 1 B"), "{text}");
}
