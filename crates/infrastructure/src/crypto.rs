//! Secrets at rest: credentials sealed with XChaCha20-Poly1305, keyed hashes of what must only be compared, and the
//! passwords of the database roles. Everything is derived from master keys; each purpose has a sub-key of its own.
//!
//! Rotation: put the new key in front of the list, and run `forebay key-rotate`. The first key seals, every key opens. Hashes
//! and role passwords are keyed by the **root**, because a hash cannot be made anew without what was hashed: the root is the
//! first master key a database had (the last of the list), and is kept in that database, sealed like any other secret
//! ([`crate::postgres::sealed`]). So it outlives the master keys, and old ones can be taken out of the list.

mod changes;
mod master_key;

use application::{
    error::{Error, Result},
    ports::Secrets,
};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use chacha20poly1305::{
    XChaCha20Poly1305, XNonce,
    aead::{Aead, KeyInit, Payload},
};
use domain::ids::InstanceId;
use hmac::{Hmac, Mac};
use rand::{Rng, RngExt, distr::Alphanumeric};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

pub use changes::ChangeCipher;
pub use master_key::{MasterKey, MasterKeyError};

const VERSION: &str = "v1";
const NONCE_BYTES: usize = 24;
const KEY_ID_BYTES: usize = 4;
/// Binds the root, which belongs to no instance.
const ROOT_DATA: &[u8] = b"forebay hash root";
/// Binds session tokens, which belong to no instance.
const TOKEN_DATA: &[u8] = b"forebay token";

/// The loaded master keys, as the application's [`Secrets`].
pub struct Keyring {
    /// The first seals. Never empty.
    sealing: SealingKey,
    retired: Vec<SealingKey>,
    root: Root,
}

/// What keys the hashes: the last key given, or the one that the database keeps. Its keys are made in one place, so that none
/// of them can stay behind when the root is another.
struct Root {
    key: MasterKey,
    email: [u8; 32],
    account: [u8; 32],
    api_key: [u8; 32],
}

impl From<MasterKey> for Root {
    fn from(key: MasterKey) -> Self {
        Self {
            email: key.derive("email"),
            account: key.derive("account"),
            api_key: key.derive("api key"),
            key,
        }
    }
}

/// The ciphers of one master key.
struct SealingKey {
    id: [u8; KEY_ID_BYTES],
    credentials: XChaCha20Poly1305,
    tokens: XChaCha20Poly1305,
}

impl SealingKey {
    fn new(key: &MasterKey) -> Self {
        Self {
            id: key.id(),
            credentials: XChaCha20Poly1305::new(&key.derive("seal").into()),
            tokens: XChaCha20Poly1305::new(&key.derive("session").into()),
        }
    }
}

impl Keyring {
    /// A keyring that seals with `current` and also opens what `older` keys sealed. Hashes are keyed by the last one.
    pub fn new(current: MasterKey, older: Vec<MasterKey>) -> Self {
        let sealing = SealingKey::new(&current);
        let retired = older.iter().map(SealingKey::new).collect();
        let root = older.into_iter().next_back().unwrap_or(current);
        Self { sealing, retired, root: root.into() }
    }

    /// Reads keys, separated by commas or white space, the one that seals first.
    ///
    /// # Errors
    /// [`MasterKeyError`] when there is none, or one is not a key.
    pub fn parse(text: &SecretString) -> Result<Self, MasterKeyError> {
        let mut keys = text
            .expose_secret()
            .split(|c: char| c == ',' || c.is_whitespace())
            .filter(|part| !part.is_empty())
            .map(MasterKey::parse);
        let current = keys.next().ok_or(MasterKeyError::NotAKey)??;
        Ok(Self::new(current, keys.collect::<Result<_, _>>()?))
    }

    /// The root, sealed, for the database to keep.
    ///
    /// # Errors
    /// [`Error::Internal`] when sealing fails.
    pub fn sealed_root(&self) -> Result<String> {
        self.seal_for(ROOT_DATA, &self.root.key.to_text())
    }

    /// The keyring with a root made by [`Keyring::sealed_root`].
    ///
    /// # Errors
    /// [`Error::Conflict`] when no loaded key opens it.
    pub fn with_root(self, sealed: &str) -> Result<Self> {
        let text = self.open_for(ROOT_DATA, sealed).map_err(|_| {
            let id = sealed.split('.').nth(1).unwrap_or("?");
            Error::Conflict(format!(
                "this database was set up with the master key {id}, which is not loaded; add it to FOREBAY_MASTER_KEY: \
                 without it no stored secret can be opened and no hash matches"
            ))
        })?;
        let root = MasterKey::parse(text.expose_secret()).map_err(Error::internal)?;
        Ok(Self { root: root.into(), ..self })
    }

    /// Whether the key that seals now sealed this text.
    pub fn is_current(&self, sealed: &str) -> bool {
        sealed.split('.').nth(1) == Some(self.key_id().as_str())
    }

    /// `v1.<key id>.<base64 of nonce and ciphertext>`.
    fn seal_for(&self, bound_to: &[u8], secret: &SecretString) -> Result<String> {
        let sealed = encrypt(&self.sealing.credentials, secret.expose_secret(), bound_to)?;
        Ok(format!("{VERSION}.{}.{}", self.key_id(), STANDARD.encode(sealed)))
    }

    fn open_for(&self, bound_to: &[u8], sealed: &str) -> Result<SecretString> {
        let mut parts = sealed.splitn(3, '.');
        let (Some(VERSION), Some(id), Some(payload)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(Error::internal("a stored secret has an unknown format"));
        };
        let id_bytes = unhex(id).unwrap_or_default();
        let key = self.key(&id_bytes).ok_or_else(|| {
            Error::internal(format!("a stored secret needs the master key {id}, which is not loaded"))
        })?;
        STANDARD
            .decode(payload)
            .ok()
            .and_then(|bytes| decrypt(&key.credentials, &bytes, bound_to))
            .map(SecretString::from)
            .ok_or_else(|| Error::internal("a stored secret is damaged or belongs to another instance"))
    }

    /// The password of a database role: the same in every process that has the same keys.
    pub fn role_password(&self, role: &str) -> SecretString {
        hex(&self.root.key.derive(&format!("role:{role}"))).into()
    }

    /// Seals what is announced of changes. It follows the root, so that processes with different lists of master keys, in
    /// the middle of a rotation, understand each other.
    pub fn change_cipher(&self) -> ChangeCipher {
        ChangeCipher::new(&self.root.key.derive("changes"))
    }

    fn key(&self, id: &[u8]) -> Option<&SealingKey> {
        std::iter::once(&self.sealing).chain(&self.retired).find(|key| key.id == id)
    }
}

impl std::fmt::Debug for Keyring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let retired: Vec<_> = self.retired.iter().map(|key| hex(&key.id)).collect();
        f.debug_struct("Keyring")
            .field("current", &self.key_id())
            .field("retired", &retired)
            .finish_non_exhaustive()
    }
}

impl Secrets for Keyring {
    fn seal(&self, instance: InstanceId, secret: &SecretString) -> Result<String> {
        self.seal_for(instance.0.as_bytes(), secret)
    }

    fn open(&self, instance: InstanceId, sealed: &str) -> Result<SecretString> {
        self.open_for(instance.0.as_bytes(), sealed)
    }

    fn key_id(&self) -> String {
        hex(&self.sealing.id)
    }

    fn email_hash(&self, address: &str) -> String {
        hex(&hmac_sha256(&self.root.email, address.trim().to_lowercase().as_bytes()))
    }

    fn account_hash(&self, instance: InstanceId, account: &str) -> String {
        let message = [instance.0.as_bytes().as_slice(), account.trim().to_lowercase().as_bytes()].concat();
        hex(&hmac_sha256(&self.root.account, &message))
    }

    fn key_hash(&self, secret: &SecretString) -> Vec<u8> {
        hmac_sha256(&self.root.api_key, secret.expose_secret().as_bytes()).to_vec()
    }

    fn equal(&self, left: &[u8], right: &[u8]) -> bool {
        left.ct_eq(right).into()
    }

    fn random_text(&self, length: usize) -> SecretString {
        rand::rng().sample_iter(Alphanumeric).take(length).map(char::from).collect::<String>().into()
    }

    fn sign(&self, secret: &SecretString, body: &[u8]) -> String {
        format!("sha256={}", hex(&hmac_sha256(secret.expose_secret().as_bytes(), body)))
    }

    /// URL-safe base64 of key id, nonce and ciphertext.
    fn seal_token(&self, text: &str) -> Result<String> {
        let mut token = self.sealing.id.to_vec();
        token.extend(encrypt(&self.sealing.tokens, text, TOKEN_DATA)?);
        Ok(URL_SAFE_NO_PAD.encode(token))
    }

    fn open_token(&self, token: &str) -> Option<String> {
        let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
        let (id, sealed) = bytes.split_at_checked(KEY_ID_BYTES)?;
        decrypt(&self.key(id)?.tokens, sealed, TOKEN_DATA)
    }
}

/// The nonce, then the ciphertext with its tag. The nonce is long enough (192 bits) to be drawn at random.
fn encrypt(cipher: &XChaCha20Poly1305, text: &str, bound_to: &[u8]) -> Result<Vec<u8>> {
    let mut nonce = [0; NONCE_BYTES];
    rand::rng().fill_bytes(&mut nonce);
    let ciphertext = cipher
        .encrypt(&XNonce::from(nonce), Payload { msg: text.as_bytes(), aad: bound_to })
        .map_err(|_| Error::internal("a secret could not be sealed"))?;
    Ok([nonce.as_slice(), &ciphertext].concat())
}

fn decrypt(cipher: &XChaCha20Poly1305, sealed: &[u8], bound_to: &[u8]) -> Option<String> {
    let (nonce, ciphertext) = sealed.split_first_chunk::<NONCE_BYTES>()?;
    let text = cipher.decrypt(&XNonce::from(*nonce), Payload { msg: ciphertext, aad: bound_to }).ok()?;
    String::from_utf8(text).ok()
}

/// HMAC-SHA256 with a key of any length.
pub(crate) fn hmac_sha256(key: &[u8], message: &[u8]) -> [u8; 32] {
    // Fitting the key to the block here, as RFC 2104 says, leaves no case that could fail.
    let mut block = [0; 64];
    if key.len() > block.len() {
        block[..32].copy_from_slice(&Sha256::digest(key));
    } else {
        block[..key.len()].copy_from_slice(key);
    }
    let mut mac = Hmac::<Sha256>::new(&block.into());
    mac.update(message);
    mac.finalize().into_bytes().into()
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes.iter().flat_map(|b| [b >> 4, b & 15]).map(|d| char::from(DIGITS[usize::from(d)])).collect()
}

/// Bytes from hexadecimal of either case.
fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> =
        text.chars().map(|c| c.to_digit(16).and_then(|d| u8::try_from(d).ok())).collect();
    let digits = digits?;
    digits
        .len()
        .is_multiple_of(2)
        .then(|| digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}

#[cfg(test)]
mod tests;
