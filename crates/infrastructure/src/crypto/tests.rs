use std::os::unix::fs::PermissionsExt;

use application::events::Announcement;
use uuid::Uuid;

use super::*;

const HERE: InstanceId = InstanceId(Uuid::from_u128(1));
const THERE: InstanceId = InstanceId(Uuid::from_u128(2));

fn keyring() -> Keyring {
    Keyring::new(MasterKey::generate(), Vec::new())
}

#[test]
fn a_sealed_secret_opens_for_its_instance_only() {
    let keyring = keyring();
    let token = SecretString::from("s3cret tøken");
    let sealed = keyring.seal(HERE, &token).unwrap();
    assert_eq!(keyring.open(HERE, &sealed).unwrap().expose_secret(), token.expose_secret());
    assert!(keyring.open(THERE, &sealed).is_err());
}

#[test]
fn a_sealed_text_names_its_key_and_never_repeats() {
    let keyring = keyring();
    let [first, second] = [(), ()].map(|()| keyring.seal(HERE, &"same".into()).unwrap());
    assert_ne!(first, second);
    let parts: Vec<_> = first.split('.').collect();
    assert_eq!(parts[..2], ["v1", keyring.key_id().as_str()]);
    // Nonce, text and tag: nothing else is in there.
    assert_eq!(STANDARD.decode(parts[2]).unwrap().len(), 24 + "same".len() + 16);
}

#[test]
fn every_changed_bit_is_noticed() {
    let keyring = keyring();
    let sealed = keyring.seal(HERE, &"secret".into()).unwrap();
    let (head, payload) = sealed.rsplit_once('.').unwrap();
    let bytes = STANDARD.decode(payload).unwrap();
    for position in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[position] ^= 1;
        let tampered = format!("{head}.{}", STANDARD.encode(changed));
        assert!(keyring.open(HERE, &tampered).is_err(), "byte {position}");
    }
}

#[test]
fn what_was_never_sealed_does_not_open() {
    let keyring = keyring();
    let id = keyring.key_id();
    for text in
        ["", "v1", "v1..", "v2.00000000.AAAA", "v1.00000000.AAAA", "v1.xyz.", &format!("v1.{id}.AAAA")]
    {
        assert!(keyring.open(HERE, text).is_err(), "{text}");
    }
    assert_eq!(keyring.open_token(""), None);
    assert_eq!(keyring.open_token("AAAA"), None);
    assert_eq!(keyring.open_token("ä"), None);
}

#[test]
fn after_a_rotation_old_secrets_open_new_ones_use_the_new_key_and_hashes_stay() {
    let [old_key, new_key] = [(), ()].map(|()| MasterKey::generate().to_text());
    let parse = |text: &SecretString| MasterKey::parse(text.expose_secret()).unwrap();
    let before = Keyring::new(parse(&old_key), Vec::new());
    let sealed = before.seal(HERE, &"secret".into()).unwrap();
    let token = before.seal_token("session").unwrap();

    let after = Keyring::new(parse(&new_key), vec![parse(&old_key)]);
    assert_eq!(after.open(HERE, &sealed).unwrap().expose_secret(), "secret");
    assert_eq!(after.open_token(&token).as_deref(), Some("session"));
    assert_eq!(after.email_hash("a@example.com"), before.email_hash("a@example.com"));
    assert_eq!(after.account_hash(HERE, "ann"), before.account_hash(HERE, "ann"));
    assert_eq!(after.key_hash(&"fb_x".into()), before.key_hash(&"fb_x".into()));
    assert_eq!(
        after.role_password("forebay_app").expose_secret(),
        before.role_password("forebay_app").expose_secret()
    );
    let resealed = after.seal(HERE, &"secret".into()).unwrap();
    assert!(before.open(HERE, &resealed).unwrap_err().to_string() == "internal error");

    let forgotten = Keyring::new(parse(&new_key), Vec::new());
    assert!(forgotten.open(HERE, &sealed).is_err());
    assert_eq!(forgotten.open_token(&token), None);
}

#[test]
fn the_root_outlives_every_master_key() {
    let keys: Vec<_> = (0..3).map(|_| MasterKey::generate().to_text()).collect();
    let ring = |numbers: &[usize]| {
        let mut keys = numbers.iter().map(|n| MasterKey::parse(keys[*n].expose_secret()).unwrap());
        Keyring::new(keys.next().unwrap(), keys.collect())
    };
    let first = ring(&[0]);
    let stored = first.sealed_root().unwrap();

    let both = ring(&[1, 0]).with_root(&stored).unwrap();
    assert!(!both.is_current(&stored));
    let stored = both.sealed_root().unwrap();
    assert!(both.is_current(&stored));

    let second = ring(&[1]).with_root(&stored).unwrap();
    assert_eq!(second.email_hash("a@example.com"), first.email_hash("a@example.com"));
    // By these hashes erased people are known: with others, the next sync would bring them back.
    assert_eq!(second.account_hash(HERE, "ann"), first.account_hash(HERE, "ann"));
    assert_eq!(second.key_hash(&"fb_x".into()), first.key_hash(&"fb_x".into()));
    assert_eq!(second.account_hash(HERE, "ann"), first.account_hash(HERE, "ann"), "who was erased stays so");
    let announcement = Announcement { id: Uuid::from_u128(1), noted: "@\nm\n".into() };
    let sealed = first.change_cipher().seal(&announcement).unwrap();
    assert_eq!(second.change_cipher().open(&sealed), Some(announcement));
    assert_eq!(
        second.role_password("forebay_app").expose_secret(),
        first.role_password("forebay_app").expose_secret()
    );
    // Whatever the order of the list.
    assert_eq!(ring(&[0, 1, 2]).with_root(&stored).unwrap().email_hash("x"), first.email_hash("x"));

    let stranger = ring(&[2]).with_root(&stored).unwrap_err();
    assert_eq!(stranger.code(), "conflict");
    assert!(stranger.to_string().contains(&second.key_id()), "{stranger}");
    // What is sealed for an instance cannot pass for a root.
    let sealed = first.seal(HERE, &keys[0]).unwrap();
    assert!(ring(&[0]).with_root(&sealed).is_err());
}

#[test]
fn tokens_come_back_and_are_safe_in_a_cookie() {
    let keyring = keyring();
    let token = keyring.seal_token("tenant=1;key=2").unwrap();
    assert!(token.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_'));
    assert_eq!(keyring.open_token(&token).as_deref(), Some("tenant=1;key=2"));
    let mut tampered = token.into_bytes();
    let last = tampered.len() / 2;
    tampered[last] = if tampered[last] == b'A' { b'B' } else { b'A' };
    assert_eq!(keyring.open_token(std::str::from_utf8(&tampered).unwrap()), None);
}

#[test]
fn an_address_hashes_alike_in_any_case_and_differently_under_another_key() {
    let keyring = keyring();
    let hash = keyring.email_hash(" Ann@Example.com ");
    assert_eq!(hash, keyring.email_hash("ann@example.com"));
    assert_eq!(hash.len(), 64);
    assert_ne!(hash, self::keyring().email_hash("ann@example.com"));
}

#[test]
fn bodies_are_signed_as_jira_signs_them() {
    // jira-facts 3.2.
    let secret = SecretString::from("It's a Secret to Everybody");
    assert_eq!(
        keyring().sign(&secret, b"Hello World!"),
        "sha256=a4771c39fbe90f317c7824e83ddef3caae9cb3d976c214ace1f2937e133263c9"
    );
}

#[test]
fn hmac_takes_keys_longer_than_a_block() {
    // RFC 4231, test case 6.
    let mac = hmac_sha256(&[0xaa; 131], b"Test Using Larger Than Block-Size Key - Hash Key First");
    assert_eq!(hex(&mac), "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

#[test]
fn hashes_compare_and_differ() {
    let keyring = keyring();
    let hash = keyring.key_hash(&"one".into());
    assert!(keyring.equal(&hash, &keyring.key_hash(&"one".into())));
    assert!(!keyring.equal(&hash, &keyring.key_hash(&"two".into())));
    assert!(!keyring.equal(&hash, &hash[1..]));
}

#[test]
fn random_text_has_the_asked_length_and_alphabet() {
    let keyring = keyring();
    let text = keyring.random_text(40);
    assert_eq!(text.expose_secret().len(), 40);
    assert!(text.expose_secret().chars().all(|c| c.is_ascii_alphanumeric()));
    assert_ne!(text.expose_secret(), keyring.random_text(40).expose_secret());
}

#[test]
fn keys_are_read_as_hex_and_as_base64() {
    let key = MasterKey::generate();
    let text = key.to_text();
    let bytes = unhex(text.expose_secret()).unwrap();
    for form in [
        text.expose_secret().to_uppercase(),
        STANDARD.encode(&bytes),
        URL_SAFE_NO_PAD.encode(&bytes),
        format!("  {}\n", STANDARD.encode(&bytes)),
    ] {
        assert_eq!(MasterKey::parse(&form).unwrap().id(), key.id(), "{form}");
    }
    for wrong in ["", "abc", &"0".repeat(63), &"g".repeat(64), &STANDARD.encode(&bytes[1..])] {
        assert!(MasterKey::parse(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn a_list_of_keys_seals_with_the_first() {
    let [first, second] = [(), ()].map(|()| MasterKey::generate());
    let list = format!("{}, {}", first.to_text().expose_secret(), second.to_text().expose_secret());
    let keyring = Keyring::parse(&list.into()).unwrap();
    assert_eq!(keyring.key_id(), hex(&first.id()));
    assert!(Keyring::parse(&" , ".into()).is_err());
}

#[test]
fn nothing_secret_is_in_debug() {
    let key = MasterKey::generate();
    let text = key.to_text();
    let shown_key = format!("{key:?}");
    let shown = format!("{shown_key} {:?}", Keyring::new(key, Vec::new()));
    assert!(!shown.contains(text.expose_secret()), "{shown}");
    assert!(shown.len() < 100, "{shown}");
}

#[test]
fn the_key_file_is_made_once_and_for_its_owner_only() {
    let folder = crate::local_server::testing::TestFolder::new("master-key");
    let path = folder.path().join("master.key");
    let ids: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> =
            (0..8).map(|_| scope.spawn(|| MasterKey::load_or_create(&path).unwrap().id())).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(ids.iter().all(|id| *id == MasterKey::load_or_create(&path).unwrap().id()));
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);

    std::fs::write(&path, "not a key").unwrap();
    let error = MasterKey::load_or_create(&path).unwrap_err().to_string();
    assert!(error.contains("put the key back"), "{error}");
}

#[test]
fn an_account_has_another_hash_at_each_instance_and_none_like_an_address() {
    let keyring = Keyring::new(MasterKey::generate(), Vec::new());
    let [here, there] = [1, 2].map(|n| InstanceId(uuid::Uuid::from_u128(n)));
    assert_eq!(keyring.account_hash(here, " Ann "), keyring.account_hash(here, "ann"));
    assert_ne!(keyring.account_hash(here, "ann"), keyring.account_hash(there, "ann"));
    assert_ne!(keyring.account_hash(here, "ann"), keyring.account_hash(here, "bob"));
    assert_ne!(keyring.account_hash(here, "ann"), keyring.email_hash("ann"));
    let other = Keyring::new(MasterKey::generate(), Vec::new());
    assert_ne!(keyring.account_hash(here, "ann"), other.account_hash(here, "ann"));
}
