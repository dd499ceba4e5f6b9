use super::*;
use crate::matrix;

mod blame;
mod environment;
mod from_elsewhere;
mod on_bases;
mod tags;

fn package(name: &str, binaries: &[&str]) -> Package {
    Package {
        name: name.into(),
        version: "1.2.3".into(),
        binaries: binaries.iter().map(|&binary| binary.into()).collect(),
        default_member: true,
        description: Some("Does things.".into()),
        repository: Some("https://example.com/x".into()),
        ..Package::default()
    }
}

const MUSL: [&str; 2] = ["x86_64-unknown-linux-musl", "aarch64-unknown-linux-musl"];

struct Case {
    matrix: String,
    packages: Vec<Package>,
    installed: Vec<&'static str>,
    selection: Selection,
    git: Option<Git>,
    bases: Bases,
    variables: BTreeMap<String, String>,
}

impl Case {
    fn new(matrix: &str) -> Self {
        Self {
            matrix: format!("schema = 1\n{matrix}"),
            packages: vec![package("app", &["app", "tool"]), package("db", &["migrate"])],
            installed: MUSL.to_vec(),
            selection: Selection::default(),
            git: None,
            bases: Bases::new(),
            variables: BTreeMap::from([
                ("TEAM".into(), "core".into()),
                ("BAD".into(), "x:tag".into()),
                ("APP".into(), "app".into()),
            ]),
        }
    }

    fn only(mut self, images: &[&str], platforms: &[&str]) -> Self {
        self.selection.images = images.iter().map(|&name| name.into()).collect();
        self.selection.platforms = platforms
            .iter()
            .map(|platform| platform.parse().unwrap())
            .collect();
        self
    }

    fn plan(&self) -> Result<Plan, PlanError> {
        let matrix = matrix::parse("gantry.toml", &self.matrix).unwrap();
        let catalog = Catalog::builtin();
        let looked_up = candidates(&matrix, &catalog, &self.selection, &self.bases)?;
        let looked_up = looked_up.into_iter().flat_map(|candidates| candidates.triples);
        let draft = draft(&Question {
            matrix: &matrix,
            packages: &self.packages,
            catalog: &catalog,
            git: self.git.clone(),
            installed: looked_up
                .filter(|triple| self.installed.contains(&triple.as_str()))
                .collect(),
            bases: self.bases.clone(),
            selection: self.selection.clone(),
            overrides: Overrides::default(),
            variables: self.variables.clone(),
            created: 86_400,
            out: "/store/made".into(),
        })?;
        let link = |query: &LinkQuery| {
            let link = Link {
                shown: format!(
                    "{:?}{}{}",
                    query.linker,
                    if query.static_glibc { ", static glibc" } else { "" },
                    query.environment.keys().map(String::as_str).collect::<String>(),
                ),
                why: String::new(),
                variables: BTreeMap::new(),
                compilers: BTreeMap::new(),
                rustflags: Vec::new(),
            };
            (!query.optional).then_some(link)
        };
        let links: Vec<Option<Link>> = draft.queries().iter().map(link).collect();
        draft.plan(&links)
    }
}

/// Units as `name: packages | binaries | triples | own directory?`.
fn units(plan: &Plan) -> Vec<String> {
    let joined = |words: Vec<String>| words.join("+");
    let unit = |unit: &BuildUnit| {
        format!(
            "{}: {} | {} | {}{}",
            unit.name,
            joined(
                unit.packages
                    .iter()
                    .map(|package| package.package.clone())
                    .collect()
            ),
            joined(unit.binaries.iter().cloned().collect()),
            joined(
                unit.targets
                    .iter()
                    .map(|target| target.triple.split('-').next().unwrap().to_owned())
                    .collect()
            ),
            if unit.own_directory.is_some() {
                " | own"
            } else {
                ""
            },
        )
    };
    plan.units.iter().map(unit).collect()
}

#[test]
fn without_a_matrix_there_is_an_image_per_binary_and_one_unit() {
    let plan = Case::new("").plan().unwrap();
    let names: Vec<&str> = plan.images.iter().map(|image| image.name.as_str()).collect();
    assert_eq!(names, ["app", "tool", "migrate"]);
    assert_eq!(
        units(&plan),
        ["release: app+db | app+migrate+tool | aarch64+x86_64"]
    );
    let mut optional = Case::new("");
    let needs = BTreeMap::from([("tool".to_owned(), vec!["extra".to_owned()])]);
    optional.packages[0].optional = needs.clone();
    let names: Vec<String> = optional
        .plan()
        .unwrap()
        .images
        .into_iter()
        .map(|image| image.name)
        .collect();
    assert_eq!(names, ["app", "migrate"]);
    // Named all the same, without and with what it needs.
    for (binary, told) in [("'tool'", 1), ("{ binary = 'tool', features = ['extra'] }", 0)] {
        let mut named = Case::new(&format!("[image.tool]\nbinaries = [{binary}]\n"));
        named.packages[0].optional = needs.clone();
        let notices = named.plan().unwrap().notices;
        let lacks = notices
            .iter()
            .filter(|notice| notice.contains("features = [\"extra\"]"));
        assert_eq!(lacks.count(), told, "{notices:?}");
    }
    let platform = &plan.images[0].platforms[0];
    assert_eq!(
        (platform.platform.to_string().as_str(), platform.triple.as_str()),
        ("linux/amd64", MUSL[0])
    );
    assert_eq!(platform.entrypoint, ["/usr/local/bin/app"]);
    assert_eq!(plan.images[0].tags[0].name, "1.2.3");
}

#[test]
fn what_differs_is_a_unit_of_its_own_and_says_why() {
    for (matrix, want) in [
        // Another profile.
        (
            "[image.app]\n[image.tool]\nprofile = 'dev'\n",
            vec![
                "dev: app | tool | aarch64+x86_64",
                "release: app | app | aarch64+x86_64",
            ],
        ),
        // The same package with other features writes the same files: a directory of its own.
        (
            "[image.app]\n[image.b]\nbinaries = [{ binary = 'app', features = ['f'] }]\n",
            vec![
                "release: app | app | aarch64+x86_64",
                "release-2: app | app | aarch64+x86_64 | own",
            ],
        ),
        // Flags for one platform: the same unit, since each target has its own.
        (
            "[platform.'linux/arm64']\nrustflags = ['-Ctarget-cpu=cortex-a72']\n[image.app]\n",
            vec!["release: app | app | aarch64+x86_64"],
        ),
        // The same triple with other flags.
        (
            "[image.app]\n[image.tool.platform.'linux/arm64']\nrustflags = ['-Copt-level=1']\n",
            vec![
                "release: app | app | aarch64",
                "release-2: app | app+tool | x86_64",
                "release-3: app | tool | aarch64 | own",
            ],
        ),
        // A compiler's environment is the whole call's.
        (
            "[platform.'linux/arm64']\nenv = { A = '1' }\n[image.app]\n",
            vec![
                "release: app | app | x86_64",
                "release-2: app | app | aarch64 | own",
            ],
        ),
        // Alone by wish; the binaries have other names, so the directory can be shared.
        (
            "[image.app]\n[image.migrate]\nisolated = true\n",
            vec![
                "release: app | app | aarch64+x86_64",
                "release-2: db | migrate | aarch64+x86_64",
            ],
        ),
    ] {
        let plan = Case::new(matrix).plan().unwrap();
        assert_eq!(units(&plan), want, "{matrix}");
        assert!(
            plan.units.iter().skip(1).all(|unit| !unit.why.is_empty()),
            "{matrix}"
        );
    }
}

/// Features unify over the packages of a call, so what is packed must not change which packages these are.
#[test]
fn a_selection_narrows_binaries_and_targets_but_never_packages() {
    let matrix = "[image.app]\n[image.migrate]\n";
    let whole = Case::new(matrix).plan().unwrap();
    let part = Case::new(matrix).only(&["app"], &["linux/arm64"]).plan().unwrap();
    assert_eq!(units(&whole), ["release: app+db | app+migrate | aarch64+x86_64"]);
    assert_eq!(part.units[0].packages, whole.units[0].packages);
    assert_eq!(part.units[0].binaries, BTreeSet::from(["app".to_owned()]));
    assert_eq!((part.images.len(), part.images[0].platforms.len()), (1, 1));
    assert_eq!(part.images[0].declared_platforms, 2);
}

#[test]
fn what_is_packed_beside_an_image_changes_no_features_of_it() {
    for (matrix, installed) in [
        // Feature sets of a platform that is not packed, and cannot be.
        (
            "[image.app]\nbinaries = [{ binary = 'app', features = ['f'] }]\n\
             [image.migrate]\n\
             [image.x]\nplatforms = ['linux/arm64']\nbinaries = ['tool', { binary = 'migrate', features = ['g'] }]\n",
            vec![MUSL[0]],
        ),
        // Another image's triple, which nobody asked for.
        (
            "[image.migrate]\n[image.app.platform.'linux/amd64']\ntarget = 'x86_64-unknown-linux-gnu'\n",
            vec![MUSL[0], MUSL[1], "x86_64-unknown-linux-gnu"],
        ),
    ] {
        let packages = |plan: &Plan, name: &str| {
            let image = plan.images.iter().find(|image| image.name == name).unwrap();
            let Maker::Cargo { unit, .. } = &image.platforms[0].binaries[0].maker else {
                panic!("it comes from cargo");
            };
            plan.units[*unit].packages.clone()
        };
        let mut whole = Case::new(matrix);
        whole.installed = vec![MUSL[0], MUSL[1], "x86_64-unknown-linux-gnu"];
        let whole = whole.plan().unwrap();
        for name in ["app", "migrate"] {
            let mut part = Case::new(matrix).only(&[name], &["linux/amd64"]);
            part.installed.clone_from(&installed);
            let part = part.plan().unwrap();
            assert_eq!(
                packages(&part, name),
                packages(&whole, name),
                "{name} of {matrix}"
            );
        }
    }
}

#[test]
fn a_directory_of_its_own_keeps_its_name_when_other_units_come_and_go() {
    let own = |plan: &Plan| {
        plan.units
            .iter()
            .find_map(|unit| unit.own_directory.clone())
            .unwrap()
    };
    let matrix = "[image.app]\n[image.b]\nbinaries = [{ binary = 'app', features = ['f'] }]\n";
    let more = format!("{matrix}[image.migrate]\nprofile = 'dev'\n");
    assert_eq!(
        own(&Case::new(matrix).plan().unwrap()),
        own(&Case::new(&more).plan().unwrap())
    );
}

#[test]
fn no_two_units_write_one_executable() {
    for (settings, units) in [
        (["strip = 'none'", "strip = 'debuginfo'", "strip = 'symbols'"], 3),
        (["remap-paths = false", "strip = 'none'", ""], 3),
        (["profile = 'release'", "profile = 'bench'", "profile = 'dev'"], 3),
        (["profile = 'dev'", "profile = 'test'", "profile = 'bench'"], 3),
    ] {
        let image =
            |(name, settings): (&str, &str)| format!("[image.{name}]\nbinaries = ['app']\n{settings}\n");
        let matrix: String = ["a", "b", "c"].into_iter().zip(settings).map(image).collect();
        let plan = Case::new(&matrix).plan().unwrap();
        let place = |unit: &BuildUnit| {
            let folder = match unit.profile.as_str() {
                "dev" | "test" => "debug",
                _ => "release",
            };
            (unit.own_directory.clone(), folder)
        };
        let places: BTreeSet<_> = plan.units.iter().map(place).collect();
        assert_eq!((plan.units.len(), places.len()), (units, units), "{matrix}");
    }
}

#[test]
fn glibc_is_linked_statically_where_musl_cannot_be_had() {
    let matrix = "[image.app]\nplatforms = ['linux/s390x']\n";
    let mut case = Case::new(matrix);
    case.installed = vec!["s390x-unknown-linux-gnu"];
    let plan = case.plan().unwrap();
    let target = &plan.units[0].targets[0];
    assert_eq!(target.triple, "s390x-unknown-linux-gnu");
    // The flags come with the answer to the linker's query.
    assert!(target.link.shown.contains("static glibc"), "{target:?}");
    assert!(plan.images[0].platforms[0].why.contains("linked statically"));
    assert!(plan.notices[0].contains("NSS"));
    case.installed.clear();
    assert!(matches!(case.plan(), Err(PlanError::NoStd { triples }) if triples.len() == 1));
}

#[test]
fn templates_are_filled_in_everywhere() {
    let matrix = r#"
        [image.app]
        repository = "ghcr.io/{env.TEAM}/{image}"
        tags = ["{version}", { tag = "{commit:7}", moves = "always" }, { tag = "{date}-{branch}", moves = "always" }]
        env = { WHERE = "{platform-full}" }
        labels = { l = "{major}.{minor}", none = "{env.NO:-none}" }
        [[image.app.files]]
        dir = "/opt/{arch}"
    "#;
    let mut case = Case::new(matrix);
    case.git = Some(Git {
        commit: "0123456789abcdef0123456789abcdef01234567".into(),
        branch: Some("feature/x".into()),
        dirty: true,
        ..Git::default()
    });
    let plan = case.plan().unwrap();
    let image = &plan.images[0];
    let tags: Vec<&str> = image.tags.iter().map(|tag| tag.name.as_str()).collect();
    assert_eq!(tags, ["1.2.3", "0123456", "1970-01-02-feature-x"]);
    assert_eq!(image.repositories, ["ghcr.io/core/app"]);
    assert_eq!(image.created, "1970-01-02T00:00:00Z");
    let arm = &image.platforms[1];
    assert_eq!(arm.env["WHERE"], "linux-arm64-v8");
    assert_eq!(arm.labels["none"], "none");
    assert_eq!(arm.labels["l"], "1.2");
    assert_eq!(
        arm.labels["org.opencontainers.image.revision"],
        "0123456789abcdef0123456789abcdef01234567-dirty"
    );
    assert_eq!(
        image.annotations["org.opencontainers.image.source"],
        "https://example.com/x"
    );
    assert!(matches!(&arm.files[0], matrix::Files::Directory { path, .. } if path == "/opt/arm64"));
}

#[test]
fn what_cannot_be_planned_is_said_with_a_way_out() {
    let check = |case: Case, code: &str, advice: &str| {
        let error = case.plan().unwrap_err();
        let help = miette::Diagnostic::help(&error)
            .map(|help| help.to_string())
            .unwrap_or_default();
        assert_eq!(
            miette::Diagnostic::code(&error).unwrap().to_string(),
            format!("gantry::plan::{code}")
        );
        assert!(help.contains(advice), "{help}");
    };
    let base = || Case::new("[image.app]\n");
    check(Case::new("[image.ap]\n"), "unknown_binary", "did you mean `app`?");
    check(base().only(&["apq"], &[]), "unknown_image", "did you mean `app`?");
    check(
        base().only(&[], &["linux/386"]),
        "unknown_platform",
        "linux/arm64",
    );
    check(
        Case::new("[image.app]\nplatforms = ['linux/mips']\n"),
        "no_target",
        "linux/riscv64",
    );
    let target = |triple: &str| {
        Case::new(&format!(
            "[platform.'linux/arm64']\ntarget = '{triple}'\n[image.app]\n"
        ))
    };
    check(target("x86_64-unknown-linux-musl"), "wrong_target", "");
    check(
        target("aarch64-unknown-linux-mus"),
        "unknown_target",
        "aarch64-unknown-linux-musl",
    );
    check(
        Case::new("[image.app]\ntags = [{ tag = '{commit}', moves = 'always' }]\n"),
        "template",
        "git repository",
    );
    check(
        Case::new("[image.app]\nrepository = 'ghcr.io/{env.BAD}'\n"),
        "repository",
        "without a tag",
    );
    check(
        Case::new("[image.app]\ntags = ['{env.BAD}']\n"),
        "tag",
        "128 letters",
    );
    let mut case = base();
    case.packages.push(package("other", &["app"]));
    check(case, "ambiguous_binary", "package = \"app\"");
    let mut case = Case::new("[image.app]\n[image.b]\nbinaries = [{ binary = 'app', package = 'other' }]\n");
    case.packages.push(package("other", &["app"]));
    case.matrix = case.matrix.replace(
        "[image.app]\n",
        "[image.app]\nbinaries = [{ binary = 'app', package = 'app' }]\n",
    );
    check(case, "same_path", "isolated");
    let twice = "[image.app]\nbinaries = [{ binary = 'app' }, { binary = 'tool', dest = '/usr/local/bin/{env.APP}' }]\n";
    check(Case::new(twice), "same_dest", "dest");
    let both = "[defaults]\nrepository = 'ghcr.io/acme/app'\n[image.app]\n[image.tool]\n";
    check(Case::new(both), "same_tag", "{image}");
    assert!(Case::new(both).only(&["tool"], &[]).plan().is_ok());
    assert!(Case::new(&both.replace("acme/app", "{image}")).plan().is_ok());
    let user = |user: &str, more: &str| Case::new(&format!("[image.app]\nuser = '{user}'\n{more}"));
    check(user("app", ""), "unknown_user", "users = { app = 10001 }");
    check(user("1000:staff", ""), "unknown_user", "staff");
    check(user("nonroot", "base = 'scratch'\n"), "unknown_user", "numbers");
    for (name, more) in [
        ("app", "users = { app = 10001 }\n"),
        ("nobody:nonroot", ""),
        ("10001:10001", "base = 'scratch'\n"),
        ("app", "files = [{ from = 'etc', to = '/etc' }]\n"),
    ] {
        assert!(user(name, more).plan().is_ok(), "{name} {more}");
    }
    let mut case = base();
    case.git = Some(Git {
        tags: vec!["nightly".into(), "v1.2.4".into()],
        ..Git::default()
    });
    check(case, "version_tag", "Cargo.toml");
    let mut case = base();
    case.packages.clear();
    case.matrix = "schema = 1".into();
    check(case, "no_binary", "src/main.rs");
}

#[test]
fn what_is_selected_moves_no_target_directory() {
    let matrix = "[image.app]\nplatforms = [\"linux/amd64\", \"linux/arm64\"]\n[image.two]\nbinaries = [\"app\"]\n\
                  [image.two.platform.\"linux/arm64\"]\nrustflags = [\"-Cx\"]\n[image.tool]\nprofile = \"dev\"";
    let places = |images: &[&str], platforms: &[&str]| {
        let plan = Case::new(matrix).only(images, platforms).plan().unwrap();
        let mut places = BTreeSet::new();
        for unit in &plan.units {
            for target in &unit.targets {
                let flags = target.rustflags.join(" ");
                let binaries: Vec<String> = unit.binaries.iter().cloned().collect();
                let place = (target.triple.clone(), flags, unit.profile.clone());
                places.insert((place, binaries, unit.own_directory.clone()));
            }
        }
        places
    };
    let all = places(&[], &[]);
    assert!(all.iter().any(|(_, _, own)| own.is_some()));
    for images in [&["app"][..], &["two"], &["tool"], &["two", "tool"]] {
        for platforms in [&[][..], &["linux/amd64"], &["linux/arm64"]] {
            for place in places(images, platforms) {
                assert!(
                    all.contains(&place),
                    "{images:?} {platforms:?}: {place:?} not in {all:?}"
                );
            }
        }
    }
}
