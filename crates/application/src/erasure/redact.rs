//! Taking a person out of Jira's JSON and texts.
//!
//! Only what names the person by an id is replaced, with what stands beside it: user objects, mentions, the two sides of a
//! change, ids inside addresses and queries. Prose that people wrote stays as it is. The same rules hold when a person is erased
//! and when a later sync brings the same payload again, so both come to the same result.

use std::ops::Range;

use serde_json::{Map, Value};

/// What Jira shows of a closed account.
pub const FORMER_USER: &str = "Former user";

/// Ids this long are told from prose by their shape, wherever they stand; shorter ones, as Server has them, only where an id
/// must be.
const TELLING: Range<usize> = 20..181;
/// What is kept of a user object.
const KEPT: [&str; 7] = ["self", "accountId", "key", "name", "accountType", "displayName", "active"];
const IDS: [&str; 3] = ["accountId", "key", "name"];
/// Parameters of Jira's own addresses that hold a user's id.
const PARAMETERS: [&str; 5] = ["accountId=", "username=", "key=", "name=", "ownerId="];
/// The sides of a change: the id, its text, and the account that some changes of Cloud show besides.
const SIDES: [(&str, &str, &str); 2] =
    [("from", "fromString", "tmpFromAccountId"), ("to", "toString", "tmpToAccountId")];

/// Who is to be taken out: the pseudonym of whoever an id belongs to, if that is an erased person.
pub struct Redaction<'a> {
    who: &'a dyn Fn(&str) -> Option<String>,
}

impl<'a> Redaction<'a> {
    /// A redaction of those whom `who` knows. It must not know its own pseudonyms.
    pub fn new(who: &'a dyn Fn(&str) -> Option<String>) -> Self {
        Self { who }
    }

    /// Takes the people out of a value; answers whether there was anything to take out.
    pub fn value(&self, value: &mut Value) -> bool {
        match value {
            Value::String(text) => match self.text(text) {
                Some(without) => {
                    *text = without;
                    true
                }
                None => false,
            },
            Value::Array(items) => items.iter_mut().fold(false, |changed, item| self.value(item) | changed),
            Value::Object(object) => {
                let changed = self.user(object) | self.mention(object) | self.change(object);
                object.values_mut().fold(changed, |changed, value| self.value(value) | changed)
            }
            _ => false,
        }
    }

    /// The text without the people; `None` when it names none of them by an id.
    pub fn text(&self, text: &str) -> Option<String> {
        let mut found = self.telling_ids(text);
        found.extend(self.wiki_mentions(text));
        found.extend(self.parameters(text));
        if found.is_empty() {
            return None;
        }
        found.sort_by_key(|(place, _)| place.start);
        let mut without = String::with_capacity(text.len());
        let mut copied = 0;
        for (place, pseudonym) in found {
            // Two rules may find the same id.
            if place.start >= copied {
                without.push_str(&text[copied..place.start]);
                without.push_str(&pseudonym);
                copied = place.end;
            }
        }
        without.push_str(&text[copied..]);
        Some(without)
    }

    /// The pseudonym of whoever this id belongs to.
    pub fn id(&self, id: &str) -> Option<String> {
        (self.who)(id)
    }

    fn user(&self, object: &mut Map<String, Value>) -> bool {
        let is_person = object.contains_key("displayName");
        let ids: &[&str] = if is_person { &IDS } else { &IDS[..1] };
        let pseudonym = ids.iter().find_map(|id| self.id(object.get(*id)?.as_str()?));
        let Some(pseudonym) = pseudonym else { return false };
        for id in ids {
            if let Some(value) = object.get_mut(*id).filter(|value| value.is_string()) {
                *value = Value::String(pseudonym.clone());
            }
        }
        if is_person {
            object.retain(|name, _| KEPT.contains(&name.as_str()));
            object.insert("displayName".into(), FORMER_USER.into());
            if let Some(active) = object.get_mut("active") {
                *active = Value::Bool(false);
            }
        }
        true
    }

    fn mention(&self, object: &mut Map<String, Value>) -> bool {
        if object.get("type").is_none_or(|kind| kind != "mention") {
            return false;
        }
        let Some(attrs) = object.get_mut("attrs").and_then(Value::as_object_mut) else { return false };
        let Some(pseudonym) = attrs.get("id").and_then(Value::as_str).and_then(|id| self.id(id)) else {
            return false;
        };
        attrs.insert("id".into(), pseudonym.into());
        if let Some(text) = attrs.get_mut("text") {
            *text = format!("@{FORMER_USER}").into();
        }
        true
    }

    fn change(&self, item: &mut Map<String, Value>) -> bool {
        let mut changed = false;
        for (id, text, account) in SIDES {
            if !item.contains_key(text) {
                continue;
            }
            let of = |item: &Map<String, Value>, name: &str| item.get(name)?.as_str().map(str::to_owned);
            let (ids, names) = (of(item, id).unwrap_or_default(), of(item, text).unwrap_or_default());
            let replaced = match (self.id(&ids), of(item, account).and_then(|account| self.id(&account))) {
                (Some(pseudonym), _) => Some((pseudonym, FORMER_USER.to_owned())),
                // The id stands in a member of its own; that one is replaced below, with the rest.
                (None, Some(pseudonym)) => {
                    item.insert(account.into(), pseudonym.into());
                    Some((ids, FORMER_USER.to_owned()))
                }
                (None, None) => self.several(&ids, &names),
            };
            if let Some((ids, names)) = replaced {
                if item.get(id).is_some_and(Value::is_string) {
                    item.insert(id.into(), ids.into());
                }
                item.insert(text.into(), names.into());
                changed = true;
            }
        }
        changed
    }

    /// Fields with several people: ids and names, separated by commas. Where they cannot be matched one by one, no name is left.
    fn several(&self, ids: &str, names: &str) -> Option<(String, String)> {
        let inner = |list: &str| list.trim().trim_start_matches('[').trim_end_matches(']').to_owned();
        let (inner_ids, inner_names) = (inner(ids), inner(names));
        let ids: Vec<&str> = inner_ids.split(',').map(str::trim).collect();
        let mut names: Vec<&str> = inner_names.split(',').map(str::trim).collect();
        let pseudonyms: Vec<Option<String>> = ids.iter().map(|id| self.id(id)).collect();
        if ids.len() < 2 || pseudonyms.iter().all(Option::is_none) {
            return None;
        }
        if names.len() == ids.len() {
            for (name, pseudonym) in names.iter_mut().zip(&pseudonyms) {
                if pseudonym.is_some() {
                    *name = FORMER_USER;
                }
            }
        } else {
            names = vec![FORMER_USER];
        }
        let ids: Vec<&str> =
            ids.iter().zip(&pseudonyms).map(|(id, pseudonym)| pseudonym.as_deref().unwrap_or(id)).collect();
        Some((ids.join(", "), names.join(", ")))
    }

    /// Ids that are told by their shape: alone, in an address (also as `%3A`), or after `accountid:`.
    fn telling_ids(&self, text: &str) -> Vec<(Range<usize>, String)> {
        if text.len() < TELLING.start {
            return Vec::new();
        }
        runs(text)
            .filter(|run| TELLING.contains(&run.len()))
            .filter_map(|run| {
                let whole = &text[run.clone()];
                if let Some(pseudonym) = self.id(&decoded(whole)) {
                    return Some((run, pseudonym));
                }
                let (before, after) = whole.split_once(':')?;
                self.id(&decoded(after)).map(|pseudonym| (run.start + before.len() + 1..run.end, pseudonym))
            })
            .collect()
    }

    /// `[~ann]` and `[~accountid:…]`.
    fn wiki_mentions(&self, text: &str) -> Vec<(Range<usize>, String)> {
        let starts = text.match_indices("[~").map(|(at, mark)| at + mark.len());
        starts
            .filter_map(|start| {
                let name = text[start..].split([']', '\n']).next()?;
                let id = name.strip_prefix("accountid:").unwrap_or(name);
                let start = start + name.len() - id.len();
                self.id(id).map(|pseudonym| (start..start + id.len(), pseudonym))
            })
            .collect()
    }

    /// `…/user?username=ann`.
    fn parameters(&self, text: &str) -> Vec<(Range<usize>, String)> {
        if !text.contains("://") {
            return Vec::new();
        }
        let places = PARAMETERS.iter().flat_map(|name| text.match_indices(name));
        places
            .filter(|(at, _)| text[..*at].ends_with(['?', '&']))
            .filter_map(|(at, name)| {
                let start = at + name.len();
                let value = text[start..].split(['&', '#', ' ', '"', '|', ']', ')']).next()?;
                self.id(&decoded(value)).map(|pseudonym| (start..start + value.len(), pseudonym))
            })
            .collect()
    }
}

/// The longest stretches of what account ids are made of.
fn runs(text: &str) -> impl Iterator<Item = Range<usize>> + '_ {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b':' | b'-' | b'_' | b'%');
    let bytes = text.as_bytes();
    let mut at = 0;
    std::iter::from_fn(move || {
        while at < bytes.len() && !is_part(bytes[at]) {
            at += 1;
        }
        let start = at;
        while at < bytes.len() && is_part(bytes[at]) {
            at += 1;
        }
        (at > start).then_some(start..at)
    })
}

/// Without percent-encoding; as it is when that is none.
pub(crate) fn decoded(text: &str) -> String {
    if !text.contains('%') {
        return text.to_owned();
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let digits =
            |pair: &[u8]| std::str::from_utf8(pair).ok().and_then(|pair| u8::from_str_radix(pair, 16).ok());
        match (first, after.get(..2).and_then(digits)) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            _ => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8(bytes).unwrap_or_else(|_| text.to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ANN: &str = "557058:0f6b3f4c-8c7c-4b8e-9e36-6f3f5a0e8d11";

    fn who(id: &str) -> Option<String> {
        [ANN, "ann", "JIRAUSER10100"].contains(&id).then(|| "former-user-1".to_owned())
    }

    fn redacted(mut value: Value) -> Value {
        let redaction = Redaction::new(&who);
        assert!(redaction.value(&mut value), "{value}");
        assert!(!redaction.value(&mut value.clone()), "a second time there is nothing to do: {value}");
        value
    }

    fn untouched(value: Value) {
        let mut after = value.clone();
        assert!(!Redaction::new(&who).value(&mut after), "{after}");
        assert_eq!(after, value);
    }

    #[test]
    fn a_user_keeps_nothing_but_the_shape() {
        let user = json!({
            "self": format!("https://x.example/rest/api/3/user?accountId={}", ANN.replace(':', "%3A")),
            "accountId": ANN, "accountType": "atlassian", "displayName": "Ann Lee", "active": true,
            "timeZone": "Europe/Berlin", "avatarUrls": {"48x48": "https://a.example/1.png"}, "locale": "de_DE",
        });
        assert_eq!(
            redacted(json!({"fields": {"assignee": user}}))["fields"]["assignee"],
            json!({
                "self": "https://x.example/rest/api/3/user?accountId=former-user-1",
                "accountId": "former-user-1", "accountType": "atlassian", "displayName": "Former user", "active": false,
            })
        );
        let server = json!({"self": "https://x.example/rest/api/2/user?username=ann", "name": "ann",
                            "key": "JIRAUSER10100", "displayName": "Ann Lee"});
        assert_eq!(
            redacted(server),
            json!({"self": "https://x.example/rest/api/2/user?username=former-user-1", "name": "former-user-1",
                   "key": "former-user-1", "displayName": "Former user"})
        );
    }

    #[test]
    fn others_and_prose_stay() {
        untouched(json!({"accountId": "someone-else", "displayName": "Ann Lee"}));
        untouched(json!({"key": "ann", "name": "ann"}));
        untouched(json!("ann said that Ann Lee knows ann"));
        untouched(json!({"field": "labels", "from": null, "fromString": "ann", "to": null, "toString": "x"}));
        untouched(json!("https://x.example/browse?filter=ann"));
    }

    #[test]
    fn a_mention_loses_its_name() {
        let node = json!({"type": "mention", "attrs": {"id": ANN, "text": "@Ann Lee", "accessLevel": ""}});
        assert_eq!(
            redacted(node),
            json!({"type": "mention", "attrs": {"id": "former-user-1", "text": "@Former user", "accessLevel": ""}})
        );
        assert_eq!(
            redacted(json!(format!("[~accountid:{ANN}] and [~ann], not [~anna]: thanks"))),
            "[~accountid:former-user-1] and [~former-user-1], not [~anna]: thanks"
        );
    }

    #[test]
    fn both_sides_of_a_change_are_looked_at_and_each_of_several_people() {
        assert_eq!(
            redacted(
                json!({"field": "assignee", "from": "ann", "fromString": "Ann Lee", "to": "bob", "toString": "Bob"})
            ),
            json!({"field": "assignee", "from": "former-user-1", "fromString": "Former user", "to": "bob", "toString": "Bob"})
        );
        assert_eq!(
            redacted(
                json!({"field": "Reviewers", "from": "[bob, ann]", "fromString": "[Bob, Ann Lee]", "to": null,
                            "toString": null})
            ),
            json!({"field": "Reviewers", "from": "bob, former-user-1", "fromString": "Bob, Former user", "to": null,
                   "toString": null})
        );
        let lost =
            redacted(json!({"from": null, "fromString": null, "to": "ann,bob", "toString": "Lee, Ann, Bob"}));
        assert_eq!(lost["toString"], "Former user");
        let besides = json!({"from": null, "fromString": null, "to": "x", "toString": "Ann Lee", "tmpToAccountId": ANN});
        assert_eq!(redacted(besides)["toString"], "Former user");
    }

    #[test]
    fn a_telling_id_is_found_wherever_it_stands() {
        for (text, without) in [
            (format!("assignee = {ANN} ORDER BY key"), "assignee = former-user-1 ORDER BY key"),
            (
                format!("https://x.example/jira/people/{ANN}?x=1"),
                "https://x.example/jira/people/former-user-1?x=1",
            ),
            (format!("ari:cloud:identity::user/{ANN}"), "ari:cloud:identity::user/former-user-1"),
            (ANN.to_owned(), "former-user-1"),
        ] {
            assert_eq!(redacted(json!(text)), without);
        }
        assert_eq!(
            redacted(json!({"customfield_1": [ANN, "x"]})),
            json!({"customfield_1": ["former-user-1", "x"]})
        );
    }

    #[test]
    fn percent_encoding_is_undone_and_nonsense_left() {
        assert_eq!(decoded("557058%3Aab%20"), "557058:ab ");
        assert_eq!(decoded("100%"), "100%");
        assert_eq!(decoded("%zz%4"), "%zz%4");
    }
}
