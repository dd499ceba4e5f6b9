//! What can go wrong with a base.

/// A base cannot be made.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[non_exhaustive]
pub enum BaseError {
    /// A name that `/etc/passwd` cannot hold.
    #[error("`{name}` is no user name")]
    #[diagnostic(
        code(gantry::base::user_name),
        help(
            "names begin with a lower-case letter or `_`, go on with those, digits, `-`, and have 32 at most"
        )
    )]
    UserName {
        /// The name.
        name: String,
    },
    /// A name that the base has already.
    #[error("the base has a user `{name}` already, with the id {uid}")]
    #[diagnostic(
        code(gantry::base::user_exists),
        help("choose another name, or leave the user out")
    )]
    UserExists {
        /// The name.
        name: String,
        /// The id of the one that is there.
        uid: u32,
    },
}
