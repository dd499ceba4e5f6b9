//! How registries differ, as data. A profile is what one of them is known to do, from its documentation, its source
//! and other clients' troubles; `docs/registries.md` says which of it was tried for real.

/// What a registry does beyond, or against, the specification. The default is a plain and willing one.
#[derive(Clone, Debug)]
pub struct Habits {
    /// How it wants to be signed in to.
    pub challenge: Challenge,
    /// Seconds that a token lives.
    pub token_life: u64,
    /// Its realm refuses a request of which it does not like one scope.
    pub strict_scopes: bool,
    /// What comes of a mount of a blob that is there and may be read.
    pub mount: Mount,
    /// What comes of a mount whose token does not cover the source.
    pub mount_unread: Mount,
    /// Larger bodies of a closing PUT are refused with 413.
    pub largest_put: Option<usize>,
    /// It does not even wait until its 413 was heard.
    pub hangs_up_on_413: bool,
    /// Larger parts are refused with 413.
    pub largest_part: Option<usize>,
    /// `OCI-Chunk-Min-Length`, and parts but the last must not be smaller.
    pub smallest_part: Option<u64>,
    /// Parts are taken at all.
    pub parts: bool,
    /// The status of a part that was taken.
    pub part_status: u16,
    /// `Range` stays at the first part.
    pub stale_range: bool,
    /// A session does not survive a broken connection.
    pub cut_ends_session: bool,
    /// A manifest's PUT is answered with a Location.
    pub manifest_location: bool,
    /// There is a referrers API.
    pub referrers: bool,
    /// The answer to a PUT of a manifest with a subject says that this was noted. Only where `referrers` is.
    pub notes_subjects: bool,
    /// What deleting a tag does.
    pub tag_delete: TagDelete,
    /// Manifests can be deleted by digest, which takes their tags with them.
    pub digest_delete: bool,
    /// Manifests come with an ETag, and `If-Match` and `If-None-Match` are kept to when they are written.
    pub etags: bool,
    /// Manifests of Docker's media types are taken.
    pub docker_types: bool,
    /// Blobs of no bytes are taken.
    pub empty_blobs: bool,
    /// What a manifest or index lists must be there first.
    pub references_first: bool,
    /// The answer to a PUT of a tag that exists, where tags cannot change.
    pub immutable_tags: Option<(u16, &'static str, &'static str)>,
    /// What comes of a push to a repository that was not created.
    pub missing_repository: Missing,
    /// A second upload of the same blob at once is refused with 400 when it closes.
    pub one_upload_of_a_blob: bool,
    /// Of a blob that came in parts only the end is stored, and 201 answered.
    pub keeps_last_part: bool,
    /// Answers name the digest.
    pub digest_header: bool,
}

/// How a registry wants to be signed in to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Challenge {
    /// Not at all.
    None,
    /// User and password.
    Basic,
    /// A token.
    Bearer,
    /// A token for an identity token.
    Identity,
    /// A token, and nothing but the API's root says so.
    Silent,
}

/// What comes of a mount.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mount {
    /// 201: it is there.
    Created,
    /// 201, though it may not be there.
    Claimed,
    /// 202: send it.
    Session,
    /// This status.
    Status(u16),
    /// The connection ends.
    HangUp,
}

/// What comes of a push to a repository that does not exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// It is made.
    Made,
    /// 404 with `NAME_UNKNOWN`.
    Unknown,
    /// The connection ends.
    HangUp,
    /// 202 without a Location.
    NoLocation,
}

/// What comes of a DELETE of a tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TagDelete {
    /// The tag goes, and nothing else.
    Tag,
    /// Its manifest goes, with all of its tags.
    Manifest,
    /// This status, with this code.
    Refused(u16, &'static str),
}

impl Habits {
    /// What the specification asks for, and everything that it allows.
    pub const PLAIN: Self = Self {
        challenge: Challenge::None,
        token_life: 300,
        strict_scopes: false,
        mount: Mount::Created,
        mount_unread: Mount::Session,
        largest_put: None,
        hangs_up_on_413: false,
        largest_part: None,
        smallest_part: None,
        parts: true,
        part_status: 202,
        stale_range: false,
        cut_ends_session: true,
        manifest_location: true,
        referrers: true,
        notes_subjects: true,
        tag_delete: TagDelete::Tag,
        digest_delete: true,
        etags: false,
        docker_types: true,
        empty_blobs: true,
        references_first: true,
        immutable_tags: None,
        missing_repository: Missing::Made,
        one_upload_of_a_blob: false,
        keeps_last_part: false,
        digest_header: true,
    };
}

impl Default for Habits {
    fn default() -> Self {
        Self::PLAIN
    }
}

/// The registries that are imitated.
pub const PROFILES: [(&str, Habits); 10] = [
    (
        "hub",
        Habits {
            challenge: Challenge::Bearer,
            // google/go-containerregistry#1679
            strict_scopes: true,
            referrers: false,
            immutable_tags: Some((
                400,
                "TAG_INVALID",
                "this tag is immutable by the repository's rule",
            )),
            ..Habits::PLAIN
        },
    ),
    (
        "ghcr",
        Habits {
            challenge: Challenge::Bearer,
            // oras-project/rust-oci-client#35
            largest_part: Some(4 << 20),
            referrers: false,
            // regclient: nothing can be deleted but by GitHub's own API
            tag_delete: TagDelete::Refused(405, "UNSUPPORTED"),
            digest_delete: false,
            ..Habits::PLAIN
        },
    ),
    (
        "ecr",
        Habits {
            challenge: Challenge::Basic,
            mount: Mount::Session,
            // openai/tart#273, aws/containers-roadmap#2831
            smallest_part: Some(5 << 20),
            largest_part: Some(10 << 20),
            part_status: 201,
            stale_range: true,
            // oras-project/rust-oci-client: a manifest's PUT without Location
            manifest_location: false,
            // BatchDeleteImage of its own API only.
            tag_delete: TagDelete::Refused(405, "UNSUPPORTED"),
            digest_delete: false,
            // radius-project/radius#7855
            empty_blobs: false,
            immutable_tags: Some((
                400,
                "TAG_INVALID",
                "The image tag already exists in the repository and cannot be overwritten because the tag is immutable.",
            )),
            // aws/containers-roadmap#1970
            missing_repository: Missing::HangUp,
            ..Habits::PLAIN
        },
    ),
    (
        "gar",
        Habits {
            // A 401 of a real request comes without a challenge (containers/image).
            challenge: Challenge::Silent,
            // oras-project/rust-oci-client#177
            parts: false,
            immutable_tags: Some((
                400,
                "FAILED_PRECONDITION",
                "the repository has immutable tags enabled",
            )),
            missing_repository: Missing::Unknown,
            ..Habits::PLAIN
        },
    ),
    (
        "acr",
        Habits {
            challenge: Challenge::Identity,
            ..Habits::PLAIN
        },
    ),
    (
        "gitlab",
        Habits {
            challenge: Challenge::Bearer,
            // moby/moby#33558
            token_life: 300,
            mount_unread: Mount::Status(401),
            referrers: false,
            missing_repository: Missing::Made,
            ..Habits::PLAIN
        },
    ),
    (
        "harbor",
        Habits {
            challenge: Challenge::Bearer,
            // `deleteManifest` of goharbor/harbor 0063430f, src/server/registry/manifest.go
            tag_delete: TagDelete::Refused(400, "UNSUPPORTED"),
            // goharbor/harbor#17097
            mount: Mount::Status(401),
            mount_unread: Mount::Status(403),
            immutable_tags: Some((
                412,
                "PRECONDITION",
                "Failed to process request due to 'app:1.0.0' configured as immutable.",
            )),
            missing_repository: Missing::Unknown,
            ..Habits::PLAIN
        },
    ),
    (
        "nexus",
        Habits {
            challenge: Challenge::Basic,
            mount: Mount::Session,
            referrers: false,
            // sonatype/nexus-public#967
            one_upload_of_a_blob: true,
            ..Habits::PLAIN
        },
    ),
    (
        "distribution-2.8",
        Habits {
            mount_unread: Mount::Status(401),
            referrers: false,
            // Tried with docker-registry 2.8.2.
            tag_delete: TagDelete::Refused(400, "DIGEST_INVALID"),
            ..Habits::PLAIN
        },
    ),
    (
        "zot",
        Habits {
            challenge: Challenge::Basic,
            // open-component-model/open-component-model#3419
            docker_types: false,
            cut_ends_session: false,
            ..Habits::PLAIN
        },
    ),
];

/// The habits of a registry that is imitated.
pub fn profile(name: &str) -> Habits {
    let found = PROFILES.iter().find(|(known, _)| *known == name);
    found
        .unwrap_or_else(|| panic!("no profile is named {name}"))
        .1
        .clone()
}
