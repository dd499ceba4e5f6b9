//! Reading a user's small files whole: settings, credentials, certificates. A file that is too large is an error.

use std::io::{self, ErrorKind, Read};
use std::path::Path;

use super::RegistryError;

/// The bytes of a file of at most `limit` bytes; none if there is no such file.
pub(super) fn read(path: &Path, limit: u64) -> Result<Option<Vec<u8>>, RegistryError> {
    let fault = |source| RegistryError::File {
        path: path.to_owned(),
        source,
    };
    let file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(source) => return Err(fault(source)),
    };
    let mut bytes = Vec::new();
    file.take(limit + 1).read_to_end(&mut bytes).map_err(fault)?;
    if bytes.len() as u64 > limit {
        let large = format!("it is larger than {limit} bytes");
        return Err(fault(io::Error::new(ErrorKind::FileTooLarge, large)));
    }
    Ok(Some(bytes))
}
