//! Request types and organisations of customers: custom fields whose values stand in rosters of their own.

use application::Result;
use uuid::Uuid;

use super::{
    compile::{Asked, Compiler, Entry},
    conditions::ids,
    fields::Scope,
    names::{Found, Roster},
    refusals,
    sql::Sql,
    values::{at, emptiness, matching},
};

impl<'a> Compiler<'a> {
    /// Issues that a customer asked for with one of these request types or, negated, with another one.
    ///
    /// # Errors
    /// For one that no desk has; where it is not known how desks are set up, for any.
    pub(super) fn request_types(
        &self,
        asked: Asked<'a>,
        scope: &Scope,
        entries: &[Entry<'a>],
        negated: bool,
    ) -> Result<Sql> {
        if !self.is_known(Roster::KnowingDesks) {
            return Err(refusals::unanswered(&format!("the field '{}'", asked.name)));
        }
        let found = self.all_found(asked, entries)?;
        let of_instance = found.iter().map(|found| found.instance);
        let mut instances: Vec<Uuid> = of_instance.collect();
        instances.sort_unstable();
        instances.dedup();
        let some = instances.into_iter().flat_map(|instance| {
            let here: Vec<&Found> =
                found.iter().copied().filter(|found| found.instance == instance).collect();
            let ids = ids(&here);
            let fields = field_ids(&at(scope, instance));
            fields.into_iter().map(move |field| {
                let of_type = of_request_type(&field, &ids);
                let at_instance = Sql::new("i.instance_id = ").bind(instance);
                if self.one_instance { of_type } else { Sql::all(vec![at_instance, of_type]) }
            })
        });
        let some = Sql::any(some.collect());
        Ok(if negated { Sql::all(vec![emptiness(scope, true), some.not()]) } else { some })
    }

    /// Issues that are shared with one of these organisations or, negated, with others only.
    ///
    /// # Errors
    /// For one that the site does not have; where they are not known, for any.
    pub(super) fn organizations(
        &self,
        asked: Asked<'a>,
        scope: &Scope,
        entries: &[Entry<'a>],
        negated: bool,
    ) -> Result<Sql> {
        if !self.is_known(Roster::KnowingOrganizations) {
            return Err(refusals::unanswered(&format!("the field '{}'", asked.name)));
        }
        Ok(self.members(scope, &self.all_found(asked, entries)?, negated))
    }
}

/// The ids of all fields of a scope.
pub(super) fn field_ids(scope: &Scope) -> Vec<String> {
    match scope {
        Scope::Everywhere(field) => vec![field.clone()],
        Scope::PerInstance(groups) => groups.iter().flat_map(|(_, fields)| fields.clone()).collect(),
    }
}

/// Rows from before request types were read into them have no id: there the payload tells. Never unknown.
fn of_request_type(field: &str, ids: &[String]) -> Sql {
    let by_row =
        Sql::any(vec![Sql::among("v.value_id", ids.to_vec(), false), Sql::new("v.value_id IS NULL")]);
    let listed = matching(&Scope::Everywhere(field.to_owned()), &by_row, false);
    let told = Sql::new("(i.raw_jsonb -> 'fields' -> ").bind(field).push(" -> 'requestType' ->> 'id' = ANY(");
    Sql::all(vec![listed, told.bind(ids.to_vec()).push(")) IS TRUE")])
}
