//! People inside payloads: kept once, in their own row.
//!
//! Jira repeats the whole author, with four avatars, in every comment, worklog and history; that is two thirds of what those
//! payloads weigh. Where such an author is what the user's row holds, the payload names the row instead, and gets the author back
//! when it is read: a rename needs one row, and shows everywhere, as it does at the site. An author that differs from the row is
//! kept as it came.

use std::collections::HashMap;

use application::Result;
use serde::{Serialize, Serializer, ser::SerializeMap};
use serde_json::{Map, Value};
use sqlx::PgConnection;
use uuid::Uuid;

use super::errors::convert;

/// Stands for the payload of the row's author. Jira serves objects there, never texts.
pub(super) const AUTHOR: &str = "$author";
/// The members that may hold the author.
const MEMBERS: [&str; 2] = ["author", "updateAuthor"];

/// The stored payloads of users, by the ids of their rows.
pub(super) struct People(HashMap<Uuid, Value>);

impl People {
    /// Reads those of these users that have a payload.
    pub(super) async fn load(conn: &mut PgConnection, ids: &[Uuid]) -> Result<Self> {
        let rows = sqlx::query!(
            r#"SELECT u.id, u.raw_jsonb AS "raw!" FROM UNNEST($1::uuid[]) AS w (id)
               CROSS JOIN LATERAL (SELECT x.id, x.raw_jsonb FROM users x WHERE x.id = w.id LIMIT 1) u
               WHERE u.raw_jsonb IS NOT NULL"#,
            ids
        )
        .fetch_all(conn)
        .await
        .map_err(convert)?;
        Ok(Self(rows.into_iter().map(|row| (row.id, row.raw)).collect()))
    }

    /// A payload as it is stored: the author of its row by reference.
    pub(super) fn fold<'a>(&'a self, raw: &'a Value, author: Option<Uuid>) -> Folded<'a> {
        Folded { raw, author: author.and_then(|id| self.0.get(&id)), without: None }
    }

    /// Whether the row of a user holds this payload.
    pub(super) fn hold(&self, user: Option<Uuid>, payload: &Value) -> bool {
        user.and_then(|id| self.0.get(&id)) == Some(payload)
    }
}

/// A payload that serialises without what is stored elsewhere.
#[derive(Clone, Copy)]
pub(super) struct Folded<'a> {
    raw: &'a Value,
    author: Option<&'a Value>,
    without: Option<&'static str>,
}

impl Folded<'_> {
    /// Leaves out a member that has a column of its own.
    pub(super) fn without(self, member: &'static str) -> Self {
        Self { without: Some(member), ..self }
    }
}

impl Serialize for Folded<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Value::Object(object) = self.raw else { return self.raw.serialize(serializer) };
        let mut map = serializer.serialize_map(None)?;
        for (name, value) in object.iter().filter(|(name, _)| Some(name.as_str()) != self.without) {
            if MEMBERS.contains(&name.as_str()) && self.author == Some(value) {
                map.serialize_entry(name, AUTHOR)?;
            } else {
                map.serialize_entry(name, value)?;
            }
        }
        map.end()
    }
}

/// The payload as it was served: the opposite of [`People::fold`]. Where the author's row has no payload any more, there is no
/// author.
pub(super) fn unfold(payload: &mut Map<String, Value>, author: Option<&Value>) {
    for member in MEMBERS {
        if payload.get(member).is_some_and(|value| value == AUTHOR) {
            match author {
                Some(author) => drop(payload.insert(member.to_owned(), author.clone())),
                None => drop(payload.remove(member)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn stored(payload: &Value, row: &Value) -> Value {
        let id = Uuid::nil();
        let people = People(HashMap::from([(id, row.clone())]));
        serde_json::to_value(people.fold(payload, Some(id))).unwrap()
    }

    fn read(mut payload: Value, row: Option<&Value>) -> Value {
        unfold(payload.as_object_mut().unwrap(), row);
        payload
    }

    #[test]
    fn an_author_who_is_what_the_row_says_is_kept_there() {
        let ann = json!({"accountId": "a", "displayName": "Ann"});
        let comment = json!({"id": "1", "author": ann, "updateAuthor": ann, "body": {"type": "doc"}});
        let kept = stored(&comment, &ann);
        assert_eq!(
            kept,
            json!({"id": "1", "author": "$author", "updateAuthor": "$author", "body": {"type": "doc"}})
        );
        assert_eq!(read(kept.clone(), Some(&ann)), comment);
        let renamed = json!({"accountId": "a", "displayName": "Ann Lee"});
        assert_eq!(read(kept.clone(), Some(&renamed))["author"], renamed);
        assert_eq!(read(kept, None), json!({"id": "1", "body": {"type": "doc"}}));
    }

    #[test]
    fn another_person_or_another_shape_stays_in_the_payload() {
        let ann = json!({"accountId": "a", "displayName": "Ann"});
        let bob = json!({"accountId": "b", "displayName": "Bob"});
        let edited = json!({"author": ann, "updateAuthor": bob});
        assert_eq!(stored(&edited, &ann), json!({"author": "$author", "updateAuthor": bob}));
        let short = json!({"author": {"accountId": "a"}});
        assert_eq!(stored(&short, &ann), short);
        assert_eq!(read(short.clone(), Some(&ann)), short);
    }

    #[test]
    fn a_column_of_its_own_is_left_out() {
        let people = People(HashMap::new());
        let comment = json!({"id": "1", "body": "text"});
        assert_eq!(
            serde_json::to_value(people.fold(&comment, None).without("body")).unwrap(),
            json!({"id": "1"})
        );
    }
}
