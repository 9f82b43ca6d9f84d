//! Values of `WAS` and `CHANGED` that no roster has: histories may remember them.
//!
//! Jira refuses a value that neither is nor was, so that a typing error finds neither nothing nor, with `WAS NOT`, everything.

use application::Result;
use jql::{Clause, HistoryOp, HistoryPredicate, Operand, Predicate, Query};
use uuid::Uuid;

use super::{
    fields::{self, Field, Fields},
    history::name_in_histories,
    names::{Names, roster_of, text_of},
    refusals,
};
use crate::postgres::{errors::convert, transaction::PgTenantTx};

/// Refuses a value that neither a roster nor any history knows.
///
/// # Errors
/// With the first one, in the order of the query.
pub(super) async fn check(
    tx: &mut PgTenantTx,
    instance: Option<Uuid>,
    query: &Query,
    fields: &Fields,
    names: &Names,
) -> Result<()> {
    for term in query.filter.iter().flat_map(Clause::terms) {
        let Some(field) = fields.get(&term.field) else { continue };
        let Some(history) = name_in_histories(field) else { continue };
        for text in unknown(field, &term.predicate, names) {
            if !is_remembered(tx, instance, history, &text).await? {
                return Err(refusals::unknown_value(&text, &fields::shown(&term.field)));
            }
        }
    }
    Ok(())
}

/// The values of a condition on a history that are not in the field's roster.
fn unknown(field: &Field, predicate: &Predicate, names: &Names) -> Vec<String> {
    let of_changes = |limit: &&HistoryPredicate| matches!(limit.op, HistoryOp::From | HistoryOp::To);
    let operands: Vec<&Operand> = match predicate {
        Predicate::Was { operand, .. } | Predicate::WasIn { operand, .. } => vec![operand],
        Predicate::Changed { predicates } => {
            predicates.iter().filter(of_changes).map(|limit| &limit.operand).collect()
        }
        _ => Vec::new(),
    };
    let mut texts = Vec::new();
    for operand in operands {
        add_unknown(field, operand, names, &mut texts);
    }
    texts
}

fn add_unknown(field: &Field, operand: &Operand, names: &Names, texts: &mut Vec<String>) {
    match operand {
        Operand::Value(value) => {
            let text = text_of(value);
            let stands_for_none = *field == Field::Resolution && text.eq_ignore_ascii_case("unresolved");
            let is_known = roster_of(field).is_none_or(|roster| !names.find(roster, value).is_empty());
            if !is_known && !stands_for_none && !texts.contains(&text) {
                texts.push(text);
            }
        }
        Operand::List(entries) => {
            entries.iter().for_each(|entry| add_unknown(field, entry, names, texts));
        }
        Operand::Function(_) | Operand::Empty => {}
    }
}

/// Whether any history of the field has this value, by name or id.
async fn is_remembered(
    tx: &mut PgTenantTx,
    instance: Option<Uuid>,
    history: &str,
    text: &str,
) -> Result<bool> {
    sqlx::query_scalar!(
        r#"SELECT EXISTS (
               SELECT FROM changelogs c
               WHERE c.field = $1 AND ($2::uuid IS NULL OR c.instance_id = $2)
                   AND (lower(c.from_string) = lower($3) OR lower(c.to_string) = lower($3)
                       OR c.from_value = $3 OR c.to_value = $3)
           ) AS "is_remembered!""#,
        history,
        instance as _,
        text.replace('\0', "\u{fffd}"),
    )
    .fetch_one(tx.conn())
    .await
    .map_err(convert)
}
