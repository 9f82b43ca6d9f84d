//! Finding people by their e-mail addresses, of which only keyed hashes are stored.

use std::{fmt, sync::Arc};

use application::{ingest::is_address, ports::Secrets};

/// Makes the hashes under which addresses are stored; none where no secrets were given.
#[derive(Clone, Default)]
pub(super) struct AddressHashes(Option<Arc<dyn Secrets>>);

impl AddressHashes {
    pub(super) fn by(secrets: Arc<dyn Secrets>) -> Self {
        Self(Some(secrets))
    }

    /// What is stored of this text, if it is an address. The address itself goes no further.
    pub(super) fn of(&self, text: &str) -> Option<String> {
        let text = text.trim();
        self.0.as_ref().filter(|_| is_address(text)).map(|secrets| secrets.email_hash(text))
    }
}

impl fmt::Debug for AddressHashes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "AddressHashes(keyed)" } else { "AddressHashes(none)" })
    }
}
