//! The checker held against reality: wrong pairs of a program and a base each give their own finding and do not start;
//! right pairs give none and start.
//!
//! Every pair is made for real, of real bases (`cargo xtask bases`), and is started in its own root. What cannot be
//! started on this machine is named with the reason.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

mod support;

use cargo_gantry::fit::Check;

#[path = "fit_corpus/image.rs"]
mod image;
#[path = "fit_corpus/pair.rs"]
mod pair;
#[path = "fit_corpus/program.rs"]
mod program;
#[path = "fit_corpus/right.rs"]
mod right;
#[path = "fit_corpus/sources.rs"]
mod sources;
#[path = "fit_corpus/verdict.rs"]
mod verdict;
#[path = "fit_corpus/wrong.rs"]
mod wrong;

#[test]
fn wrong_pairs_are_found_out_and_do_not_start() {
    let pairs = wrong::pairs();
    assert!(pairs.len() >= 20);
    verdict::hold("wrong", pairs);
}

#[test]
fn right_pairs_are_found_right_and_start() {
    let pairs = right::pairs();
    assert!(pairs.len() >= 20);
    verdict::hold("right", pairs);
}

#[test]
fn a_program_of_anybody_is_held_against_real_bases() {
    let newer = sources::of_glibc_2_39();
    let Some((denied, proposed)) = verdict::on_base("debian-bookworm-slim", &newer) else {
        return;
    };
    assert_eq!(denied, [Check::Glibc]);
    assert!(proposed > 0);
    let Some((denied, proposed)) = verdict::on_base("debian-trixie-slim", &newer) else {
        return;
    };
    assert_eq!((denied, proposed), (Vec::new(), 0));
    let Some((denied, proposed)) = verdict::on_base("musl", &sources::with_openssl()) else {
        return;
    };
    assert_eq!(denied, [Check::Libc]);
    assert!(proposed > 0);
}
