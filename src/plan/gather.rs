//! Grouping what is not cargo's into units: what is made alike is made once.

use std::collections::BTreeMap;
use std::path::Path;

use super::foreign::{ForeignNeed, Words, Work, alike};
use super::{
    CommandRun, CommandUnit, ForeignUnit, GoSettings, GoTarget, GoUnit, Link, LinkQuery, PrebuiltFile,
    PrebuiltUnit,
};
use crate::spec::{Digest, json};

/// The units, and which of them serves each need, in the order of the needs.
pub(super) fn group(
    out: &Path,
    needs: &[ForeignNeed],
    queries: &[LinkQuery],
    links: &[Option<Link>],
) -> (Vec<ForeignUnit>, Vec<usize>) {
    let mut gathered = Gathered::default();
    let served: Vec<Served> = needs
        .iter()
        .map(|need| {
            let link = need.query.as_ref().and_then(|query| {
                let position = queries.iter().position(|other| alike(other, query));
                links[position.expect("every query of a need was asked")].clone()
            });
            gathered.take(need, link, out)
        })
        .collect();
    gathered.units(&served)
}

/// Kind and number of a unit, before they stand in one list.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Served {
    Prebuilt(usize),
    /// By its share.
    Go(usize),
    Command(usize),
}

#[derive(Default)]
struct Gathered {
    prebuilt: Vec<PrebuiltUnit>,
    go: Vec<GoShare>,
    commands: Vec<CommandUnit>,
}

impl Gathered {
    fn take(&mut self, need: &ForeignNeed, link: Option<Link>, out: &Path) -> Served {
        match &need.work {
            Work::Prebuilt(file) => Served::Prebuilt(self.prebuilt(file)),
            Work::Command {
                rendered,
                environment,
            } => Served::Command(self.command(need, rendered, environment, link, out)),
            Work::Go {
                package,
                settings,
                ldflags,
                is_static,
            } => {
                let target = GoTarget {
                    triple: need.triple.clone(),
                    platform: need.platform.clone(),
                    ldflags: ldflags.clone(),
                    link,
                    is_static: *is_static,
                };
                Served::Go(self.go(&need.binary, package, settings, target))
            }
        }
    }

    fn prebuilt(&mut self, file: &PrebuiltFile) -> usize {
        let same = |other: &PrebuiltFile| (&other.triple, &other.binary) == (&file.triple, &file.binary);
        for (position, unit) in self.prebuilt.iter_mut().enumerate() {
            match unit.files.iter().find(|other| same(other)) {
                Some(other) if other == file => return position,
                Some(_) => {}
                None => {
                    unit.files.push(file.clone());
                    return position;
                }
            }
        }
        self.prebuilt.push(PrebuiltUnit {
            name: numbered("prebuilt", self.prebuilt.len()),
            files: vec![file.clone()],
        });
        self.prebuilt.len() - 1
    }

    fn command(
        &mut self,
        need: &ForeignNeed,
        rendered: &[Words],
        environment: &BTreeMap<String, String>,
        link: Option<Link>,
        out: &Path,
    ) -> usize {
        for position in 0.. {
            let out = out
                .join(numbered(&need.binary, position))
                .join(need.platform.dashed_full())
                .join(&need.binary);
            let shown = out.to_string_lossy();
            let run = CommandRun {
                triple: need.triple.clone(),
                platform: need.platform.clone(),
                binary: need.binary.clone(),
                command: rendered.iter().map(|word| word.join(&shown)).collect(),
                environment: environment.clone(),
                link: link.clone(),
                out,
            };
            let Some(unit) = self.commands.get_mut(position) else {
                self.commands.push(CommandUnit {
                    name: numbered("command", position),
                    runs: vec![run],
                });
                return position;
            };
            let same = |other: &&CommandRun| (&other.triple, &other.binary) == (&run.triple, &run.binary);
            match unit.runs.iter().find(same) {
                Some(other) if *other == run => return position,
                Some(_) => {}
                None => {
                    unit.runs.push(run);
                    return position;
                }
            }
        }
        unreachable!("a unit is added where none fits")
    }

    /// All binaries that one target has in common are one share of a call.
    fn go(&mut self, binary: &str, package: &str, settings: &GoSettings, target: GoTarget) -> usize {
        let fits = |share: &GoShare| {
            let named = share.binaries.get(binary).is_none_or(|other| other == package);
            named && share.settings == *settings && share.target == target
        };
        if let Some(position) = self.go.iter().position(fits) {
            let binaries = &mut self.go[position].binaries;
            binaries.insert(binary.to_owned(), package.to_owned());
            return position;
        }
        self.go.push(GoShare {
            settings: settings.clone(),
            binaries: BTreeMap::from([(binary.to_owned(), package.to_owned())]),
            target,
        });
        self.go.len() - 1
    }

    /// What is there comes first, so that it is packed while others compile.
    fn units(self, served: &[Served]) -> (Vec<ForeignUnit>, Vec<usize>) {
        let (go, of_share) = joined(self.go);
        let (prebuilt, before) = (self.prebuilt.len(), self.prebuilt.len() + go.len());
        let positions = served.iter().map(|served| match served {
            Served::Prebuilt(number) => *number,
            Served::Go(share) => prebuilt + of_share[*share],
            Served::Command(number) => before + number,
        });
        let positions = positions.collect();
        let units = self.prebuilt.into_iter().map(ForeignUnit::Prebuilt);
        let units = units.chain(go.into_iter().map(ForeignUnit::Go));
        let units = units.chain(self.commands.into_iter().map(ForeignUnit::Command));
        (units.collect(), positions)
    }
}

/// What one target has in one call of Go.
struct GoShare {
    settings: GoSettings,
    binaries: BTreeMap<String, String>,
    target: GoTarget,
}

/// Targets with the same binaries are one unit, which has each triple once. Gives the unit of each share, too.
fn joined(shares: Vec<GoShare>) -> (Vec<GoUnit>, Vec<usize>) {
    let (mut units, mut of_share) = (Vec::<GoUnit>::new(), Vec::new());
    for share in shares {
        let fits = |unit: &GoUnit| {
            let has = |other: &GoTarget| other.triple == share.target.triple;
            unit.settings == share.settings
                && unit.binaries == share.binaries
                && !unit.targets.iter().any(has)
        };
        let position = units.iter().position(fits).unwrap_or(units.len());
        of_share.push(position);
        if let Some(unit) = units.get_mut(position) {
            unit.targets.push(share.target);
            continue;
        }
        let namesakes = units
            .iter()
            .filter(|unit| unit.settings == share.settings)
            .count();
        let settings = Digest::of(&json::to_vec(&share.settings)).hex();
        units.push(GoUnit {
            name: numbered("go", position),
            binaries: share.binaries,
            folder: numbered(&settings[..12], namesakes),
            settings: share.settings,
            targets: vec![share.target],
        });
    }
    (units, of_share)
}

fn numbered(name: &str, number: usize) -> String {
    match number {
        0 => name.to_owned(),
        number => format!("{name}-{}", number + 1),
    }
}
