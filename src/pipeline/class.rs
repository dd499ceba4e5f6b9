//! Which class of trouble an error is: what the caller can do about it, not where it happened.

use super::{DeliveryError, Error, GatherError};
use crate::base::BaseError;
use crate::binary::BinaryError;
use crate::build::BuildError;
use crate::hub;
use crate::inspect::InspectError;
use crate::project::ProjectError;
use crate::publish::daemon::DaemonError;
use crate::tool::ToolError;
use crate::trial::TrialError;
use crate::{registry, release};

/// What kind of trouble an error is; the command gives each class an exit code of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Class {
    /// None of the others.
    Unexpected,
    /// The command line is wrong.
    Usage,
    /// The matrix or the plan is wrong.
    Matrix,
    /// A compiler or another tool failed.
    Build,
    /// A fit check, smoke test or size limit failed.
    Fit,
    /// A registry cannot be reached, or retries are used up; trying again may help.
    Unreachable,
    /// The disk is full or not writable.
    Disk,
    /// Credentials, rights, or a missing repository.
    Denied,
    /// Our own rules: a tag exists, the publish is partial.
    Refused,
    /// The user stopped us.
    Interrupted,
}

impl Error {
    /// The class of this error.
    pub fn class(&self) -> Class {
        match self {
            Self::NotARepository { .. }
            | Self::Password(_)
            | Self::NoPassword
            | Self::Output(_)
            | Self::Reference { .. } => Class::Usage,
            Self::Read { .. } | Self::SourceDateEpoch { .. } | Self::NoRepository { .. } => Class::Matrix,
            Self::Matrix(_) | Self::Plan(_) | Self::Target(_) | Self::Image(_) => Class::Matrix,
            Self::Index(_) | Self::UnknownBase { .. } => Class::Matrix,
            Self::OverDirectory { .. } | Self::BelowFile { .. } | Self::FileAndBinary { .. } => Class::Matrix,
            Self::Gaps { .. } => Class::Build,
            Self::Unfit { .. } | Self::Smoke { .. } => Class::Fit,
            Self::WhichImage { .. } | Self::WhichEntry { .. } | Self::OnePlatform => Class::Usage,
            Self::Daemon(error) => of_daemon(error),
            Self::NoGoTarget { .. } => Class::Matrix,
            Self::NotTried { .. } => Class::Build,
            Self::Trial(TrialError::Tool(error)) => tool(error),
            Self::Trial(TrialError::Folder { .. }) => Class::Disk,
            Self::Trial(TrialError::Refused { .. }) => Class::Fit,
            Self::Trial(_) => Class::Build,
            Self::Outdated { .. } => Class::Refused,
            Self::NoProgram { .. } | Self::Program(_) | Self::NoBasePlatform { .. } => Class::Usage,
            Self::Rootfs(_) => Class::Unexpected,
            Self::Base(error) => of_base(error),
            Self::Named(error) => match of_base(error) {
                // Nothing of it stands in a matrix.
                Class::Matrix => Class::Usage,
                class => class,
            },
            Self::Layer(error) if error.is_disk() => Class::Disk,
            Self::Layer(_) => Class::Matrix,
            Self::Store { .. } | Self::Write { .. } | Self::Result(_) => Class::Disk,
            Self::Blob(error) if error.is_disk() => Class::Disk,
            Self::Archive(error) if error.is_disk() => Class::Disk,
            Self::Archive(_) => Class::Usage,
            Self::Project(ProjectError::Tool(error)) | Self::Tool(error) => tool(error),
            Self::Project(_) => Class::Matrix,
            Self::Build(BuildError::Tool(error)) | Self::Binary(BinaryError::Tool(error)) => tool(error),
            Self::Build(BuildError::Folder { .. }) | Self::Binary(BinaryError::Keep { .. }) => Class::Disk,
            Self::Build(_) | Self::NoArtifact { .. } | Self::LinkFailed { .. } => Class::Build,
            Self::Toolchain(_) | Self::Link(_) | Self::Links { .. } | Self::Binary(_) => Class::Build,
            Self::Registry(error) => of_registry(error.kind()),
            Self::Publish(error) => of_release(error.kind()),
            Self::Gather(
                GatherError::NoDestination | GatherError::Nameless { .. } | GatherError::NotThere { .. },
            ) => Class::Usage,
            Self::SeveralRegistries { .. } => Class::Usage,
            Self::Delivery(DeliveryError::Kept { .. }) => Class::Refused,
            Self::Delivery(DeliveryError::Halfway { cause, .. }) => cause.class(),
            Self::Delivery(_) | Self::Tag(_) => Class::Usage,
            Self::Gather(_) => Class::Refused,
            Self::Release(error) => of_release(error.kind()),
            Self::Hub(error) => match error.kind() {
                hub::Kind::Usage => Class::Usage,
                hub::Kind::Refused => Class::Refused,
                hub::Kind::Registry(kind) => of_registry(kind),
            },
            Self::Inspect(error) => of_inspect(error),
            Self::Partial { .. } => Class::Refused,
            Self::Halfway { cause, .. } => cause.class(),
            Self::Runtime(_) | Self::Blob(_) | Self::Codec(_) => Class::Unexpected,
        }
    }
}

fn of_daemon(error: &DaemonError) -> Class {
    match error {
        DaemonError::Unknown { .. } => Class::Usage,
        // Of a matrix there always is one.
        DaemonError::Platform { platforms, .. } if platforms.is_empty() => Class::Usage,
        DaemonError::Platform { .. } => Class::Matrix,
        DaemonError::Denied { .. } => Class::Denied,
        DaemonError::Archive(error) if error.is_disk() => Class::Disk,
        // An image that was named: what we build we can read.
        DaemonError::Archive(_) => Class::Usage,
        DaemonError::Tool(error) => tool(error),
        _ => Class::Build,
    }
}

fn tool(error: &ToolError) -> Class {
    match error {
        ToolError::Cancelled { .. } => Class::Interrupted,
        _ => Class::Build,
    }
}

/// A registry that answers nonsense is treated as one that is not there: another try may meet a healthy one.
fn of_registry(kind: registry::Kind) -> Class {
    match kind {
        registry::Kind::Denied => Class::Denied,
        registry::Kind::Local => Class::Disk,
        registry::Kind::Usage => Class::Usage,
        registry::Kind::Unreachable | registry::Kind::Protocol => Class::Unreachable,
    }
}

fn of_release(kind: release::Kind) -> Class {
    match kind {
        release::Kind::Refused => Class::Refused,
        release::Kind::Usage => Class::Usage,
        release::Kind::Registry(kind) => of_registry(kind),
    }
}

fn of_inspect(error: &InspectError) -> Class {
    match error {
        InspectError::NotFound { .. } => Class::Denied,
        InspectError::Differs { .. } => Class::Refused,
        InspectError::OverBudget { .. } => Class::Fit,
        InspectError::Registry(error) => of_registry(error.kind()),
        InspectError::Archive(error) if error.is_disk() => Class::Disk,
        // What was named is no good image, whoever made it.
        _ => Class::Usage,
    }
}

fn of_base(error: &BaseError) -> Class {
    match error {
        BaseError::Registry(error) => of_registry(error.kind()),
        // Registries say so, too, where there is no right to read.
        BaseError::NotFound { .. } | BaseError::Gone { .. } | BaseError::Missing { .. } => Class::Denied,
        error if error.is_disk() => Class::Disk,
        error if error.is_refusal() => Class::Refused,
        _ => Class::Matrix,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::ArchiveError;
    use crate::spec::Digest;

    #[test]
    fn a_damaged_image_that_is_loaded_is_a_wrong_argument() {
        let damaged = ArchiveError::Missing {
            digest: Digest::of(b"x"),
            path: "layout".into(),
        };
        assert_eq!(Error::Daemon(damaged.into()).class(), Class::Usage);
    }
}
