//! What goes over PostgreSQL's notifications, which any role of the database may listen to.

use std::fmt;

use application::events::Announcement;
use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305};

use super::{decrypt, encrypt};

/// Binds announcements, which belong to no instance.
const CHANGE_DATA: &[u8] = b"forebay changes";
/// An announcement is filled up to a multiple of that (bytes), so that its length tells little.
const STEP: usize = 256;
/// The longest announcement (bytes): sealed and in base64 it is 7,904, and PostgreSQL takes less than 8,000.
const LONGEST: usize = 23 * STEP;

/// Seals announcements of changes: who listens and has no master key learns that something changed, and when.
#[derive(Clone)]
pub struct ChangeCipher(XChaCha20Poly1305);

impl fmt::Debug for ChangeCipher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ChangeCipher")
    }
}

impl ChangeCipher {
    pub(super) fn new(key: &[u8; 32]) -> Self {
        Self(XChaCha20Poly1305::new(key.into()))
    }

    /// The announcement, sealed. `None` when it is too long to be sent; then say that anything may differ.
    pub fn seal(&self, announcement: &Announcement) -> Option<String> {
        let mut text = announcement.to_text();
        let length = text.len().next_multiple_of(STEP);
        if length > LONGEST {
            return None;
        }
        text.extend(std::iter::repeat_n('\0', length - text.len()));
        encrypt(&self.0, &text, CHANGE_DATA).ok().map(|sealed| STANDARD_NO_PAD.encode(sealed))
    }

    /// What [`ChangeCipher::seal`] made with the same root; `None` for anything else.
    pub fn open(&self, sealed: &str) -> Option<Announcement> {
        let bytes = STANDARD_NO_PAD.decode(sealed).ok()?;
        let text = decrypt(&self.0, &bytes, CHANGE_DATA)?;
        Announcement::parse(text.trim_end_matches('\0'))
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn announcement(noted: &str) -> Announcement {
        Announcement { id: Uuid::from_u128(7), noted: noted.to_owned() }
    }

    #[test]
    fn an_announcement_comes_back_under_its_own_key_only() {
        let (ours, theirs) = (ChangeCipher::new(&[1; 32]), ChangeCipher::new(&[2; 32]));
        let said = announcement("@0123\ni 4567 PAY-1\n");
        let sealed = ours.seal(&said).unwrap();
        assert_eq!(ours.open(&sealed), Some(said));
        assert_eq!(theirs.open(&sealed), None);
        for forged in ["", "end", "AAAA", &sealed[1..]] {
            assert_eq!(ours.open(forged), None, "{forged}");
        }
    }

    #[test]
    fn what_is_sent_tells_neither_what_nor_nearly_how_much() {
        let cipher = ChangeCipher::new(&[1; 32]);
        let sealed = |noted: &str| cipher.seal(&announcement(noted)).unwrap();
        assert_ne!(sealed("x\n"), sealed("x\n"), "a change that comes again must not be known again");
        assert_eq!(sealed("x\n").len(), sealed(&"x".repeat(200)).len());
        assert!(sealed(&"x".repeat(5_800)).len() < 8_000);
        assert_eq!(cipher.seal(&announcement(&"x".repeat(6_000))), None);
    }
}
