//! JSON as text: what is only stored is not kept as a tree, which takes several times the memory and is walked again to be sent.

use std::{fmt, sync::Arc};

use serde::{Serialize, Serializer};
use serde_json::{Map, Value, value::RawValue};

/// A payload as the text that is stored. Members of objects are in the order that [`Value`] has them in, so that payloads made from
/// equal values are equal.
#[derive(Clone)]
pub struct Payload(Box<RawValue>);

impl Payload {
    /// The text of a value.
    ///
    /// # Errors
    /// When it has no text; a [`Value`] always has one.
    pub fn of(value: &impl Serialize) -> serde_json::Result<Self> {
        serde_json::value::to_raw_value(value).map(Self)
    }

    /// The text.
    pub fn text(&self) -> &str {
        self.0.get()
    }

    /// The payload taken apart, for those few who look inside.
    ///
    /// # Errors
    /// When it is nested more deeply than a parser follows, which nothing that was ever parsed is.
    pub fn value(&self) -> serde_json::Result<Value> {
        serde_json::from_str(self.text())
    }
}

impl PartialEq for Payload {
    fn eq(&self, other: &Self) -> bool {
        self.text() == other.text()
    }
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl Serialize for Payload {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

/// The member that holds who wrote a comment, a worklog or a history.
pub const AUTHOR: &str = "author";
/// The member that holds who changed a comment or a worklog last.
pub const UPDATE_AUTHOR: &str = "updateAuthor";

/// The payload of a comment, a worklog or a history, but for what is kept elsewhere: the people in it, whom hundreds of payloads share.
#[derive(Clone, Debug, PartialEq)]
pub struct Head {
    /// An object.
    rest: Payload,
    author: Option<Arc<Value>>,
    update_author: Option<Arc<Value>>,
}

impl Head {
    /// Takes the people out of a payload; `shared` answers the one copy of each. What is no object there stays where it is.
    ///
    /// # Errors
    /// As [`Payload::of`].
    pub fn of(
        mut payload: Map<String, Value>,
        mut shared: impl FnMut(Value) -> Arc<Value>,
    ) -> serde_json::Result<Self> {
        let mut person = |member: &str| match payload.get(member) {
            Some(Value::Object(_)) => payload.remove(member).map(&mut shared),
            _ => None,
        };
        let (author, update_author) = (person(AUTHOR), person(UPDATE_AUTHOR));
        Ok(Self { rest: Payload::of(&payload)?, author, update_author })
    }

    /// The members that are no people: the text of an object.
    pub fn rest(&self) -> &str {
        self.rest.text()
    }

    /// The people, by the members that hold them.
    pub fn people(&self) -> impl Iterator<Item = (&'static str, &Arc<Value>)> {
        let people = [(AUTHOR, &self.author), (UPDATE_AUTHOR, &self.update_author)];
        people.into_iter().filter_map(|(member, person)| Some((member, person.as_ref()?)))
    }

    /// All of it again.
    ///
    /// # Errors
    /// As [`Payload::value`].
    pub fn value(&self) -> serde_json::Result<Value> {
        let mut payload: Map<String, Value> = serde_json::from_str(self.rest())?;
        payload.extend(self.people().map(|(member, person)| (member.to_owned(), Value::clone(person))));
        Ok(Value::Object(payload))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn equal_values_have_equal_payloads_which_hold_all_of_them() {
        let one: Value = serde_json::from_str(r#"{"b": [1.50, "\u00e4\n"], "a": null}"#).unwrap();
        let other: Value = serde_json::from_str(r#"{"a":null,"b":[1.5,"ä\n"]}"#).unwrap();
        let payload = Payload::of(&one).unwrap();
        assert_eq!(payload, Payload::of(&other).unwrap());
        assert_eq!(payload.value().unwrap(), one);
        assert_eq!(serde_json::to_string(&[&payload]).unwrap(), format!("[{}]", payload.text()));
    }

    #[test]
    fn people_are_beside_the_rest_of_a_head_and_back_in_the_whole() {
        let ann = json!({"accountId": "a", "displayName": "Ann"});
        let comment = json!({"id": "1", "author": ann, "updateAuthor": null});
        let head = Head::of(comment.as_object().unwrap().clone(), Arc::new).unwrap();
        assert_eq!(head.rest(), r#"{"id":"1","updateAuthor":null}"#);
        assert_eq!(
            head.people().map(|(member, person)| (member, &**person)).collect::<Vec<_>>(),
            [("author", &ann)]
        );
        assert_eq!(head.value().unwrap(), comment);
    }
}
