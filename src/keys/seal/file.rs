//! The master key in a file: base64 text that only its owner may read.

use std::{
    fs::{self, File, OpenOptions},
    io::{ErrorKind, Read, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use base64::{Engine, prelude::BASE64_STANDARD};
use zeroize::Zeroizing;

use super::Sealer;
use crate::{keys::KeyError, kit::random::Random};

impl Sealer {
    /// Reads the master key, or makes a new one when there is no such file. Of several processes that start at once, one
    /// makes the file and all use it. Losing the file makes everything sealed unreadable.
    pub fn load_or_create(path: &Path, random: &Random) -> Result<Self, KeyError> {
        let failed = |source| KeyError::File { path: path.to_owned(), source };
        let master = match File::open(path) {
            Ok(file) => read(path, file)?,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                create(path, random).map_err(failed)?;
                read(path, File::open(path).map_err(failed)?)?
            }
            Err(error) => return Err(failed(error)),
        };
        Ok(Self::new(&master, random))
    }
}

pub(super) fn decode(text: &str) -> Result<Zeroizing<[u8; 32]>, KeyError> {
    let bytes = Zeroizing::new(BASE64_STANDARD.decode(text.trim()).map_err(|_| KeyError::MasterKey)?);
    let mut key = Zeroizing::new([0; 32]);
    if bytes.len() != key.len() {
        return Err(KeyError::MasterKey);
    }
    key.copy_from_slice(&bytes);
    Ok(key)
}

fn read(path: &Path, file: File) -> Result<Zeroizing<[u8; 32]>, KeyError> {
    let failed = |source| KeyError::File { path: path.to_owned(), source };
    // Asked of the open file, not of the path, which could be exchanged in between.
    let mode = file.metadata().map_err(failed)?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(KeyError::Exposed { path: path.to_owned(), mode });
    }
    // Longer than a key with any line ends; a wrong path to a large file must not be read whole.
    let mut bytes = Zeroizing::new(Vec::with_capacity(256));
    file.take(256).read_to_end(&mut bytes).map_err(failed)?;
    decode(std::str::from_utf8(&bytes).map_err(|_| KeyError::MasterKey)?)
}

/// The file appears under its name complete or not at all, and never replaces another: it is written beside and linked.
fn create(path: &Path, random: &Random) -> std::io::Result<()> {
    let master = Zeroizing::new(random.bytes::<32>());
    let text = Zeroizing::new(BASE64_STANDARD.encode(*master) + "\n");
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{}.new", Random::system().lower_alphanumeric(12)));
    let beside = PathBuf::from(name);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
    let linked = file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).and_then(|()| {
        match fs::hard_link(&beside, path) {
            // Another process was first; its key counts.
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
            result => result,
        }
    });
    let removed = fs::remove_file(&beside);
    linked.and(removed)?;
    // Without this the name could be lost with the power, after the first secrets were sealed.
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}
