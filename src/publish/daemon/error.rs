//! What can go wrong with loading into a container runtime.

use crate::archive::ArchiveError;
use crate::spec::Platform;
use crate::tool::ToolError;

/// An image could not be loaded.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[non_exhaustive]
pub enum DaemonError {
    /// No runtime of that name.
    #[error("`{text}` is no container runtime that images are loaded into")]
    #[diagnostic(
        code(gantry::publish::runtime),
        help("there are docker, podman, containerd[=NAMESPACE], kind[=CLUSTER] and k3s")
    )]
    Unknown {
        /// What was given.
        text: String,
    },
    /// Neither docker nor podman.
    #[error(
        "no container runtime was found: nobody answers at docker's `{socket}`, and `podman` is not in PATH"
    )]
    #[diagnostic(
        code(gantry::publish::no_runtime),
        help(
            "start docker, or name another with `--into podman|containerd|kind|k3s`; without any, `cargo gantry run` \
             starts the program, and `build -o docker-archive:FILE` writes what `docker load` reads"
        )
    )]
    Nothing {
        /// Docker's socket.
        socket: String,
    },
    /// It was named, and is not there.
    #[error("{runtime} does not answer at `{place}`")]
    #[diagnostic(code(gantry::publish::not_running), help("{help}"))]
    NotRunning {
        /// The runtime.
        runtime: String,
        /// Its socket.
        place: String,
        /// How to go on.
        help: &'static str,
        /// What the system said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The system does not let us use its socket.
    #[error("you may not use the socket of {runtime}, `{place}`")]
    #[diagnostic(code(gantry::publish::daemon_denied), help("{help}"))]
    Denied {
        /// The runtime.
        runtime: String,
        /// Its socket.
        place: String,
        /// How to go on.
        help: &'static str,
    },
    /// Docker is to be spoken to elsewhere, or in another way.
    #[error("{named} names docker at `{host}`, which is no socket of this machine")]
    #[diagnostic(
        code(gantry::publish::remote_daemon),
        help(
            "write a file and let docker's own command bring it there: `cargo gantry build -o docker-archive:FILE`, \
             `docker load -i FILE`"
        )
    )]
    Remote {
        /// Who says so.
        named: String,
        /// What it says.
        host: String,
    },
    /// Docker's own settings cannot be followed.
    #[error("docker's context `{context}` cannot be used: {why}")]
    #[diagnostic(
        code(gantry::publish::docker_context),
        help("`docker context ls` lists them; DOCKER_HOST=unix:///path/to/docker.sock goes before them all")
    )]
    Context {
        /// Its name.
        context: String,
        /// What is wrong with it.
        why: String,
    },
    /// There is no such cluster.
    #[error("there is no kind cluster `{cluster}`")]
    #[diagnostic(
        code(gantry::publish::no_cluster),
        help(
            "`kind get clusters` lists them; name one with `--into kind=CLUSTER`, or make it with `kind create cluster`"
        )
    )]
    NoCluster {
        /// Its name.
        cluster: String,
    },
    /// The image has no platform that the runtime starts.
    #[error(
        "{runtime} runs {runs}, and image `{image}` is for {}",
        if platforms.is_empty() { "no platform" } else { platforms }
    )]
    #[diagnostic(
        code(gantry::publish::daemon_platform),
        help("an image for `{runs}` is needed{}", or_another(platforms))
    )]
    Platform {
        /// The runtime.
        runtime: String,
        /// What it runs.
        runs: Platform,
        /// The image.
        image: String,
        /// What the image is for.
        platforms: String,
    },
    /// It answered that it will not, or what nobody understands.
    #[error("{runtime} failed {doing}: {message}")]
    #[diagnostic(code(gantry::publish::daemon))]
    Refused {
        /// The runtime.
        runtime: String,
        /// What it was asked for.
        doing: String,
        /// What it said.
        message: String,
    },
    /// The connection broke.
    #[error("lost the connection to {runtime}, which was asked {doing}")]
    #[diagnostic(code(gantry::publish::daemon_connection))]
    Broken {
        /// The runtime.
        runtime: String,
        /// What was under way.
        doing: String,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The image cannot be read from the store.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Archive(#[from] ArchiveError),
    /// A program failed.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Tool(#[from] ToolError),
}

fn or_another(platforms: &str) -> &'static str {
    match platforms {
        "" => "",
        _ => "; one of the others is loaded with --platform",
    }
}

#[cfg(test)]
mod tests {
    use miette::Diagnostic;

    use super::*;

    #[test]
    fn an_image_for_no_platform_is_said_to_be_for_none() {
        let of = |platforms: &str| {
            let error = DaemonError::Platform {
                runtime: "docker".to_owned(),
                runs: "linux/amd64".parse().unwrap(),
                image: "x".to_owned(),
                platforms: platforms.to_owned(),
            };
            format!("{error}; {}", error.help().unwrap())
        };
        assert_eq!(
            of(""),
            "docker runs linux/amd64, and image `x` is for no platform; an image for `linux/amd64` is needed"
        );
        assert_eq!(
            of("linux/arm64"),
            "docker runs linux/amd64, and image `x` is for linux/arm64; an image for `linux/amd64` is needed; one of the \
             others is loaded with --platform"
        );
    }
}
