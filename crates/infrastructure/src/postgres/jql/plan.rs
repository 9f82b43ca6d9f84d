//! How the issues of a query are found.
//!
//! Without look-ups by PostgreSQL's own plan. With them, from the side of the look-up that has few ids; where none has, by
//! walking through the issues in the order of the page; and where that does not come to an end soon, because all that match
//! are far behind, by comparing whole lists.

use application::{Error, Result, search::SearchStart};
use sqlx::{Executor, Row, postgres::PgRow};

use super::{
    Search, cursor,
    lookups::{self, FEW, Lookup, MANY},
    order::{Key, Kind},
    sql::Sql,
};
use crate::postgres::{errors::convert, transaction::PgTenantTx};

/// So many issues are walked through at most.
const REACH: i64 = 20_000;

/// So many before look-ups are counted that are slow to count.
const SHORT_REACH: i64 = 1_000;

/// Where issues are looked for, and what they have to meet.
#[derive(Clone)]
pub(super) struct Source {
    issues: Sql,
    filter: Vec<Sql>,
}

impl Source {
    fn into_sql(self) -> Sql {
        self.issues.push(" WHERE ").append(Sql::all(self.filter))
    }
}

impl Search<'_> {
    /// Id and sort values of the page's issues, and of one more, which tells whether another page follows.
    pub(super) async fn rows(&self, tx: &mut PgTenantTx) -> Result<Vec<PgRow>> {
        if self.lookups().next().is_none() {
            return self.run(tx, self.page_statement(&self.everywhere(self.filter.clone()))?).await;
        }
        let can_walk = self.order.joins.is_empty();
        if can_walk
            && self.counts.get().is_none()
            && self.lookups().any(|(_, lookup)| lookup.is_slow_to_count())
            && let Some(rows) = self.walk(tx, SHORT_REACH).await?
        {
            return Ok(rows);
        }
        if let Some(few) = self.among_few(tx).await? {
            return self.run(tx, self.page_statement(&few)?).await;
        }
        if can_walk && let Some(rows) = self.walk(tx, REACH).await? {
            return Ok(rows);
        }
        // What is joined for the order would be looked up for each of them.
        if can_walk && let Some(many) = self.among_many(tx).await? {
            return self.run(tx, self.page_statement(&many)?).await;
        }
        self.run_without_nested_loops(tx, self.page_statement(&self.by_lists())?).await
    }

    /// One row with the number of issues.
    pub(super) async fn counted(&self, tx: &mut PgTenantTx) -> Result<Vec<PgRow>> {
        if let Some(tallied) = &self.tallied {
            let tallies = Sql::new("SELECT coalesce(sum(i.issues), 0)::int8 FROM issue_tallies i WHERE ");
            return self.run(tx, tallies.append(Sql::all(tallied.clone()))).await;
        }
        let statement = |source: Source| Sql::new("SELECT count(*) FROM ").append(source.into_sql());
        if self.lookups().next().is_none() {
            return self.run(tx, statement(self.everywhere(self.filter.clone()))).await;
        }
        match self.among_few(tx).await? {
            Some(few) => self.run(tx, statement(few)).await,
            None => self.run_without_nested_loops(tx, statement(self.by_lists())).await,
        }
    }

    /// The look-ups of the filter, with their places in it.
    fn lookups(&self) -> impl Iterator<Item = (usize, &Lookup)> {
        self.filter.iter().enumerate().filter_map(|(place, part)| Some((place, part.as_lookup()?)))
    }

    /// The issues of the shortest look-up; `None` when even that is long.
    async fn among_few(&self, tx: &mut PgTenantTx) -> Result<Option<Source>> {
        let lookups: Vec<_> = self.lookups().collect();
        let counts = match self.counts.get() {
            Some(counts) => counts,
            None => {
                let counts = self.count_ids(tx, &lookups, FEW).await?;
                self.counts.get_or_init(|| counts)
            }
        };
        Ok(self.shortest(&lookups, counts, FEW))
    }

    /// The same where walking came to no end: looking up many ids takes less than reading all issues.
    async fn among_many(&self, tx: &mut PgTenantTx) -> Result<Option<Source>> {
        let lookups: Vec<_> = self.lookups().filter(|(_, lookup)| !lookup.is_slow_to_count()).collect();
        if lookups.is_empty() {
            return Ok(None);
        }
        let counts = self.count_ids(tx, &lookups, MANY).await?;
        Ok(self.shortest(&lookups, &counts, MANY))
    }

    /// How many ids each look-up has, counted up to one more than `most`.
    async fn count_ids(
        &self,
        tx: &mut PgTenantTx,
        lookups: &[(usize, &Lookup)],
        most: i64,
    ) -> Result<Vec<i64>> {
        let counts = lookups.iter().map(|(_, lookup)| lookup.count(most));
        let counts = counts.reduce(|all, next| all.push(", ").append(next)).unwrap_or_default();
        let rows = self.run(tx, Sql::new("SELECT ").append(counts)).await?;
        Ok(rows.first().map(lookups::counts).transpose().map_err(convert)?.unwrap_or_default())
    }

    /// The issues of the shortest look-up, unless it has more than `most` ids.
    fn shortest(&self, lookups: &[(usize, &Lookup)], counts: &[i64], most: i64) -> Option<Source> {
        let (shortest, _) = lookups
            .iter()
            .zip(counts)
            .filter(|(_, count)| **count <= most)
            .min_by_key(|(_, count)| **count)?;
        let (place, lookup) = *shortest;
        let mut filter = self.filter.clone();
        filter[place] = lookup.rest();
        Some(Source { issues: lookup.issues(most).append(self.order.joins.clone()), filter })
    }

    /// All issues, with the look-ups as lists of ids, of any length.
    fn by_lists(&self) -> Source {
        let as_list = |part: &Sql| part.as_lookup().map_or_else(|| part.clone(), Lookup::as_list);
        self.everywhere(self.filter.iter().map(as_list).collect())
    }

    /// All issues, as the filter has them.
    pub(super) fn everywhere(&self, filter: Vec<Sql>) -> Source {
        Source { issues: Sql::new("issues i").append(self.order.joins.clone()), filter }
    }

    /// Looks at `reach` issues in the order of the page. `None` when the page could go on behind them.
    async fn walk(&self, tx: &mut PgTenantTx, reach: i64) -> Result<Option<Vec<PgRow>>> {
        let skipped = usize::try_from(self.offset()?).map_err(Error::internal)?;
        let wanted =
            usize::try_from(self.request.limit).map_err(Error::internal)?.saturating_add(skipped) + 1;
        let keys = &self.order.keys;
        let (probes, plain): (Vec<_>, Vec<_>) =
            self.filter.iter().cloned().partition(|part| part.as_lookup().is_some());
        let statement = select(keys).push(", i.place, (").append(Sql::all(probes.clone()));
        let statement = statement.push(") FROM (SELECT i.*, row_number() OVER (ORDER BY ");
        let statement = statement.append(order_by(keys)).push(") AS place FROM issues i WHERE ");
        let statement = self.behind_cursor(statement.append(Sql::all(plain)))?;
        let statement = statement.push(" ORDER BY ").append(order_by(keys)).push(" LIMIT ").bind(reach);
        // The last issue within reach comes along whatever it has: so we see that we came there.
        let statement = statement.push(") i WHERE (").append(Sql::all(probes)).push(" OR i.place = ");
        let statement = statement.bind(reach).push(") ORDER BY ").append(order_by(keys)).push(" LIMIT ");
        let statement = statement.bind(i64::try_from(wanted).map_err(Error::internal)?);
        let mut rows = self.run(tx, statement).await?;
        let (place, matches) = (keys.len() + 1, keys.len() + 2);
        if let Some(last) = rows.last()
            && last.try_get::<i64, _>(place).map_err(convert)? == reach
        {
            let meets_all = last.try_get::<bool, _>(matches).map_err(convert)?;
            if rows.len() < wanted || !meets_all {
                return Ok(None);
            }
        }
        rows.drain(..skipped.min(rows.len()));
        Ok(Some(rows))
    }

    /// Whole lists are compared by hashing them. Where PostgreSQL takes them for short, it would look for each id by itself;
    /// where it takes them for long, compiling the statement would take longer than running it.
    async fn run_without_nested_loops(&self, tx: &mut PgTenantTx, statement: Sql) -> Result<Vec<PgRow>> {
        tx.conn().execute("SET LOCAL enable_nestloop = off; SET LOCAL jit = off").await.map_err(convert)?;
        let rows = self.run(tx, statement).await?;
        tx.conn().execute("SET LOCAL enable_nestloop = on").await.map_err(convert)?;
        Ok(rows)
    }

    pub(super) fn page_statement(&self, source: &Source) -> Result<Sql> {
        let statement = select(&self.order.keys).push(" FROM ").append(source.clone().into_sql());
        let statement = self.behind_cursor(statement)?;
        let statement = statement.push(" ORDER BY ").append(order_by(&self.order.keys));
        let statement = statement.push(" LIMIT ").bind(i64::from(self.request.limit) + 1);
        let offset = self.offset()?;
        Ok(if offset > 0 { statement.push(" OFFSET ").bind(offset) } else { statement })
    }

    fn offset(&self) -> Result<i64> {
        match self.request.start {
            SearchStart::Offset(offset) => {
                i64::try_from(offset).map_err(|_| Error::invalid("startAt", "is too large"))
            }
            SearchStart::After(_) => Ok(0),
        }
    }

    fn behind_cursor(&self, statement: Sql) -> Result<Sql> {
        let SearchStart::After(cursor) = &self.request.start else { return Ok(statement) };
        let behind = cursor::after(self.request, &self.order.keys, cursor)?;
        Ok(statement.push(" AND ").append(behind))
    }
}

/// Selects id and sort values, exactly and as what the cursor reads.
fn select(keys: &[Key]) -> Sql {
    keys.iter().fold(Sql::new("SELECT i.id"), |statement, key| {
        let statement = statement.push(", ").push(key.expression);
        match key.kind {
            Kind::Number | Kind::Text => statement.push("::text"),
            Kind::Int | Kind::Time | Kind::Day | Kind::Uuid => statement,
        }
    })
}

/// Columns that are never empty are sorted without a word on empty values: only so can indexes serve both directions.
fn order_by(keys: &[Key]) -> Sql {
    let key = |key: &Key| {
        Sql::new(key.expression).push(match (key.descending, key.nullable) {
            (false, false) => " ASC",
            (true, false) => " DESC",
            (false, true) => " ASC NULLS FIRST",
            (true, true) => " DESC NULLS LAST",
        })
    };
    keys.iter().map(key).reduce(|all, next| all.push(", ").append(next)).unwrap_or_default()
}
