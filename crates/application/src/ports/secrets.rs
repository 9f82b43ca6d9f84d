//! Secrets at rest.

use domain::ids::InstanceId;
use secrecy::SecretString;

use crate::error::Result;

/// Seals what must not be read at rest, and hashes what must not be read at all. Needs no network, so it is not async.
pub trait Secrets: Send + Sync {
    /// Seals a secret of an instance: the instance is bound in, so that a sealed text is useless on another row.
    ///
    /// # Errors
    /// [`crate::error::Error::Internal`] when sealing fails.
    fn seal(&self, instance: InstanceId, secret: &SecretString) -> Result<String>;

    /// Opens what [`Secrets::seal`] made for the same instance.
    ///
    /// # Errors
    /// [`crate::error::Error::Internal`] when the text was not sealed with a known key for this instance.
    fn open(&self, instance: InstanceId, sealed: &str) -> Result<SecretString>;

    /// The id of the key that seals, as it stands between the first two dots of sealed texts.
    fn key_id(&self) -> String;

    /// A keyed hash (hex) of an e-mail address, case-insensitively. A plain hash could be reversed by guessing.
    fn email_hash(&self, address: &str) -> String;

    /// A keyed hash (hex) of a person's account id at an instance, case-insensitively: what tells an erased person from others
    /// when nothing else of them is left.
    fn account_hash(&self, instance: InstanceId, account: &str) -> String;

    /// A hash of the secret half of an API key, for storage and comparison.
    fn key_hash(&self, secret: &SecretString) -> Vec<u8>;

    /// Whether two hashes are equal, in constant time.
    fn equal(&self, left: &[u8], right: &[u8]) -> bool;

    /// Random text of `length` characters from `[A-Za-z0-9]`.
    fn random_text(&self, length: usize) -> SecretString;

    /// `sha256=<hex>`: HMAC-SHA256 of a body, as Jira signs webhooks (`X-Hub-Signature`).
    fn sign(&self, secret: &SecretString, body: &[u8]) -> String;

    /// Seals a short text for the caller to hold (a session cookie); opened by [`Secrets::open_token`].
    ///
    /// # Errors
    /// [`crate::error::Error::Internal`] when sealing fails.
    fn seal_token(&self, text: &str) -> Result<String>;

    /// The text of a token sealed by [`Secrets::seal_token`]; `None` when it was not.
    fn open_token(&self, token: &str) -> Option<String>;
}
