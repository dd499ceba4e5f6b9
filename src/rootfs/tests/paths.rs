//! Where paths lead.

use super::{laid, told};
use crate::rootfs::{Kind, Node};

#[test]
fn things_are_put_where_links_lead() {
    let mut tree = laid(&[&["usr/lib/", "lib -> usr/lib", "a", "b -> b", "usr/x"]]).unwrap();
    for path in ["lib/x", "a/b/c", "b/x", "/e", "../f"] {
        tree.insert(path.as_bytes(), Node::directory());
    }
    tree.insert(
        b"usr",
        Node {
            kind: Kind::Other,
            ..Node::directory()
        },
    );
    let expected = [
        "a/ made",
        "a/b/ made",
        "a/b/c/ made",
        "b/ made",
        "b/x/ made",
        "e/ made",
        "f/ made",
        "lib -> usr/lib",
        "usr !",
    ];
    assert_eq!(told(&tree), expected);
    assert_eq!(tree.get(b"").unwrap(), &Node::directory());
    tree.insert(
        b"",
        Node {
            mode: 0o711,
            ..Node::directory()
        },
    );
    tree.insert(
        b"/",
        Node {
            kind: Kind::Other,
            ..Node::directory()
        },
    );
    assert_eq!(tree.get(b"").unwrap().mode, 0o711);
}

#[test]
fn paths_lead_where_the_kernel_goes() {
    let mut lines = vec![
        "usr/lib/x",
        "lib -> usr/lib",
        "abs -> /lib/x",
        "up -> ../../usr/./lib/../lib//x",
        "dir/l -> x",
        "dir/x",
        "loop -> loop",
        "none -> nowhere",
        "slash -> usr/lib/x/",
        "root -> /",
    ];
    // 41 links, of which the kernel follows 40.
    let chain: Vec<String> = (1..=41)
        .map(|number| format!("c{number} -> c{}", number - 1))
        .collect();
    lines.extend(chain.iter().map(String::as_str));
    lines.push("c0");
    let tree = laid(&[&lines]).unwrap();
    for (path, expected) in [
        ("", Some("")),
        ("/", Some("")),
        ("..", Some("")),
        ("root", Some("")),
        ("lib", Some("usr/lib")),
        ("/lib/x", Some("usr/lib/x")),
        ("lib/../lib/x", Some("usr/lib/x")),
        ("lib/../lib", Some("usr/lib")),
        ("usr/lib/./x", Some("usr/lib/x")),
        ("abs", Some("usr/lib/x")),
        ("root/root/abs", Some("usr/lib/x")),
        ("up", Some("usr/lib/x")),
        ("dir/l", Some("dir/x")),
        ("dir/", Some("dir")),
        ("dir/x/", None),
        ("dir/x/.", None),
        ("dir/x/..", None),
        ("slash", None),
        ("loop", None),
        ("none", None),
        ("nowhere", None),
        ("nowhere/..", None),
        ("c40", Some("c0")),
        ("c41", None),
    ] {
        let found = tree
            .resolve(path.as_bytes())
            .map(|(path, _)| String::from_utf8(path).unwrap());
        assert_eq!(found.as_deref(), expected, "{path}");
    }
    for (path, expected) in [
        ("lib", "lib"),
        ("lib/y", "usr/lib/y"),
        ("root/lib/new/y", "usr/lib/new/y"),
        ("none/y", "nowhere/y"),
        ("loop/y", "loop/y"),
        ("../lib/../z", "usr/z"),
        ("dir/x/y", "dir/x/y"),
    ] {
        assert_eq!(
            String::from_utf8(tree.real(path.as_bytes())).unwrap(),
            expected,
            "{path}"
        );
    }
}
