//! A master key: 32 random bytes, from the environment or from a file that only its owner can read.

use std::{
    fs, io,
    io::Write,
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use rand::Rng;
use secrecy::{ExposeSecret, SecretBox, SecretString};
use sha2::{Digest, Sha256};

use super::{KEY_ID_BYTES, hex, hmac_sha256, unhex};

const KEY_BYTES: usize = 32;

/// The key from which every other key is derived. Its `Debug` shows the id only.
pub struct MasterKey {
    bytes: SecretBox<[u8; KEY_BYTES]>,
}

/// Why there is no master key.
#[derive(Debug, thiserror::Error)]
pub enum MasterKeyError {
    /// The text is something else. It is not repeated here.
    #[error(
        "a master key is 32 bytes as 64 hexadecimal digits or as base64; `openssl rand -hex 32` makes one"
    )]
    NotAKey,
    /// The file holds something else.
    #[error("{} does not hold a master key; put the key back: without it stored credentials cannot be opened", .0.display())]
    NotAKeyFile(PathBuf),
    /// The file cannot be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl MasterKey {
    /// A new random key.
    pub fn generate() -> Self {
        let mut bytes = Box::new([0; KEY_BYTES]);
        rand::rng().fill_bytes(bytes.as_mut_slice());
        Self { bytes: SecretBox::new(bytes) }
    }

    /// Reads 64 hexadecimal digits or base64 of 32 bytes (either alphabet, padded or not).
    ///
    /// # Errors
    /// [`MasterKeyError::NotAKey`] for anything else.
    pub fn parse(text: &str) -> Result<Self, MasterKeyError> {
        let text = text.trim();
        let decoded = match text.len() {
            64 => unhex(text),
            _ => base64_bytes(text),
        };
        let bytes: [u8; KEY_BYTES] =
            decoded.and_then(|bytes| bytes.try_into().ok()).ok_or(MasterKeyError::NotAKey)?;
        Ok(Self { bytes: SecretBox::new(Box::new(bytes)) })
    }

    /// The key in a file, which is made (mode 0600) when it is not there. Several processes may do this at once: all
    /// get the same key.
    ///
    /// # Errors
    /// When the file cannot be read or made, or holds something else.
    pub fn load_or_create(path: &Path) -> Result<Self, MasterKeyError> {
        let failed = |source| MasterKeyError::Io { path: path.to_owned(), source };
        if let Some(key) = Self::load(path)? {
            return Ok(key);
        }
        let draft = path.with_extension(format!("new-{:016x}", rand::rng().next_u64()));
        let mut file =
            fs::File::options().write(true).create_new(true).mode(0o600).open(&draft).map_err(failed)?;
        writeln!(file, "{}", Self::generate().to_text().expose_secret()).map_err(failed)?;
        file.sync_all().map_err(failed)?;
        // A link fails when the name is taken, where a rename would replace the key another process has just made.
        let linked = fs::hard_link(&draft, path);
        fs::remove_file(&draft).map_err(failed)?;
        match linked {
            Err(e) if e.kind() != io::ErrorKind::AlreadyExists => Err(failed(e)),
            _ => Self::load(path)?.ok_or_else(|| failed(io::ErrorKind::NotFound.into())),
        }
    }

    fn load(path: &Path) -> Result<Option<Self>, MasterKeyError> {
        let failed = |source| MasterKeyError::Io { path: path.to_owned(), source };
        let text = match fs::read_to_string(path) {
            Ok(text) => SecretString::from(text),
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(failed(e)),
        };
        if fs::metadata(path).map_err(failed)?.permissions().mode() & 0o077 != 0 {
            tracing::warn!(path = %path.display(), "others may read the master key; `chmod 600` it");
        }
        Self::parse(text.expose_secret()).map(Some).map_err(|_| MasterKeyError::NotAKeyFile(path.to_owned()))
    }

    /// The key as 64 hexadecimal digits, for a file or an operator's vault.
    pub fn to_text(&self) -> SecretString {
        hex(self.bytes.expose_secret()).into()
    }

    /// What names the key in sealed texts: the first bytes of its SHA-256.
    pub(super) fn id(&self) -> [u8; KEY_ID_BYTES] {
        let digest = Sha256::digest(self.bytes.expose_secret());
        [digest[0], digest[1], digest[2], digest[3]]
    }

    /// The sub-key of a purpose.
    pub(super) fn derive(&self, purpose: &str) -> [u8; 32] {
        hmac_sha256(self.bytes.expose_secret(), purpose.as_bytes())
    }
}

impl std::fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "MasterKey({})", hex(&self.id()))
    }
}

fn base64_bytes(text: &str) -> Option<Vec<u8>> {
    let config = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    [&alphabet::STANDARD, &alphabet::URL_SAFE]
        .into_iter()
        .find_map(|alphabet| GeneralPurpose::new(alphabet, config).decode(text).ok())
}
