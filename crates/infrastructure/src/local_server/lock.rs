//! Lock files. A lock ends with its process, however that ends.

use std::{
    fs::{File, TryLockError},
    io::{self, Read, Seek, Write},
    path::{Path, PathBuf},
};

use super::LocalServerError;

fn open(path: &Path) -> io::Result<File> {
    // Neither truncated nor removed: others may hold it.
    File::options().read(true).write(true).create(true).truncate(false).open(path)
}

/// Waits for a lock that nobody else holds.
pub(super) fn exclusive(path: &Path) -> Result<File, LocalServerError> {
    let file = open(path).map_err(LocalServerError::io(path))?;
    file.lock().map_err(LocalServerError::io(path))?;
    Ok(file)
}

/// Waits for a lock that others may hold in the same way.
pub(super) fn shared(path: &Path) -> Result<File, LocalServerError> {
    let file = open(path).map_err(LocalServerError::io(path))?;
    file.lock_shared().map_err(LocalServerError::io(path))?;
    Ok(file)
}

/// Makes a data folder one demo's own, for as long as this lives.
#[derive(Debug)]
pub struct DemoLock {
    _file: File,
}

/// Why the folder cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum DemoLockError {
    /// A demo is running on it.
    #[error(
        "another `forebay demo` (process {process}) is running on {}: stop it, or choose another data folder", folder.display()
    )]
    Taken {
        /// The folder.
        folder: PathBuf,
        /// The other's process id.
        process: String,
    },
    /// The lock file cannot be used.
    #[error("{}: {source}", path.display())]
    Io {
        /// The lock file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl DemoLock {
    /// Takes the folder, which is made when it is missing.
    ///
    /// # Errors
    /// [`DemoLockError::Taken`] at once when another demo runs on it.
    pub fn acquire(data_dir: &Path) -> Result<Self, DemoLockError> {
        let folder = super::account::create_folder(data_dir)
            .map_err(|e| DemoLockError::Io { path: data_dir.to_owned(), source: io::Error::other(e) })?;
        let path = folder.join("demo.lock");
        let failed = |source| DemoLockError::Io { path: path.clone(), source };
        let mut file = open(&path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::Error(e)) => return Err(failed(e)),
            Err(TryLockError::WouldBlock) => {
                let mut process = String::new();
                file.read_to_string(&mut process).map_err(failed)?;
                return Err(DemoLockError::Taken { folder, process });
            }
        }
        file.set_len(0).and_then(|()| file.rewind()).map_err(failed)?;
        write!(file, "{}", std::process::id()).map_err(failed)?;
        Ok(Self { _file: file })
    }
}
