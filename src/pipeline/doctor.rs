//! Asking the doctor: what the matrix needs here, gathered past every gap that a build would stop at.

mod bases;
mod compilers;
mod programs;
mod trials;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use compilers::Looked;

use super::{Access, Error, Gantry, Request, blocking, prepare};
use crate::doctor::{self, Check, Diagnosis, Status, System};
use crate::event::{Event, Observer};
use crate::matrix::Matrix;
use crate::plan::Plan;
use crate::project::{Project, ProjectError};
use crate::registry::{Client, Settings, user_settings};
use crate::spec::Platform;

/// What is wanted, before anything of it is looked for.
struct Known {
    project: Project,
    matrix: Matrix,
    directory: PathBuf,
    system: System,
    cargo: Check,
}

impl Known {
    /// There is no cargo, so that the project could not be read.
    fn is_lost(&self) -> bool {
        self.cargo.status == Status::Missing && !self.project.is_cargo()
    }
}

/// Looks at everything that is asked for. Nothing is written but the scripts that linkers are called through.
pub(super) async fn diagnose(
    gantry: &Gantry,
    request: &Request,
    access: &Access,
) -> Result<Diagnosis, Error> {
    let mut known = {
        let (gantry, request) = (gantry.clone(), request.clone());
        blocking(move || known(&gantry, &request)).await?
    };
    let client = client(gantry, access)?;
    let (facts, mut checks) = bases::look(gantry, request, &known, &client).await?;
    let mut asked = request.clone();
    let all = declared(&known.matrix);
    known.matrix = bases::known_only(known.matrix, &facts);
    let left = declared(&known.matrix);
    // Who asks for a platform that the matrix never had is told so.
    asked
        .platforms
        .retain(|platform| left.contains(platform) || !all.contains(platform));
    let system = known.system.clone();
    if asked.platforms.is_empty() && !request.platforms.is_empty() {
        return Ok(Diagnosis::new(checks, &system));
    }
    let (more, plan) = {
        let (gantry, request) = (gantry.clone(), asked);
        blocking(move || installed(&gantry, &request, &known, facts)).await?
    };
    checks.extend(more);
    if !request.offline && !request.frozen {
        checks.extend(bases::registries(&client, plan.as_ref()).await);
    }
    Ok(Diagnosis::new(checks, &system))
}

fn known(gantry: &Gantry, request: &Request) -> Result<Known, Error> {
    let system = System::here(&gantry.tools);
    let cargo = doctor::cargo(&gantry.tools, &system);
    let project = match prepare::load(gantry, request) {
        Ok(project) => project,
        // Without cargo nothing but the matrix is known, and of that what stands in a file of its own.
        Err(Error::Project(ProjectError::Tool(_))) if cargo.status == Status::Missing => {
            Project::without_cargo(&nearest(gantry, request))
        }
        Err(error) => return Err(error),
    };
    let (matrix, directory) = prepare::matrix(gantry, request, &project)?;
    Ok(Known {
        project,
        matrix,
        directory,
        system,
        cargo,
    })
}

fn declared(matrix: &Matrix) -> BTreeSet<Platform> {
    let all = matrix.declared().iter().flat_map(|image| &image.platforms);
    all.map(|settings| settings.platform.clone()).collect()
}

/// Where the matrix is, or would be: beside the nearest Cargo.toml.
fn nearest(gantry: &Gantry, request: &Request) -> PathBuf {
    let start = match &request.manifest_path {
        Some(manifest) => gantry.absolute(manifest),
        None => gantry.absolute(Path::new("Cargo.toml")),
    };
    let folders = start.ancestors().skip(1);
    let holds = |folder: &&Path| {
        ["gantry.toml", "Cargo.toml"]
            .iter()
            .any(|name| folder.join(name).is_file())
    };
    let folder = folders.clone().find(holds).or_else(|| start.parent());
    folder.unwrap_or(Path::new("/")).join("gantry.toml")
}

/// Everything that is installed, or not.
fn installed(
    gantry: &Gantry,
    request: &Request,
    known: &Known,
    facts: crate::plan::Bases,
) -> Result<(Vec<Check>, Option<Plan>), Error> {
    let Looked { mut checks, plan } = compilers::look(gantry, request, known, facts)?;
    if let Some((plan, toolchain)) = &plan {
        checks.extend(programs::look(gantry, known, plan, toolchain));
        checks.extend(trials::look(gantry, known, plan)?);
    }
    Ok((checks, plan.map(|(plan, _)| plan)))
}

/// A client that gives up soon: who asks what is missing does not want to wait.
fn client(gantry: &Gantry, access: &Access) -> Result<Client, Error> {
    let mut settings = Settings::new(gantry.tools.clone());
    settings.plain_http = access.plain_http.clone();
    settings.hosts = user_settings(&settings.environment)?;
    settings.patience.tries = 2;
    settings.patience.connect = Duration::from_secs(5);
    settings.patience.stall = Duration::from_secs(10);
    settings.patience.longest_asked = Duration::from_secs(5);
    Ok(Client::new(settings, Arc::new(Unheard))?)
}

/// What happens on the way is of no interest: the checks tell how it ended.
struct Unheard;

impl Observer for Unheard {
    fn event(&self, _: &Event<'_>) {}
}
