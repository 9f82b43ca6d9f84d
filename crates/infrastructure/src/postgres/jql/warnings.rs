//! What a query asks of some issues only, and does not say: told beside the answer, so that nobody takes it for the whole.

use application::Result;
use jql::Field as Named;

use super::{
    custom_types,
    fields::{self, Field, Fields, Row, Scope},
};
use crate::postgres::{errors::convert, transaction::PgTenantTx};

/// Of a name that stands for fields of several types: those of the first one's type are asked.
pub(super) fn of_types(name: &Named, rows: &[&Row]) -> Option<String> {
    let class = custom_types::class(rows.first()?.kind.as_deref());
    let (asked, passed_over): (Vec<&Row>, Vec<&Row>) =
        rows.iter().partition(|row| custom_types::class(row.kind.as_deref()) == class);
    let ids = |rows: &[&Row]| {
        let mut ids: Vec<&str> = rows.iter().map(|row| row.field_id.as_str()).collect();
        ids.sort_unstable();
        ids.dedup();
        ids.join(", ")
    };
    (!passed_over.is_empty()).then(|| {
        format!(
            "The name '{}' stands for fields of several types: {} was searched, {} was not. Name a field by its id, as cf[10001].",
            fields::shown(name),
            ids(&asked),
            ids(&passed_over),
        )
    })
}

/// Of fields that some of the tenant's instances do not have.
pub(super) async fn of_instances(tx: &mut PgTenantTx, fields: &Fields) -> Result<Vec<String>> {
    let scopes: Vec<_> = fields.named().filter_map(|(name, field)| Some((name, groups(field)?))).collect();
    if scopes.is_empty() {
        return Ok(Vec::new());
    }
    let instances = sqlx::query!("SELECT id, name FROM jira_instances ORDER BY name")
        .fetch_all(tx.conn())
        .await
        .map_err(convert)?;
    let warnings = scopes.into_iter().filter_map(|(name, groups)| {
        let without = instances.iter().filter(|instance| groups.iter().all(|(id, _)| *id != instance.id));
        let without: Vec<String> = without.map(|instance| format!("'{}'", instance.name)).collect();
        (!without.is_empty()).then(|| {
            let name = fields::shown(name);
            format!(
                "The field '{name}' does not exist at {}: issues there have no value of it.",
                without.join(", ")
            )
        })
    });
    let mut warnings: Vec<String> = warnings.collect();
    warnings.sort_unstable();
    Ok(warnings)
}

/// The instances that have the field, with its ids there, where it is one that not all of them have to have.
fn groups(field: &Field) -> Option<&[(uuid::Uuid, Vec<String>)]> {
    let scope = match field {
        Field::Custom(custom) => &custom.scope,
        Field::Sprint(scope) => scope,
        _ => return None,
    };
    match scope {
        Scope::PerInstance(groups) => Some(groups),
        Scope::Everywhere(_) => None,
    }
}
