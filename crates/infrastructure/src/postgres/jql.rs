//! JQL over PostgreSQL: from the syntax tree of a query to one SQL statement.
//!
//! 1. [`filters`]: saved filters are put in; [`fields`]: what each field is; custom fields are looked up.
//! 2. [`names`]: what each value names, with one look-up for all of them ([`rosters`]).
//! 3. [`compile`] and its kin: a condition on the issue `i`. Nothing is looked up any more.
//! 4. [`order`] and [`cursor`]: in which order, and from where on.
//! 5. [`plan`]: from which side what other tables know is looked at; see [`lookups`].
//!
//! Statements are put together of text that is ours and values that are bound ([`sql`]). Refusals have Jira's sentences
//! ([`refusals`]).

mod amounts;
mod attached;
mod compile;
mod conditions;
mod cursor;
mod custom_types;
mod dates;
mod explain;
mod fields;
mod filters;
mod functions;
mod history;
mod issues;
mod lookups;
mod names;
mod order;
mod people;
mod plan;
mod properties;
pub(super) mod reference;
mod refusals;
mod rosters;
mod sql;
#[cfg(test)]
mod tests;
mod texts;
mod unanswered;
mod values;
mod words;

use std::sync::{Mutex, OnceLock};

use application::{
    Error, Result,
    search::{ExplainedStatement, SearchRequest},
};
use jql::{Clause, Operand, Predicate, Query, Term};
use sqlx::Row;
use uuid::Uuid;

use self::{
    compile::Compiler,
    dates::Dates,
    fields::{Field, Fields},
    names::Names,
    order::Order,
    sql::Sql,
};
use super::{errors::convert, transaction::PgTenantTx};

/// More conditions than this are refused.
const MOST_TERMS: usize = 1_000;

/// More values than this, in all lists together, are refused.
const MOST_VALUES: usize = 10_000;

/// A query, ready to be run.
pub(super) struct Search<'r> {
    request: &'r SearchRequest,
    /// Conditions that all have to hold.
    filter: Vec<Sql>,
    /// The same, where it asks for nothing but projects and instances, as conditions on `issue_tallies`.
    tallied: Option<Vec<Sql>>,
    order: Order,
    /// How many ids each look-up of the filter has, once counted.
    counts: OnceLock<Vec<i64>>,
    /// The statements that were run, where they are to be explained.
    explained: Option<Mutex<Vec<ExplainedStatement>>>,
}

/// The ids of a page, in order.
pub(super) struct Page {
    pub(super) ids: Vec<Uuid>,
    /// The cursor behind the last one, when there are more.
    pub(super) next: Option<String>,
}

impl<'r> Search<'r> {
    /// Looks up what the query names, and compiles it.
    ///
    /// # Errors
    /// [`Error::InvalidJql`], as [`application::search::SearchStore::search`].
    pub(super) async fn prepare(tx: &mut PgTenantTx, request: &'r SearchRequest) -> Result<Self> {
        check_size(&request.query)?;
        let instance = request.instance.map(|id| id.0);
        let expanded = filters::expanded(tx, &request.query, instance).await?;
        let query = expanded.as_ref().unwrap_or(&request.query);
        check_size(query)?;
        let fields = Fields::of(tx, query, instance).await?;
        let names = Names::of(tx, request, query, &fields).await?;
        Self::compile(request, query, tx.tenant.0, &fields, &names)
    }

    /// `query` is the request's, with its filters put in.
    fn compile(
        request: &'r SearchRequest,
        query: &Query,
        tenant: Uuid,
        fields: &Fields,
        names: &Names,
    ) -> Result<Self> {
        let compiler = Compiler {
            fields,
            names,
            dates: Dates::of(request),
            current_user: request.current_user.as_deref(),
            one_instance: request.instance.is_some(),
        };
        let mut filter = vec![Sql::new("i.tenant_id = ").bind(tenant)];
        if let Some(instance) = request.instance {
            filter.push(Sql::new("i.instance_id = ").bind(instance.0));
        }
        if let Some(clause) = &query.filter {
            filter.extend(compiler.clause(clause, false)?.conjuncts());
        }
        let has_tally =
            |term: &Term| matches!(fields.get(&term.field), Some(Field::Project | Field::Instance));
        let is_tallied = query.filter.iter().flat_map(Clause::terms).all(has_tally);
        let tallied = is_tallied.then(|| filter.clone());
        filter.insert(1, Sql::new("i.presence = 'present'"));
        let order = Order::of(query, fields, request.instance.is_some())?;
        Ok(Self { request, filter, tallied, order, counts: OnceLock::new(), explained: None })
    }

    /// How many issues there are.
    pub(super) async fn count(&self, tx: &mut PgTenantTx) -> Result<u64> {
        let rows = self.counted(tx).await?;
        let count: i64 = match rows.first() {
            Some(row) => row.try_get(0).map_err(convert)?,
            None => 0,
        };
        Ok(count.unsigned_abs())
    }

    /// The page the request asks for.
    ///
    /// # Errors
    /// [`Error::Invalid`] (field `cursor`) for the cursor of another query.
    pub(super) async fn page(&self, tx: &mut PgTenantTx) -> Result<Page> {
        let rows = self.rows(tx).await?;
        let limit = usize::try_from(self.request.limit).map_err(Error::internal)?;
        let on_page = rows.get(..limit).unwrap_or(&rows);
        let ids = on_page.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>().map_err(convert)?;
        let next = match on_page.last() {
            Some(last) if rows.len() > limit => Some(cursor::behind(self.request, &self.order.keys, last)?),
            _ => None,
        };
        Ok(Page { ids, next })
    }
}

/// Refuses what would cost too much to compile.
fn check_size(query: &Query) -> Result<()> {
    let Some(filter) = &query.filter else { return Ok(()) };
    if filter.terms().nth(MOST_TERMS).is_some() {
        return Err(refusals::too_many("conditions", MOST_TERMS));
    }
    let values: usize = filter.terms().map(|term| values_in(&term.predicate)).sum();
    if values > MOST_VALUES {
        return Err(refusals::too_many("values", MOST_VALUES));
    }
    Ok(())
}

fn values_in(predicate: &Predicate) -> usize {
    let (operand, limits) = match predicate {
        Predicate::Compare { operand, .. } | Predicate::In { operand, .. } => (Some(operand), None),
        Predicate::Was { operand, predicates, .. } | Predicate::WasIn { operand, predicates, .. } => {
            (Some(operand), Some(predicates))
        }
        Predicate::Changed { predicates } => (None, Some(predicates)),
        Predicate::Is { .. } => (None, None),
    };
    let limits = limits.into_iter().flatten().map(|limit| &limit.operand);
    operand.into_iter().chain(limits).map(entries_in).sum()
}

fn entries_in(operand: &Operand) -> usize {
    match operand {
        Operand::List(entries) => entries.iter().map(entries_in).sum(),
        _ => 1,
    }
}
