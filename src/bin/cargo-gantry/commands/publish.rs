//! `cargo gantry publish`

use std::io::Read;

use cargo_gantry::pipeline::{Access, Error, Gantry, PublishedImage, Terms};
use cargo_gantry::registry::Secret;
use serde_json::json;

use super::{digests, remote, runtime};
use crate::args;
use crate::report::message;
use crate::reporter::{Reporter, bytes_text};

pub(crate) fn run(arguments: &args::Publish, gantry: &Gantry, reporter: &Reporter) -> Result<(), Error> {
    let access = access(&arguments.selecting.plain, &arguments.login)?;
    let terms = Terms {
        allow_partial: arguments.allow_partial,
        replace: arguments.replace,
        force_tags: arguments.force_tags,
    };
    let mut request = arguments.selecting.request();
    request.to_publish = true;
    let runtime = runtime()?;
    let old = arguments.digests_file.as_deref().filter(|_| !arguments.dry_run);
    if !arguments.dry_run {
        digests::ready(old, Some(gantry))?;
    }
    if !arguments.sources.is_empty() {
        let parcels = runtime.block_on(gantry.gather(&request, &arguments.sources, &access))?;
        if arguments.dry_run {
            let rehearsed = runtime.block_on(gantry.rehearse_sending(&parcels, &access, &terms))?;
            return remote::rehearsed(rehearsed, reporter);
        }
        // Not before: it may be one of the sources.
        digests::forget(old)?;
        let done = runtime.block_on(gantry.send(&parcels, &access, &terms));
        return finished(done, arguments, gantry, reporter);
    }
    if arguments.dry_run {
        let built = runtime.block_on(gantry.build(&request))?;
        let rehearsed = runtime.block_on(gantry.rehearse(&built, &access, &terms))?;
        return remote::rehearsed(rehearsed, reporter);
    }
    digests::forget(old)?;
    let done = runtime.block_on(gantry.build_and_publish(&request, &access, &terms));
    finished(done, arguments, gantry, reporter)
}

/// Shows what was published, also where an error says what was not, and writes it where it was asked for.
fn finished(
    done: Result<Vec<PublishedImage>, Error>,
    arguments: &args::Publish,
    gantry: &Gantry,
    reporter: &Reporter,
) -> Result<(), Error> {
    let (published, result) = match done {
        Ok(published) => (published, Ok(())),
        // What could be published was: it is shown before the error says what was held back.
        Err(Error::Partial { images, published }) => {
            let held_back = Error::Partial {
                images,
                published: published.clone(),
            };
            (published, Err(held_back))
        }
        Err(Error::Halfway { cause, published }) => (published, Err(*cause)),
        Err(error) => return Err(error),
    };
    show(&published, reporter);
    let digests = digests::of_published(&published);
    let path = arguments.digests_file.as_deref();
    let written = path.map_or(Ok(()), |path| digests::write(path, &digests));
    let told = written.and_then(|()| digests::tell_github(gantry, &digests, &published));
    match (result, told) {
        (Ok(()), told) => told,
        // What was held back goes before what could not be written of the rest.
        (Err(error), told) => {
            if let Err(unwritten) = told {
                reporter.complain("Warning", &message(&unwritten));
            }
            Err(error)
        }
    }
}

fn show(published: &[PublishedImage], reporter: &Reporter) {
    for image in published {
        let tags = if image.tags.is_empty() {
            "no tag".to_owned()
        } else {
            image.tags.join(", ")
        };
        if image.unchanged {
            reporter.say(
                "Unchanged",
                &format!("{} ({tags}): nothing was sent", image.reference),
            );
        } else {
            let mounted = match image.blobs_mounted {
                0 => String::new(),
                blobs => format!(", {blobs} mounted"),
            };
            let sent = format!(
                "{} blobs, {}, and {} manifests sent{mounted}",
                image.blobs_sent,
                bytes_text(image.bytes_sent),
                image.manifests_sent
            );
            reporter.say("Published", &format!("{} ({tags}): {sent}", image.reference));
        }
        let value = json!({
            "image": image.image,
            "reference": image.reference,
            "digest": image.digest,
            "tags": image.tags,
            "tags-kept": image.kept.iter().map(|kept| json!({"tag": kept.name, "version": kept.version})).collect::<Vec<_>>(),
            "blobs-sent": image.blobs_sent,
            "blobs-mounted": image.blobs_mounted,
            "bytes-sent": image.bytes_sent,
            "manifests-sent": image.manifests_sent,
            "unchanged": image.unchanged,
        });
        reporter.result("published", &image.reference, value);
    }
}

/// The library's words for the options; the password comes from standard input, without its end of line.
pub(super) fn access(plain: &args::Plain, login: &args::Login) -> Result<Access, Error> {
    let mut access = Access {
        plain_http: plain.plain_http.clone(),
        login: None,
    };
    if let (Some(username), true) = (&login.username, login.password_stdin) {
        let mut password = String::new();
        std::io::stdin()
            .read_to_string(&mut password)
            .map_err(Error::Password)?;
        access.login = Some((
            username.clone(),
            Secret::new(password.trim_end_matches(['\r', '\n'])),
        ));
    }
    Ok(access)
}
