//! What PostgreSQL stores of a password (SCRAM-SHA-256, RFC 5802 and RFC 7677). Made here, so that the password itself
//! never stands in a statement, nor in the server's log.

use base64::{Engine, engine::general_purpose::STANDARD};
use sha2::{Digest, Sha256};

use crate::crypto::hmac_sha256;

const ITERATIONS: u32 = 4096;

/// The verifier of a password of ASCII characters. The salt follows from the password, so that the same password has
/// the same verifier; our passwords are random and long enough for that.
pub(super) fn verifier(password: &str) -> String {
    let salt = hmac_sha256(password.as_bytes(), b"scram salt");
    salted_verifier(password, &salt[..16])
}

fn salted_verifier(password: &str, salt: &[u8]) -> String {
    let salted = pbkdf2(password.as_bytes(), salt);
    let stored_key = Sha256::digest(hmac_sha256(&salted, b"Client Key"));
    let server_key = hmac_sha256(&salted, b"Server Key");
    let [salt, stored_key, server_key] = [salt, &stored_key, &server_key].map(|bytes| STANDARD.encode(bytes));
    format!("SCRAM-SHA-256${ITERATIONS}:{salt}${stored_key}:{server_key}")
}

/// PBKDF2 with HMAC-SHA256, for the one block that is needed.
fn pbkdf2(password: &[u8], salt: &[u8]) -> [u8; 32] {
    let mut block = hmac_sha256(password, &[salt, &1_u32.to_be_bytes()].concat());
    let mut sum = block;
    for _ in 1..ITERATIONS {
        block = hmac_sha256(password, &block);
        sum.iter_mut().zip(block).for_each(|(total, byte)| *total ^= byte);
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_keys_are_those_of_the_standards_example() {
        // RFC 7677, section 3: password `pencil`.
        let salt = STANDARD.decode("W22ZaJ0SNY7soEsUEjb6gQ==").unwrap();
        assert_eq!(
            salted_verifier("pencil", &salt),
            "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==\
             $WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
        );
    }
}
