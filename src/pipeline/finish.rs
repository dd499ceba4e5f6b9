//! Programs made ready for their image, as the plan says: stripped, their debug information kept, packed.

use std::path::{Path, PathBuf};

use super::lay::Placed;
use super::prepare::Prepared;
use super::sizes::ProgramSizes;
use super::{Error, Gantry, workplace};
use crate::binary::{Accept, Finished, Finishing, StripLevel, UpxLevel, Workshop};
use crate::event::Stage;
use crate::matrix::Strip;
use crate::plan::{PlannedBinary, PlannedImage, PlannedPlatform};

/// A program that is ready.
pub(super) struct Ready {
    /// The program as its headers tell of it, and its place.
    pub placed: Placed,
    /// The file that goes into the image.
    pub ship: PathBuf,
    pub sizes: ProgramSizes,
}

/// Where programs of one project are made ready.
pub(super) fn workshop(gantry: &Gantry, prepared: &Prepared) -> Workshop {
    let folder = workplace::store(&prepared.project).join("finished");
    let workshop = Workshop::new(&gantry.tools, folder);
    match prepared.toolchain.sysroot() {
        Some(sysroot) => workshop.with_sysroot(sysroot),
        None => workshop,
    }
}

/// Makes the programs of one image's platform ready. `accept` starts a packed one at its place in the image.
pub(super) fn ready(
    gantry: &Gantry,
    prepared: &Prepared,
    workshop: &Workshop,
    (image, platform): (&PlannedImage, &PlannedPlatform),
    programs: &[Placed],
    accept: &dyn Fn(&Path, &str) -> Result<(), String>,
) -> Result<Vec<Ready>, Error> {
    let target = prepared.catalog.triple(&platform.triple)?;
    let mut ready = Vec::new();
    for (binary, program) in platform.binaries.iter().zip(programs) {
        let _span = gantry.span_of(Stage::Finish, (image, platform), &program.dest);
        let accept: Accept<'_> = &|packed: &Path| accept(packed, &program.dest);
        let finished = workshop.finish(&program.path, target, &wish(binary), accept)?;
        for notice in &finished.notices {
            gantry.notice(&format!(
                "{} {}: {}: {notice}",
                image.name, platform.platform, program.dest
            ));
        }
        if let Some(debug) = &finished.debug_file {
            keep_debug(gantry, prepared, (image, platform), binary, debug)?;
        }
        ready.push(Ready {
            sizes: sizes(binary, program, &finished),
            placed: Placed {
                path: finished.facts.path.clone(),
                dest: program.dest.clone(),
            },
            ship: finished.path,
        });
    }
    Ok(ready)
}

fn wish(binary: &PlannedBinary) -> Finishing {
    Finishing {
        strip: binary.finish.strip.and_then(|strip| match strip {
            Strip::None => None,
            Strip::DebugInfo => Some(StripLevel::Debuginfo),
            Strip::Symbols => Some(StripLevel::Symbols),
        }),
        debuginfo: binary.finish.debuginfo,
        upx: binary.finish.upx.as_ref().map(|upx| UpxLevel {
            level: upx.level,
            lzma: upx.lzma,
        }),
    }
}

fn sizes(binary: &PlannedBinary, program: &Placed, finished: &Finished) -> ProgramSizes {
    let sizes = &finished.sizes;
    let (made, stripped) = match binary.finish.comes_stripped {
        true => (None, Some(sizes.made)),
        false => (Some(sizes.made), sizes.stripped),
    };
    ProgramSizes {
        path: program.dest.clone(),
        made,
        stripped,
        packed: sizes.packed,
        unpacked: finished.facts.path.clone(),
        entry: Vec::new(),
    }
}

/// Puts debug information where the user finds it: below the store, by image, platform and binary.
fn keep_debug(
    gantry: &Gantry,
    prepared: &Prepared,
    (image, platform): (&PlannedImage, &PlannedPlatform),
    binary: &PlannedBinary,
    debug: &Path,
) -> Result<(), Error> {
    let folder = workplace::store(&prepared.project)
        .join("debug")
        .join(&image.name)
        .join(platform.platform.dashed());
    let path = folder.join(debug.file_name().unwrap_or(binary.binary.as_ref()));
    let unkept = |source| Error::Store {
        path: path.clone(),
        source,
    };
    std::fs::create_dir_all(&folder).map_err(unkept)?;
    // Whole or not at all, also where a debugger reads it meanwhile.
    let new = tempfile::NamedTempFile::new_in(&folder).map_err(unkept)?;
    std::fs::copy(debug, new.path()).map_err(unkept)?;
    new.persist(&path).map_err(|error| unkept(error.error))?;
    gantry.notice(&format!(
        "{} {}: debug information of `{}` is in {}",
        image.name,
        platform.platform,
        binary.binary,
        path.display()
    ));
    Ok(())
}
