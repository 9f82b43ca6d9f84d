//! Passwords, API keys, tokens and private keys.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

/// A private key in PEM or PGP armour; to the end of the key's lines if the end marker is missing.
static PRIVATE_KEY: LazyLock<Regex> = LazyLock::new(|| {
    super::pattern(
        r"(?x) -----BEGIN\ [A-Z0-9\ ]*PRIVATE\ KEY(?:\ BLOCK)?-----
        (?: (?s:.*?) -----END\ [A-Z0-9\ ]*PRIVATE\ KEY(?:\ BLOCK)?----- | [A-Za-z0-9+/=\s\\]* )",
    )
});

/// Tokens that can be told by their form: JWT, AWS, GitHub, GitLab, Slack, Google, Stripe, OpenAI and
/// Anthropic, Atlassian, npm, PyPI, SendGrid, Hugging Face, DigitalOcean, Shopify, Vault, Databricks,
/// Telegram.
static KNOWN_TOKEN: LazyLock<Regex> = LazyLock::new(|| {
    super::pattern(
        r"(?x) \b(?:
          eyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*){2,4}
        | (?:AKIA|ASIA|ABIA|ACCA|AGPA|AIDA|AROA)[A-Z0-9]{16}\b
        | gh[pousr]_[A-Za-z0-9]{30,} | github_pat_[A-Za-z0-9_]{22,}
        | gl(?:pat|dt|rt|cbt|ptt|soat)-[A-Za-z0-9_-]{20,}
        | xox[abeoprs]-[A-Za-z0-9-]{10,} | xapp-[A-Za-z0-9-]{10,}
        | hooks\.slack\.com/services/[A-Za-z0-9/]{20,}
        | AIza[A-Za-z0-9_-]{35} | ya29\.[A-Za-z0-9_-]{20,} | GOCSPX-[A-Za-z0-9_-]{20,}
        | [rs]k_(?:live|test)_[A-Za-z0-9]{16,} | whsec_[A-Za-z0-9+/=]{16,}
        | sk-[A-Za-z0-9_-]{20,}
        | AT(?:ATT|CTT|BB)[A-Za-z0-9_=-]{20,}
        | npm_[A-Za-z0-9]{30,} | pypi-[A-Za-z0-9_-]{16,}
        | SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}
        | hf_[A-Za-z0-9]{30,}
        | do[opr]_v1_[a-f0-9]{64}
        | shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}
        | hv[bs]\.[A-Za-z0-9_-]{20,}
        | dapi[a-f0-9]{32}
        | [0-9]{8,10}:AA[A-Za-z0-9_-]{33}
        )",
    )
});

/// `Authorization: Bearer …` and the like, also without the header's name.
static AUTHORIZATION: LazyLock<Regex> =
    LazyLock::new(|| super::pattern(r"(?i)\b(?:bearer|basic)\s+(?P<value>[a-z0-9._~+/-]{16,}=*)"));

/// `https://user:password@host`.
static URL_PASSWORD: LazyLock<Regex> = LazyLock::new(|| {
    super::pattern(r#"\b[A-Za-z][A-Za-z0-9+.-]*://[^\s:/?\#@\[\]"'<>]*:(?P<value>[^\s/"'<>]+)@"#)
});

/// `--password hunter2` and `curl -u user:hunter2`.
static COMMAND_LINE: LazyLock<Regex> = LazyLock::new(|| {
    super::pattern(
        r#"(?x) (?: \s--(?: password | passwd | token | secret | api-key | access-key | secret-key ) [\ =]+
           | \bcurl\b [^\n]*? \s (?: -u | --user ) [\ =]* ["']? [^\s:"']+ : )
        ["']? (?P<value> [^\s"']+ )"#,
    )
});

/// A name that ends in a word for a secret, `=` or `:` (also `=>`, `:=`), and the value: in quotes or up to
/// the next white space. The name may be quoted as in JSON, also as JSON within a JSON string.
static ASSIGNMENT: LazyLock<Regex> = LazyLock::new(|| {
    super::pattern(
        r#"(?ix)
        (?: (?P<password> password | passwd | passwort | passphrase | passcode | \bpwd )
          | secret | (?: api | access | account | private | secret | auth | encryption ) [_\ -]? key
          | token | session_?id | credential )
        (?: \\?["'`] )? \s* (?P<sign> => | := | = | : ) \s*
        (?: \\?" (?P<double> [^"\\\r\n]+ ) \\?" | ' (?P<single> [^'\r\n]+ ) '
          | (?: \\?["'`] )? (?P<bare> [^\s"'`,;&<>{}\\]+ ) )"#,
    )
});

/// `getPassword()`, `config.password`, `Foo::TOKEN`: code that reads a secret instead of holding it.
static EXPRESSION: LazyLock<Regex> =
    LazyLock::new(|| super::pattern(r"^[A-Za-z_$][\w$]*(?:(?:\.|->|::)[A-Za-z_$][\w$]*)*(?:\(|\[|$)"));

/// `$PASSWORD`, `%PASSWORD%`, `%s`, `:password`, `@password@`, `****`, `...`, `xxxx`: where a secret would stand.
static STAND_IN: LazyLock<Regex> = LazyLock::new(|| {
    super::pattern(
        r"(?i)^(?:\$\w+|\$[({].*|%\w+%|%[sdv]|[:@]\w+@?|#\{.*|[*.x•?_#-]+|\[.*\]|<.*>|/[^=+]*/.*)$",
    )
});

/// Words that are written where a value would stand, but say something about it.
const NO_VALUES: &str = "\
    null nil none true false undefined empty blank yes no unset default string str text varchar char \
    bytes boolean number integer object array any required optional hidden redacted masked removed \
    secret token invalid incorrect wrong missing expired changed reset plain encrypted value example \
    bearer basic new";

/// The least length of a password, and of a token or key.
const MIN_PASSWORD: usize = 3;
const MIN_TOKEN: usize = 8;

pub(super) fn find(text: &str) -> Vec<Range<usize>> {
    let keys = PRIVATE_KEY.find_iter(text).map(|found| found.range());
    let tokens =
        KNOWN_TOKEN.find_iter(text).filter(|found| has_digit(found.as_str())).map(|found| found.range());
    keys.chain(tokens)
        .chain(values(&AUTHORIZATION, text, looks_random))
        .chain(values(&URL_PASSWORD, text, |value| !is_stand_in(value)))
        .chain(values(&COMMAND_LINE, text, |value| !is_stand_in(value)))
        .chain(assigned(text))
        .collect()
}

/// The `value` groups of a pattern that pass a test.
fn values(pattern: &Regex, text: &str, test: fn(&str) -> bool) -> Vec<Range<usize>> {
    pattern
        .captures_iter(text)
        .filter_map(|captures| captures.name("value"))
        .filter(|value| test(value.as_str()))
        .map(|value| value.range())
        .collect()
}

/// The values of assignments that look like a secret and not like a remark about one.
fn assigned(text: &str) -> Vec<Range<usize>> {
    ASSIGNMENT
        .captures_iter(text)
        .filter_map(|captures| {
            let is_password = captures.name("password").is_some();
            if let Some(quoted) = captures.name("double").or(captures.name("single")) {
                let value = quoted.as_str();
                let plausible = if is_password { is_password_value(value) } else { is_token_value(value) };
                return plausible.then(|| quoted.range());
            }
            let bare = captures.name("bare")?;
            // The full stop or bracket after it belongs to the sentence.
            let value = bare.as_str().trim_end_matches(['.', ')', ']', '!', '?', ':', '|', '*']);
            // After a colon comes prose more often than a password: "Password: required".
            let is_prose =
                captures.name("sign").is_some_and(|sign| sign.as_str() == ":") && !has_digit(value);
            let plausible = if is_password {
                is_password_value(value) && !is_prose && !is_call(value)
            } else {
                is_token_value(value) && !is_call(value)
            };
            plausible.then(|| bare.start()..bare.start() + value.len())
        })
        .collect()
}

fn is_password_value(value: &str) -> bool {
    let names_itself = value.to_ascii_lowercase().contains("passw") && !has_digit(value);
    value.chars().count() >= MIN_PASSWORD && !is_stand_in(value) && !names_itself
}

fn is_token_value(value: &str) -> bool {
    value.len() >= MIN_TOKEN
        && !value.contains(' ')
        && !is_stand_in(value)
        && has_digit(value)
        && has_letter(value)
}

/// Whether an unquoted value is code: a call, or a path of two or more names without a digit.
fn is_call(value: &str) -> bool {
    EXPRESSION.find(value).is_some_and(|found| {
        let is_call = found.as_str().ends_with(['(', '[']);
        is_call || (!has_digit(value) && value.contains(['.', ':', '>']))
    })
}

fn is_stand_in(value: &str) -> bool {
    STAND_IN.is_match(value) || NO_VALUES.split(' ').any(|word| word.eq_ignore_ascii_case(value))
}

/// Whether a long run of characters is not a word: "basic internationalization" is no credential.
fn looks_random(value: &str) -> bool {
    let upper_inside = value.bytes().skip(1).any(|byte| byte.is_ascii_uppercase());
    has_digit(value)
        || value.ends_with('=')
        || (upper_inside && value.bytes().any(|byte| byte.is_ascii_lowercase()))
}

fn has_digit(value: &str) -> bool {
    value.bytes().any(|byte| byte.is_ascii_digit())
}

fn has_letter(value: &str) -> bool {
    value.chars().any(char::is_alphabetic)
}
