//! People inside payloads: kept once, in their own row.
//!
//! Jira repeats the whole author, with four avatars, in every comment, worklog and history; that is two thirds of what those
//! payloads weigh. Where such an author is what the user's row holds, the payload names the row instead, and gets the author back
//! when it is read: a rename needs one row, and shows everywhere, as it does at the site. An author that differs from the row is
//! kept as it came.

use std::{collections::HashMap, sync::Arc};

use application::{
    Result,
    ingest::{Present, accounts_shown},
    issues::Head,
};
use domain::ids::{EntityKind, InstanceId};
use serde_json::{Map, Value};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{errors::convert, json_text::JsonText};

/// Stands for the payload of the row's author. Jira serves objects there, never texts.
pub(super) const AUTHOR: &str = "$author";
/// The members that may hold the author.
const MEMBERS: [&str; 2] = [application::issues::AUTHOR, application::issues::UPDATE_AUTHOR];

/// The stored payloads of users, by the ids of their rows, for the payloads of a page.
pub(super) struct People<'p>(HashMap<Uuid, Person<'p>>);

struct Person<'p> {
    payload: Value,
    /// The copies that were compared with it: a page has one or two of each person, and shows them hundreds of times.
    compared: Vec<(&'p Arc<Value>, bool)>,
}

impl<'p> People<'p> {
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
        Ok(Self::of(rows.into_iter().map(|row| (row.id, row.raw))))
    }

    fn of(rows: impl IntoIterator<Item = (Uuid, Value)>) -> Self {
        let people = rows.into_iter().map(|(id, payload)| (id, Person { payload, compared: Vec::new() }));
        Self(people.collect())
    }

    /// A payload as it is stored: the author of its row by reference.
    pub(super) fn fold(&mut self, head: &'p Head, author: Option<Uuid>) -> JsonText<'p> {
        let mut people = head.people().peekable();
        if people.peek().is_none() {
            return head.rest().into();
        }
        let rest = head.rest();
        let mut text = rest.strip_suffix('}').unwrap_or(rest).to_owned();
        for (member, person) in people {
            let separator = if text.len() > 1 { "," } else { "" };
            let shown = match self.hold(author, person) {
                true => format!("\"{AUTHOR}\""),
                false => person.to_string(),
            };
            text.extend([separator, "\"", member, "\":", &shown]);
        }
        text.push('}');
        text.into()
    }

    /// Whether the row of a user holds this payload.
    pub(super) fn hold(&mut self, user: Option<Uuid>, payload: &'p Arc<Value>) -> bool {
        let Some(person) = user.and_then(|id| self.0.get_mut(&id)) else { return false };
        if let Some((_, held)) = person.compared.iter().find(|(known, _)| Arc::ptr_eq(known, payload)) {
            return *held;
        }
        let held = person.payload == **payload;
        person.compared.push((payload, held));
        held
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

/// Whoever documents of a site show beside what they are about, a lead or an owner, is shown as they are now: somebody who is renamed
/// changes no document of what is theirs.
pub(super) async fn with_people_as_they_are(
    conn: &mut PgConnection,
    instance: InstanceId,
    mut documents: Vec<Value>,
) -> Result<Vec<Value>> {
    let accounts = accounts_shown(&documents);
    if accounts.is_empty() {
        return Ok(documents);
    }
    let rows: Vec<Uuid> = accounts.iter().map(|account| instance.derive(EntityKind::User, account)).collect();
    let people = sqlx::query_scalar!(
        r#"SELECT raw_jsonb AS "raw!" FROM users WHERE id = ANY($1) AND raw_jsonb IS NOT NULL"#,
        &rows,
    );
    let mut present = Present::default();
    let people = people.fetch_all(conn).await.map_err(convert)?;
    people.into_iter().for_each(|person| present.add_person(person));
    documents.iter_mut().for_each(|document| present.show_in(document));
    Ok(documents)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn head(payload: &Value) -> Head {
        Head::of(payload.as_object().unwrap().clone(), Arc::new).unwrap()
    }

    fn stored(payload: &Value, row: &Value) -> Value {
        let (id, head) = (Uuid::nil(), head(payload));
        let mut people = People::of([(id, row.clone())]);
        let first = people.fold(&head, Some(id));
        assert_eq!(people.fold(&head, Some(id)), first, "what was compared once stays so");
        serde_json::from_str(&first.0).unwrap()
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
    fn nothing_but_people_and_nothing_of_them_are_payloads_too() {
        let ann = json!({"accountId": "a", "tags": {"of": {}}});
        assert_eq!(stored(&json!({"author": ann}), &ann), json!({"author": "$author"}));
        for payload in [
            json!({}),
            json!({"id": "1", "nested": {"in": {}}}),
            json!({"nested": {"in": {}}, "author": ann}),
        ] {
            assert_eq!(stored(&payload, &json!({})), payload);
        }
    }
}
