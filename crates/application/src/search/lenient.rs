//! Queries with errors, answered as far as they can be: what Jira does where a search is asked to `warn` (jira-facts 1.3).

use std::collections::{HashMap, hash_map::Entry};

use jql::{Clause, Operand, Predicate, Query, Term};

use super::{SearchRequest, parse_jql};
use crate::{
    error::{Error, Result},
    ports::TenantTx,
};

/// Conditions and values that are looked at one by one; a query with more of them is refused as it stands.
const MOST: usize = 200;

/// What is found by no condition at all.
const NOTHING: &str = "project is EMPTY";

/// The request without what is wrong with its query, and what that is, once each.
///
/// A value of a list that is wrong is left out of the list; any other condition that is wrong finds nothing, and neither does its
/// negation by `!=` or `NOT IN`. A sort key that is wrong sorts nothing.
///
/// # Errors
/// [`Error::InvalidJql`] for a query with very many conditions; the store's.
pub async fn without_errors(
    tx: &mut dyn TenantTx,
    request: SearchRequest,
) -> Result<(SearchRequest, Vec<String>)> {
    let refusal = match tx.check(&request).await {
        Ok(()) => return Ok((request, Vec::new())),
        Err(error @ Error::InvalidJql(_)) => error,
        Err(error) => return Err(error),
    };
    let terms: Vec<Term> = request.query.filter.iter().flat_map(Clause::terms).cloned().collect();
    if terms.iter().map(looks).sum::<usize>() + request.query.order_by.len() > MOST {
        return Err(refusal);
    }
    let mut judge = Judge { tx, request: &request, warnings: Vec::new() };
    let mut kept: HashMap<Term, Option<Term>> = HashMap::new();
    for term in terms {
        if let Entry::Vacant(place) = kept.entry(term) {
            let left = judge.term(place.key()).await?;
            place.insert(left);
        }
    }
    let mut order_by = Vec::new();
    for sort in &request.query.order_by {
        let alone = Query { filter: None, order_by: vec![sort.clone()] };
        if judge.is_valid(alone).await? {
            order_by.push(sort.clone());
        }
    }
    let warnings = judge.warnings;
    let nothing = parse_jql(NOTHING)?.filter;
    let filter = request.query.filter.as_ref().and_then(|clause| left(clause, &kept, nothing.as_ref()));
    let query = Query { filter, order_by };
    Ok((SearchRequest { query, ..request }, warnings))
}

/// How many questions it takes to judge a condition.
fn looks(term: &Term) -> usize {
    match &term.predicate {
        Predicate::In { operand: Operand::List(values), .. } => 1 + values.len(),
        _ => 1,
    }
}

/// The clause with what is left of its conditions.
fn left(clause: &Clause, kept: &HashMap<Term, Option<Term>>, nothing: Option<&Clause>) -> Option<Clause> {
    let all = |parts: &[Clause]| parts.iter().filter_map(|part| left(part, kept, nothing)).collect();
    match clause {
        Clause::And(parts) => Some(Clause::And(all(parts))),
        Clause::Or(parts) => Some(Clause::Or(all(parts))),
        Clause::Not(part) => left(part, kept, nothing).map(|part| Clause::Not(Box::new(part))),
        Clause::Term(term) => match kept.get(term) {
            Some(Some(term)) => Some(Clause::Term(term.clone())),
            _ => nothing.cloned(),
        },
    }
}

/// Asks the store what is wrong.
struct Judge<'q> {
    tx: &'q mut dyn TenantTx,
    request: &'q SearchRequest,
    warnings: Vec<String>,
}

impl Judge<'_> {
    async fn is_valid(&mut self, query: Query) -> Result<bool> {
        match self.tx.check(&SearchRequest { query, ..self.request.clone() }).await {
            Ok(()) => Ok(true),
            Err(Error::InvalidJql(message)) => {
                if !self.warnings.contains(&message) {
                    self.warnings.push(message);
                }
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    /// What is left of a condition, if anything.
    async fn term(&mut self, term: &Term) -> Result<Option<Term>> {
        let alone = |term: Term| Query { filter: Some(Clause::Term(term)), order_by: Vec::new() };
        let Predicate::In { negated, operand: Operand::List(values) } = &term.predicate else {
            return Ok(self.is_valid(alone(term.clone())).await?.then(|| term.clone()));
        };
        let with = |values: Vec<Operand>| {
            let predicate = Predicate::In { negated: *negated, operand: Operand::List(values) };
            Term { field: term.field.clone(), predicate }
        };
        let mut valid = Vec::new();
        for value in values {
            if self.is_valid(alone(with(vec![value.clone()]))).await? {
                valid.push(value.clone());
            }
        }
        Ok((!valid.is_empty()).then(|| with(valid)))
    }
}
