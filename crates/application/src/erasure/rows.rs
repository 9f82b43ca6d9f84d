//! Taking a person out of a stored row.

use domain::ids::{EntityKind, InstanceId};
use serde_json::Value;

use super::{ColumnKind, FORMER_USER, Redaction, Rewrite, Row, TenantTable};
use crate::{
    ingest,
    issues::{IN_COLUMNS, ITEM_COLUMNS, item_from_columns},
};

/// Columns that hold an id of a person, or of something else, and nothing besides.
const ID_COLUMNS: [&str; 4] = ["account_id", "value_id", "from_value", "to_value"];

/// Whom to take out, and what to put there.
pub(super) struct Person {
    /// Account id, user key and user name, lower-case.
    pub(super) ids: Vec<String>,
    /// The same with only their ASCII letters lower-case, as the database finds them.
    pub(super) written: Vec<String>,
    /// The ids of their row in `users`.
    pub(super) user_ids: Vec<String>,
    pub(super) display_name: Option<String>,
    pub(super) email_hash: Option<String>,
    pub(super) pseudonym: String,
    pub(super) pseudonym_user_id: String,
}

impl Person {
    /// The same person, with what is put in their place at an instance.
    pub(super) fn called(self, instance: InstanceId, pseudonym: String) -> Self {
        let pseudonym_user_id = instance.derive(EntityKind::User, &pseudonym).to_string();
        Self { pseudonym, pseudonym_user_id, ..self }
    }

    /// What a row that names the person holds at least one of, lower-case and as it is written in JSON.
    pub(super) fn texts(&self) -> Vec<String> {
        let in_json = |text: &str| {
            let quoted = Value::from(text).to_string();
            quoted[1..quoted.len() - 1].to_owned()
        };
        let ids = self.ids.iter().chain(&self.written);
        let encoded = ids.clone().map(|id| id.replace(':', "%3a").replace('@', "%40"));
        let mut texts: Vec<String> = ids.cloned().chain(encoded).map(|id| in_json(&id)).collect();
        texts.extend(self.user_ids.iter().cloned());
        texts.extend(self.email_hash.clone());
        texts.sort();
        texts.dedup();
        texts
    }

    fn is(&self, id: &str) -> bool {
        let id = id.trim().to_lowercase();
        self.ids.contains(&id)
    }

    /// The row without the person; `None` when they are not in it after all.
    pub(super) fn rewrite(&self, table: &TenantTable, before: Row) -> Option<Rewrite> {
        if table.name == "idempotency_keys" {
            return without_answer(before);
        }
        let before = with_item(table, before);
        let who = |id: &str| self.is(id).then(|| self.pseudonym.clone());
        let redaction = Redaction::new(&who);
        let mut after = before.clone();
        for column in &table.columns {
            let Some(value) = after.get_mut(&column.name) else { continue };
            match column.kind {
                ColumnKind::Json => {
                    redaction.value(value);
                }
                ColumnKind::Uuid | ColumnKind::List => self.replace_ids(value, &redaction),
                ColumnKind::Text => self.replace_text(&column.name, value, &redaction),
                ColumnKind::SourceHash | ColumnKind::Other => {}
            }
        }
        if after == before {
            return None;
        }
        self.replace_names(table, &mut after);
        derive(&table.name, &before, &mut after);
        forget_source_hash(table, &mut after);
        if table.name == "users" {
            after.insert("email_hash".into(), Value::Null);
            after.insert("time_zone".into(), Value::Null);
            after.insert("active".into(), Value::Bool(false));
        }
        Some(Rewrite { before, after })
    }

    fn replace_ids(&self, value: &mut Value, redaction: &Redaction<'_>) {
        match value {
            Value::Array(items) => items.iter_mut().for_each(|item| self.replace_ids(item, redaction)),
            Value::String(text) if self.user_ids.contains(text) => text.clone_from(&self.pseudonym_user_id),
            Value::String(text) => {
                if let Some(without) = redaction.text(text) {
                    *text = without;
                }
            }
            _ => {}
        }
    }

    fn replace_text(&self, column: &str, value: &mut Value, redaction: &Redaction<'_>) {
        let Value::String(text) = value else { return };
        let holds_id = ID_COLUMNS.contains(&column) || column.ends_with("_account_id");
        if holds_id && self.is(text) {
            text.clone_from(&self.pseudonym);
        } else if self.user_ids.contains(text) {
            text.clone_from(&self.pseudonym_user_id);
        } else if self.email_hash.as_ref() == Some(text) {
            *value = Value::Null;
        } else if let Some(without) = redaction.text(text) {
            *text = without;
        }
    }

    /// The name, where it is all of a text in a row that named the person.
    fn replace_names(&self, table: &TenantTable, row: &mut Row) {
        let Some(name) = self.display_name.as_deref().filter(|name| !name.is_empty()) else { return };
        for column in table.columns.iter().filter(|column| column.kind == ColumnKind::Text) {
            if let Some(Value::String(text)) = row.get_mut(&column.name) {
                if text == name {
                    FORMER_USER.clone_into(text);
                } else if *text == name.to_lowercase() {
                    *text = FORMER_USER.to_lowercase();
                }
            }
        }
    }
}

/// An answer is kept as it was sent, as one text, in which only some ids could be told from other words. So it goes as a whole; the
/// key stays, because what was done under it must not be done again.
fn without_answer(before: Row) -> Option<Rewrite> {
    let mut after = before.clone();
    let body = after.get_mut("response")?.get_mut("body")?;
    if body.take().is_null() {
        return None;
    }
    Some(Rewrite { before, after })
}

/// A change with its payload, which its columns may stand for: what is left of it may be more than these can hold.
fn with_item(table: &TenantTable, mut row: Row) -> Row {
    if table.name == "changelogs" && row.get("raw_jsonb") == Some(&IN_COLUMNS) {
        let column = |name: &str| row.get(name).and_then(Value::as_str).map(str::to_owned);
        let item = item_from_columns(ITEM_COLUMNS.map(column));
        row.insert("raw_jsonb".into(), item);
    }
    row
}

/// Columns that are made from another one when a row is stored: made from what is left of it.
fn derive(table: &str, before: &Row, after: &mut Row) {
    let text = |value: &Value| match value.is_null() {
        true => Value::Null,
        false => adf::text_of(value).into(),
    };
    let changed = |after: &Row, column: &str| before.get(column) != after.get(column);
    match table {
        "issues" if changed(after, "raw_jsonb") => {
            let description = text(&after["raw_jsonb"]["fields"]["description"]);
            after.insert("description_text".into(), description);
        }
        "comments" if changed(after, "body_adf") => {
            let body = text(&after["body_adf"]);
            after.insert("body_text".into(), if body.is_null() { "".into() } else { body });
        }
        "changelogs" if changed(after, "raw_jsonb") => {
            let item = after["raw_jsonb"].clone();
            for (column, member) in [
                ("from_value", "from"),
                ("to_value", "to"),
                ("from_string", "fromString"),
                ("to_string", "toString"),
            ] {
                after.insert(column.into(), ingest::text_of(&item[member]).into());
            }
        }
        _ => {}
    }
}

/// The hash is of what the source served, the person included. Without it, the next look at the source writes the row anew.
fn forget_source_hash(table: &TenantTable, row: &mut Row) {
    for column in table.columns.iter().filter(|column| column.kind == ColumnKind::SourceHash) {
        row.insert(column.name.clone(), "\\x".into());
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_kept_answer_goes_as_a_whole_and_its_key_stays() {
        let row = |body: Value| -> Row {
            let response = json!({ "status": 201, "location": "/v1/x", "body": body });
            serde_json::from_value(json!({ "key": "k", "status": 201, "response": response })).unwrap()
        };
        let body = r#"{"author":{"name":"ann","displayName":"Ann Lee"}}"#;
        let rewrite = without_answer(row(json!(body))).unwrap();
        assert_eq!((rewrite.before, rewrite.after), (row(json!(body)), row(Value::Null)));
        assert!(without_answer(row(Value::Null)).is_none(), "a second time there is nothing to do");
        assert!(
            without_answer(serde_json::from_value(json!({ "key": "k", "response": null })).unwrap())
                .is_none()
        );
    }
}
