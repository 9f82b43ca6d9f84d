//! E-mail addresses on the way in: taken out wherever Jira puts one of an account's, kept only as keyed hashes.
//!
//! Jira serves an account's address as `emailAddress`, and on Server often as the user's very name, so that it turns up in
//! mentions and changes as well; and an avatar at Gravatar holds the MD5 of the address, which anybody can guess back. What
//! people wrote as prose is theirs and stays.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// Gravatar's own stand-in for an address.
const NO_AVATAR: &str = "00000000000000000000000000000000";
const GRAVATAR: &str = "gravatar.com/avatar/";
const NAMES: [&str; 5] = ["accountId", "key", "name", "displayName", "publicName"];

/// Told of objects.
type Tell<'a> = dyn FnMut(&Map<String, Value>) + 'a;

/// Takes addresses out of a payload.
pub(super) struct Addresses<'a> {
    /// What stands in the place of an address that names somebody.
    stand_in: &'a dyn Fn(&str) -> String,
    /// Told of every object that has a `displayName`, once nothing more is taken out of it.
    tell: Option<&'a mut Tell<'a>>,
    /// The addresses met, by the id of their account.
    pub(super) of_accounts: BTreeMap<String, String>,
}

/// What an object has of that by which those with addresses are told from others.
#[derive(Default)]
struct Telling {
    address: bool,
    account: bool,
    display_name: bool,
    kind: bool,
    side: bool,
}

impl Telling {
    fn of(object: &Map<String, Value>) -> Self {
        let mut telling = Self::default();
        for name in object.keys() {
            match name.as_str() {
                "emailAddress" => telling.address = true,
                "accountId" => telling.account = true,
                "displayName" => telling.display_name = true,
                "type" => telling.kind = true,
                "fromString" | "toString" => telling.side = true,
                _ => {}
            }
        }
        telling
    }
}

/// Whether the whole text is an e-mail address.
pub fn is_address(text: &str) -> bool {
    let plain = |part: &str| !part.is_empty() && !part.contains(['/', ':', '@', '[', ']', ','].as_slice());
    text.len() <= 254
        && !text.contains(char::is_whitespace)
        && text.split_once('@').is_some_and(|(local, domain)| {
            plain(local)
                && plain(domain)
                && domain.contains('.')
                && !domain.starts_with('.')
                && !domain.ends_with('.')
        })
}

impl<'a> Addresses<'a> {
    pub(super) fn new(stand_in: &'a dyn Fn(&str) -> String) -> Self {
        Self { stand_in, tell: None, of_accounts: BTreeMap::new() }
    }

    /// Tells of those objects that may show a user, innermost first.
    pub(super) fn telling(self, tell: &'a mut Tell<'a>) -> Self {
        Self { tell: Some(tell), ..self }
    }

    /// Takes them out, and replaces NUL, which PostgreSQL cannot store.
    pub(super) fn take_out(&mut self, value: &mut Value) {
        match value {
            Value::Array(items) => items.iter_mut().for_each(|item| self.take_out(item)),
            Value::Object(object) => {
                let telling = Telling::of(object);
                if telling.address || telling.account || telling.display_name {
                    self.user(object);
                }
                if telling.kind {
                    self.mention(object);
                }
                if telling.side {
                    self.change(object);
                }
                object.values_mut().for_each(|value| self.take_out(value));
                if telling.display_name
                    && let Some(tell) = &mut self.tell
                {
                    tell(object);
                }
            }
            Value::String(text) => {
                if text.contains('\0') {
                    *text = text.replace('\0', "\u{fffd}");
                }
                if text.contains("[~") {
                    *text = self.wiki_mentions(text);
                }
            }
            _ => {}
        }
    }

    fn user(&mut self, object: &mut Map<String, Value>) {
        let mut address = object.remove("emailAddress").and_then(|address| match address {
            Value::String(address) if address.contains('@') => Some(address),
            _ => None,
        });
        if !object.contains_key("displayName") && !object.contains_key("accountId") {
            return;
        }
        for name in NAMES {
            let Some(Value::String(text)) = object.get_mut(name) else { continue };
            if is_address(text) {
                let stand_in = (self.stand_in)(text);
                let found = std::mem::replace(text, stand_in.clone());
                if let Some(Value::String(link)) = object.get_mut("self") {
                    *link = link.replace(&found.replace('@', "%40"), &stand_in).replace(&found, &stand_in);
                }
                address.get_or_insert(found);
            }
        }
        if let Some(avatars) = object.get_mut("avatarUrls").and_then(Value::as_object_mut) {
            avatars.values_mut().for_each(without_gravatar);
        }
        let id = super::clean::user_id(object);
        if let (Some(id), Some(address)) = (id, address) {
            self.of_accounts.entry(id).or_insert(address);
        }
    }

    fn mention(&self, object: &mut Map<String, Value>) {
        if object.get("type").is_none_or(|kind| kind != "mention") {
            return;
        }
        let Some(attrs) = object.get_mut("attrs").and_then(Value::as_object_mut) else { return };
        if let Some(Value::String(id)) = attrs.get_mut("id").filter(|id| id.as_str().is_some_and(is_address))
        {
            *id = (self.stand_in)(id);
        }
        if let Some(Value::String(text)) = attrs.get_mut("text") {
            let name = text.trim_start_matches('@');
            if is_address(name) {
                *text = format!("@{}", (self.stand_in)(name));
            }
        }
    }

    /// A side of a change that has an id names something; one without is what people wrote.
    fn change(&self, item: &mut Map<String, Value>) {
        for (id, text) in [("from", "fromString"), ("to", "toString")] {
            if !item.contains_key(text) || !item.get(id).is_some_and(Value::is_string) {
                continue;
            }
            for name in [id, text] {
                if let Some(Value::String(value)) = item.get_mut(name)
                    && is_address(value)
                {
                    *value = (self.stand_in)(value);
                }
            }
        }
    }

    /// `[~ann@example.com]`.
    fn wiki_mentions(&self, text: &str) -> String {
        let mut parts = text.split("[~");
        let mut without = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            without.push_str("[~");
            match part.split_once(']') {
                Some((name, rest)) if is_address(name) => {
                    without.push_str(&(self.stand_in)(name));
                    without.push(']');
                    without.push_str(rest);
                }
                _ => without.push_str(part),
            }
        }
        without
    }
}

fn without_gravatar(avatar: &mut Value) {
    let Value::String(link) = avatar else { return };
    let Some(at) = link.find(GRAVATAR) else { return };
    let start = at + GRAVATAR.len();
    let length = link[start..].bytes().take_while(u8::is_ascii_hexdigit).count();
    if length >= NO_AVATAR.len() {
        link.replace_range(start..start + length, NO_AVATAR);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn without(mut value: Value) -> Value {
        let stand_in = |address: &str| format!("address-{}", address.len());
        Addresses::new(&stand_in).take_out(&mut value);
        value
    }

    #[test]
    fn an_address_that_is_a_name_is_replaced_wherever_it_names_somebody() {
        let user = json!({
            "self": "https://x.example/rest/api/2/user?username=ann%40x.org", "name": "ann@x.org", "key": "ann@x.org",
            "displayName": "ann@x.org", "emailAddress": "ann@x.org",
            "avatarUrls": {"48x48": "https://www.gravatar.com/avatar/0bc83cb571cd1c50ba6f3e8a78ef1346?d=mm&s=48",
                           "16x16": "https://x.example/avatar.png"},
        });
        assert_eq!(
            without(user),
            json!({
                "self": "https://x.example/rest/api/2/user?username=address-9", "name": "address-9", "key": "address-9",
                "displayName": "address-9",
                "avatarUrls": {"48x48": "https://www.gravatar.com/avatar/00000000000000000000000000000000?d=mm&s=48",
                               "16x16": "https://x.example/avatar.png"},
            })
        );
        assert_eq!(
            without(
                json!({"field": "assignee", "from": "ann@x.org", "fromString": "Ann", "to": "b", "toString": "b@x.org"})
            ),
            json!({"field": "assignee", "from": "address-9", "fromString": "Ann", "to": "b", "toString": "address-7"})
        );
        assert_eq!(
            without(json!({"type": "mention", "attrs": {"id": "a@x.org", "text": "@a@x.org"}})),
            json!({"type": "mention", "attrs": {"id": "address-7", "text": "@address-7"}})
        );
        assert_eq!(without(json!("[~ann@x.org], see [~bob]")), "[~address-9], see [~bob]");
    }

    #[test]
    fn prose_stays_as_people_wrote_it() {
        for text in [
            json!("write to ann@x.org"),
            json!({"summary": "ann@x.org"}),
            json!({"field": "Contact", "from": null, "fromString": "ann@x.org", "to": null, "toString": ""}),
            json!({"name": "ann@x.org", "key": "LIST"}),
            json!({"type": "text", "text": "[~nobody"}),
        ] {
            assert_eq!(without(text.clone()), text);
        }
    }

    #[test]
    fn what_an_address_is() {
        for address in ["ann@x.org", "a.b+c@sub.x.org", "ü@müller.de"] {
            assert!(is_address(address), "{address}");
        }
        for text in [
            "",
            "ann",
            "@ann",
            "ann@",
            "ann@host",
            "a b@x.org",
            "https://a@x.org",
            "a@x.org, b@x.org",
            "a@b@c.d",
        ] {
            assert!(!is_address(text), "{text}");
        }
    }
}
