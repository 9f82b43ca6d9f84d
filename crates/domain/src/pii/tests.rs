use proptest::prelude::*;

use super::*;

/// What is found, as kind and text.
fn found(text: &str) -> Vec<(PiiKind, &str)> {
    find(text).into_iter().map(|finding| (finding.kind, &text[finding.range])).collect()
}

/// Asserts that exactly one value is found.
fn assert_found(kind: PiiKind, text: &str, value: &str) {
    assert_eq!(found(text), [(kind, value)], "in {text:?}");
}

/// Asserts that nothing is found.
fn assert_clean(text: &str) {
    assert_eq!(found(text), [], "in {text:?}");
}

// --- e-mail ---

#[test]
fn finds_email_addresses() {
    for (text, address) in [
        ("Ask joe@example.com.", "joe@example.com"),
        ("<mailto:jane.doe+jira@mail.example.co.uk>", "jane.doe+jira@mail.example.co.uk"),
        ("[~o'brien@example.com] please", "o'brien@example.com"),
        ("?user=joe%40example.com&x=1", "joe%40example.com"),
        ("Grüße an jürgen@müller.example", "jürgen@müller.example"),
        ("иван@почта.рф", "иван@почта.рф"),
        ("joe@xn--e1afmkfd.xn--p1ai", "joe@xn--e1afmkfd.xn--p1ai"),
        ("wang@163.com", "wang@163.com"),
    ] {
        assert_found(PiiKind::Email, text, address);
    }
}

#[test]
fn an_at_sign_alone_makes_no_address() {
    for text in [
        "git@github.com:org/repo.git",
        "ssh://git@bitbucket.org/org/repo",
        "icon@2x.png",
        "hibernate@5.4.1.Final and lodash@4.17.21",
        "com.foo.Sprint@1f[id=1]",
        "@Override public void run()",
        "root@localhost",
    ] {
        assert_clean(text);
    }
}

// --- phone ---

#[test]
fn finds_phone_numbers() {
    for (text, number) in [
        ("call +49 (0)30 1234567 today", "+49 (0)30 1234567"),
        ("+14155552671", "+14155552671"),
        ("+1 (415) 555-2671", "+1 (415) 555-2671"),
        ("(415) 555-2671", "(415) 555-2671"),
        ("at 415-555-2671.", "415-555-2671"),
        ("415.555.2671", "415.555.2671"),
        ("Tel.: 030 / 1234567", "030 / 1234567"),
        ("Tél. +33 1 23 45 67 89", "+33 1 23 45 67 89"),
        ("Fax: 01.23.45.67.89", "01.23.45.67.89"),
        ("phone number is 555 0123 456", "555 0123 456"),
        ("Телефон: 8 (495) 123-45-67", "8 (495) 123-45-67"),
    ] {
        assert_found(PiiKind::Phone, text, number);
    }
}

#[test]
fn other_numbers_are_no_phone_numbers() {
    for text in [
        "2024-01-05T10:11:12.123+0000",
        "offset +1.23456789",
        "+2024-01-05 10:11:12 INFO",
        "SMS 2024-01-05 sent",
        "512 256 1024",
        "1e+12345678",
        "CVE-2024-555-2671-1",
        "@@ -1234,56 +1234,57 @@",
        "1700000000000",
        "phone 12 of 20",
        "Windows Phone: 10.0.15063.0",
    ] {
        assert_clean(text);
    }
}

// --- payment card ---

#[test]
fn finds_payment_cards_with_a_known_prefix_and_checksum() {
    for (text, number) in [
        ("4111111111111111", "4111111111111111"),
        ("Card 4111 1111 1111 1111 12/26", "4111 1111 1111 1111"),
        ("visa-4111-1111-1111-1111", "4111-1111-1111-1111"),
        ("5555 5555 5555 4444", "5555 5555 5555 4444"),
        ("2223003122003222", "2223003122003222"),
        ("3782 822463 10005", "3782 822463 10005"),
        ("6011111111111117", "6011111111111117"),
        ("3056 930902 5904", "3056 930902 5904"),
        ("3530111333300000", "3530111333300000"),
    ] {
        assert_found(PiiKind::PaymentCard, text, number);
    }
}

#[test]
fn long_numbers_are_no_cards() {
    for text in [
        "4111111111111112",
        "1234567812345670",
        "id_4111111111111111",
        "0.4111111111111111",
        "41111111111111111111111111",
        "1700000000000",
        "00000000-4111-1111-1111-111111111111",
    ] {
        assert_clean(text);
    }
}

// --- IBAN ---

#[test]
fn finds_ibans_of_the_right_length_and_checksum() {
    for (text, iban) in [
        ("DE89370400440532013000", "DE89370400440532013000"),
        ("to DE89 3704 0044 0532 0130 00 please", "DE89 3704 0044 0532 0130 00"),
        ("gb82 west 1234 5698 7654 32.", "gb82 west 1234 5698 7654 32"),
        ("NO93 8601 1117 947", "NO93 8601 1117 947"),
        ("FR14-2004-1010-0505-0001-3M02-606", "FR14-2004-1010-0505-0001-3M02-606"),
    ] {
        assert_found(PiiKind::Iban, text, iban);
    }
}

#[test]
fn other_codes_are_no_ibans() {
    for text in [
        "DE88370400440532013000",
        "DE8937040044053201300",
        "DE893704004405320130001",
        "XX89370400440532013000",
        "DE89 37040044 0532013000",
        "DE89",
    ] {
        assert_clean(text);
    }
}

// --- IP ---

#[test]
fn finds_ip_addresses() {
    for (text, address) in [
        ("from 10.20.30.40.", "10.20.30.40"),
        ("localhost/192.168.1.7:9092", "192.168.1.7"),
        ("http://8.8.8.8/x", "8.8.8.8"),
        ("IP: 1.2.3.4", "1.2.3.4"),
        ("1.2.3.4:8080 refused", "1.2.3.4"),
        ("1.2.3.0/24", "1.2.3.0"),
        ("Connection to node -1 (/3.14.22.9:9092)", "3.14.22.9"),
        ("connection from 3.14.22.9", "3.14.22.9"),
        ("3.120.45.67", "3.120.45.67"),
        ("2001:db8:85a3::8a2e:370:7334", "2001:db8:85a3::8a2e:370:7334"),
        ("[fe80::1]:443", "fe80::1"),
        ("at 2001:db8::1:", "2001:db8::1"),
        ("2001:0db8:0000:0000:0000:ff00:0042:8329", "2001:0db8:0000:0000:0000:ff00:0042:8329"),
        ("::ffff:10.1.2.3", "10.1.2.3"),
    ] {
        assert_found(PiiKind::IpAddress, text, address);
    }
    assert_eq!(found("10.0.0.10-10.0.0.20").len(), 2);
}

#[test]
fn versions_times_and_paths_are_no_addresses() {
    for text in [
        "upgrade to 1.2.3.4",
        "1.2.3.4",
        "v10.20.30.40",
        "version 10.20.30.40",
        "Versions: 11.2.0.4",
        "Oracle 11.2.0.4",
        "Java 1.6.0.51, Git: 1.7.12.4",
        "app-10.20.30.40.jar",
        "10.20.30.40-SNAPSHOT",
        "10.20.30.40.Final",
        "1.3.6.1.4.1.311.21",
        "10.20.30.400",
        "127.0.0.1 and 0.0.0.0 and ::1 and ::",
        "255.255.255.0",
        "10:11:12",
        "std::fmt::Debug abc::def dead::beef1",
        "00:1b:44:11:3a:b7",
    ] {
        assert_clean(text);
    }
}

// --- secrets ---

/// Made from parts, so that nobody takes this file for a leak.
fn token(prefix: &str, repeated: &str, times: usize) -> String {
    format!("{prefix}{}", repeated.repeat(times))
}

#[test]
fn finds_tokens_by_their_form() {
    for secret in [
        token("AKIA", "A1B2C3D4", 2),
        token("ghp_", "a1B2c3", 6),
        token("github_pat_", "11A2b_", 6),
        token("glpat-", "a1-B2", 5),
        token("xoxb-", "1234-abcd", 3),
        token("AIza", "a1B2c", 7),
        token("sk_live_", "a1B2", 6),
        token("sk-proj-", "a1B2", 8),
        token("ATATT3xFfGF0", "a1-B2_", 8),
        token("npm_", "a1B2c3", 6),
        token("SG.", "a1B2", 5) + &token(".", "c3D4", 8),
        token("hf_", "a1B2c3", 6),
        token("eyJ", "hbGciOi1", 3) + &token(".eyJ", "zdWIiOi2", 3) + &token(".", "sig_3-", 4),
    ] {
        assert_found(PiiKind::Secret, &format!("it is {secret}, ok"), &secret);
    }
}

#[test]
fn finds_private_keys_also_without_their_end() {
    let marker = |edge: &str| format!("-----{edge} RSA PRIVATE KEY-----");
    let key = format!("{}\nMIIEpAIB\nAAKCAQEA\n{}", marker("BEGIN"), marker("END"));
    assert_found(PiiKind::Secret, &format!("key:\n{key}\nthanks"), &key);
    let cut = format!("{}\nMIIEpAIB\nAAKC", marker("BEGIN"));
    assert_found(PiiKind::Secret, &cut, &cut);
    assert_clean("-----BEGIN CERTIFICATE-----\nMIIEpAIB\n-----END CERTIFICATE-----");
}

#[test]
fn finds_passwords_and_keys_by_their_names() {
    for (text, secret) in [
        ("password=hunter", "hunter"),
        ("jdbc:x?user=a&password=hunter2&ssl=true", "hunter2"),
        ("DB_PASSWORD: s3cret!", "s3cret"),
        (r#"{"password": "correct horse", "a": 1}"#, "correct horse"),
        (r#"{\"password\":\"hunter2\"}"#, "hunter2"),
        ("spring.datasource.password = 'it is'", "it is"),
        ("api_key: a1b2c3d4e5", "a1b2c3d4e5"),
        ("aws_secret_access_key = wJalrXUtnFEMI/K7MDENG", "wJalrXUtnFEMI/K7MDENG"),
        ("?access_token=abc123def456#x", "abc123def456#x"),
        ("Authorization: Basic dXNlcjpwYXNzd29yZA==", "dXNlcjpwYXNzd29yZA=="),
        ("authorization: bearer abcdef0123456789", "abcdef0123456789"),
        ("postgres://app:hunter2@db.example.com/x", "hunter2"),
        ("amqp://app:p@ss@10@broker/", "p@ss@10"),
        ("mysql --password hunter2 -h db", "hunter2"),
        ("curl -s -u joe:hunter2 https://example.com", "hunter2"),
    ] {
        assert_found(PiiKind::Secret, text, secret);
    }
}

#[test]
fn talk_about_secrets_is_no_secret() {
    for text in [
        "Password: required",
        "password = getPassword()",
        "password = config.password;",
        "password=${DB_PASSWORD}",
        "password=$PASSWORD --token $TOKEN --password %s",
        "password: ********",
        "password=<your password>",
        "password=null&token=undefined",
        r#"{"password": "string", "token": "string"}"#,
        "String password = newPassword;",
        "The token: a short string",
        "max_tokens=4096 and token: 12345",
        "secretName: my-app-secret",
        "basic internationalization support",
        "the sk-folding-cube-container-x class",
        "https://example.com:8080/a@b",
        "PWD=/home/build/work",
        "Forgot password? Reset it.",
    ] {
        assert_clean(text);
    }
}

// --- what Jira is full of ---

#[test]
fn identifiers_and_times_are_no_pii() {
    for text in [
        "KAFKA-12345, ABC-1 and SEC-4111111",
        "123e4567-e89b-12d3-a456-426614174000",
        "commit 9fceb02d0ae598e95dc970b74767f19372d61af8",
        "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "2024-01-05T10:11:12.123+0000, 2024-01-05 10:11:12,345 and 1704449472123",
        "release 3.4.1, 2.13.0-rc1 and 1.0",
        "accountid:5b10ac8d82e05b22cc7d4ef5 and 712020:a1b2c3d4-e5f6-7890-abcd-ef0123456789",
        "customfield_10010 = 0|i0000f:",
        "Foo.java:123 at com.example.Foo.bar(Foo.java:123)",
        "https://example.atlassian.net/browse/ABC-1?focusedCommentId=10000",
        "100% of 1,234,567.89 in 12.5ms",
    ] {
        assert_clean(text);
    }
}

// --- find ---

#[test]
fn findings_are_ordered_and_the_earlier_kind_wins_where_two_overlap() {
    let text = "+14155552671 wrote password=joe@example.com from 10.20.30.40, not jane@example.com";
    assert_eq!(
        found(text),
        [
            (PiiKind::Phone, "+14155552671"),
            (PiiKind::Secret, "joe@example.com"),
            (PiiKind::IpAddress, "10.20.30.40"),
            (PiiKind::Email, "jane@example.com"),
        ]
    );
}

// --- mask ---

#[test]
fn equal_originals_share_a_placeholder() {
    let text = "joe@example.com, jane@example.com and joe@example.com use 10.20.30.40";
    let masked = mask(text);
    assert_eq!(masked.text, "[EMAIL_1], [EMAIL_2] and [EMAIL_1] use [IP_1]");
    assert_eq!(masked.replacements.len(), 3);
    assert_eq!(masked.unmask(&masked.text), text);
}

#[test]
fn the_text_may_change_around_the_placeholders() {
    let masked = mask("joe@example.com cannot log in from 10.20.30.40");
    let reply = "Dear [EMAIL_1], is [IP_1] yours, [EMAIL_1]? See [EMAIL_2] and [1].";
    assert_eq!(
        masked.unmask(reply),
        "Dear joe@example.com, is 10.20.30.40 yours, joe@example.com? See [EMAIL_2] and [1]."
    );
}

#[test]
fn a_placeholder_in_the_input_is_left_alone() {
    let text = "[EMAIL_1] is a placeholder, joe@example.com is not";
    let masked = mask(text);
    assert_eq!(masked.text, "[EMAIL_1] is a placeholder, [EMAIL_2] is not");
    assert_eq!(masked.unmask(&masked.text), text);
}

#[test]
fn a_conversation_keeps_its_placeholders() {
    let first = mask("I am joe@example.com");
    let second = mask_continuing("joe@example.com again, with jane@example.com", &first.replacements);
    assert_eq!(second.text, "[EMAIL_1] again, with [EMAIL_2]");
    assert_eq!(second.unmask("[EMAIL_2] and [EMAIL_1]"), "jane@example.com and joe@example.com");
}

#[test]
fn debug_output_shows_no_original() {
    let masked = mask("joe@example.com password=hunter2");
    let debug = format!("{masked:?}");
    assert!(debug.contains("[EMAIL_1]") && debug.contains("[SECRET_1]"), "{debug}");
    assert!(!debug.contains("joe") && !debug.contains("hunter2"), "{debug}");
}

#[test]
fn text_without_pii_is_unchanged() {
    let masked = mask("Nothing to see");
    assert_eq!((masked.text.as_str(), masked.replacements.len()), ("Nothing to see", 0));
}

// --- properties ---

/// Text in which personal data, near misses, placeholders and odd characters meet without separators.
fn hostile_text() -> impl Strategy<Value = String> {
    let fragment = prop_oneof![
        proptest::sample::select(vec![
            "joe@example.com",
            "+14155552671",
            "4111 1111 1111 1111",
            "DE89 3704 0044 0532 0130 00",
            "10.20.30.40",
            "fe80::1",
            "password=hunter2",
            "password: \"",
            "\"",
            "https://a:b@",
            "[EMAIL_1]",
            "[EMAIL_",
            "[IP_1]",
            "2]",
            "[SECRET_1]",
            "-----BEGIN PRIVATE KEY-----",
            "-----END PRIVATE KEY-----",
            "Bearer abcdef0123456789",
            "tel: ",
            " ",
            "\n",
            ",",
            "-",
            ".",
            ":",
            "@",
            "=",
            "é",
            "\u{a0}",
            "😀",
            "ﬁ",
            "٣",
        ])
        .prop_map(str::to_owned),
        "\\PC{0,4}",
        "[0-9 .:+-]{0,20}",
    ];
    proptest::collection::vec(fragment, 0..12).prop_map(|fragments| fragments.concat())
}

proptest! {
    #[test]
    fn unmasking_gives_the_text_back(text in hostile_text()) {
        let masked = mask(&text);
        prop_assert_eq!(masked.unmask(&masked.text), text);
    }

    #[test]
    fn findings_are_ordered_disjoint_and_not_empty(text in hostile_text()) {
        let findings = find(&text);
        prop_assert!(findings.iter().all(|finding| !finding.range.is_empty()));
        prop_assert!(findings.windows(2).all(|pair| pair[0].range.end <= pair[1].range.start));
        prop_assert!(findings.iter().all(|finding| text.get(finding.range.clone()).is_some()));
    }

    #[test]
    fn placeholders_and_originals_belong_together_one_to_one(text in hostile_text()) {
        let replacements = mask(&text).replacements;
        for (index, one) in replacements.iter().enumerate() {
            for other in &replacements[index + 1..] {
                prop_assert_ne!(&one.placeholder, &other.placeholder);
                prop_assert_ne!((one.kind, &one.original), (other.kind, &other.original));
            }
        }
    }

    #[test]
    fn an_address_is_masked_wherever_it_stands(
        before in "[a-z ,(<\n]{0,20}", after in "[ ,.)>\n][a-z ]{0,20}",
    ) {
        let masked = mask(&format!("{before} joe@example.com{after}"));
        prop_assert!(!masked.text.contains("joe@example.com"));
    }
}
