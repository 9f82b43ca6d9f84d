//! Work Pulse in SQL. What each number means stands at [`Pulse`]'s fields; the completions come from `lead_time_view`, so
//! pages, REST and the SQL view agree.
//!
//! What counts as a standard issue: hierarchy level 0; where a site has no levels (Server, Data Center), neither a sub-task
//! type nor the type that Jira Software calls `Epic`.

use application::{
    Result,
    pulse::{
        IssueName, Percentiles, Pulse, PulseFilter, PulseStore, PulseWeek, REOPENED_NAMED, RiskIssue,
        STUCK_AFTER_DAYS,
    },
};
use async_trait::async_trait;
use chrono::{DateTime, Days, NaiveTime, TimeDelta, Utc};
use domain::metrics::MIN_SAMPLE;
use sqlx::{Executor, PgConnection};
use uuid::Uuid;

use super::{errors::convert, transaction::PgTenantTx};

/// How many issues at risk are named.
const TOP_RISKS: i64 = 10;

const DAYS_A_WEEK: u64 = 7;

/// The filter as bound values, and the period's bounds.
struct Scope<'a> {
    instance: Option<Uuid>,
    project: Option<&'a str>,
    from: DateTime<Utc>,
    /// Not part of the period.
    end: DateTime<Utc>,
    weeks: i32,
}

impl<'a> Scope<'a> {
    fn new(filter: &'a PulseFilter) -> Self {
        // Dates at the end of what chrono can hold stay where they are: such a period is empty, not a fault.
        let end = filter.until.checked_add_days(Days::new(1)).unwrap_or(filter.until);
        let from = end.checked_sub_days(Days::new(DAYS_A_WEEK * u64::from(filter.weeks))).unwrap_or(end);
        Self {
            instance: filter.instance.map(|id| id.0),
            project: filter.project.as_deref(),
            from: from.and_time(NaiveTime::MIN).and_utc(),
            end: end.and_time(NaiveTime::MIN).and_utc(),
            weeks: i32::from(filter.weeks),
        }
    }
}

#[async_trait]
impl PulseStore for PgTenantTx {
    async fn pulse(&mut self, filter: &PulseFilter, now: DateTime<Utc>) -> Result<Pulse> {
        let scope = Scope::new(filter);
        let conn = self.conn();
        // Without statistics, as right after a first copy, the planner takes a tenant for a handful of rows and would
        // compare every issue with every completion.
        conn.execute("SET LOCAL enable_nestloop = off").await.map_err(convert)?;
        let (throughput, lead_time_days, cycle_time_days) = completions(conn, &scope).await?;
        let (reopen_rate, reopened) = reopen_rate(conn, &scope).await?;
        let trend = trend(conn, &scope).await?;
        conn.execute("SET LOCAL enable_nestloop = on").await.map_err(convert)?;
        // Too few completions say nothing about what is usual.
        let enough = throughput >= MIN_SAMPLE as u64;
        let age_limit = lead_time_days.p85.filter(|_| enough);
        let state = state(conn, &scope, age_limit, now).await?;
        let top_risks = top_risks(conn, &scope, age_limit, now).await?;
        Ok(Pulse {
            throughput,
            lead_time_days,
            cycle_time_days,
            sla_risk: state.sla_risk,
            wip: state.wip,
            stuck: state.stuck,
            reopen_rate,
            reopened,
            issues: state.issues,
            open: state.open,
            trend,
            top_risks,
            as_of: state.as_of,
        })
    }
}

/// Throughput, lead time and cycle time of the period.
async fn completions(conn: &mut PgConnection, scope: &Scope<'_>) -> Result<(u64, Percentiles, Percentiles)> {
    let row = sqlx::query_file!(
        "src/postgres/pulse/completions.sql",
        scope.instance as _,
        scope.project as _,
        scope.from,
        scope.end
    )
    .fetch_one(conn)
    .await
    .map_err(convert)?;
    let lead_time = Percentiles { p50: row.p50, p85: row.p85, p90: row.p90 };
    let cycle_time = Percentiles { p50: row.cycle_p50, p85: row.cycle_p85, p90: row.cycle_p90 };
    Ok((row.throughput.unsigned_abs(), lead_time, cycle_time))
}

struct State {
    issues: u64,
    open: u64,
    wip: u64,
    stuck: u64,
    sla_risk: u64,
    as_of: Option<DateTime<Utc>>,
}

/// How things stand now.
async fn state(
    conn: &mut PgConnection,
    scope: &Scope<'_>,
    p85_days: Option<f64>,
    now: DateTime<Utc>,
) -> Result<State> {
    let row = sqlx::query_file!(
        "src/postgres/pulse/state.sql",
        scope.instance as _,
        scope.project as _,
        now,
        p85_days as _,
        now - TimeDelta::days(i64::from(STUCK_AFTER_DAYS)),
    )
    .fetch_one(conn)
    .await
    .map_err(convert)?;
    Ok(State {
        issues: row.issues.unsigned_abs(),
        open: row.open.unsigned_abs(),
        wip: row.wip.unsigned_abs(),
        stuck: row.stuck.unsigned_abs(),
        sla_risk: row.sla_risk.unsigned_abs(),
        as_of: row.as_of,
    })
}

/// The share of reopened issues, and which they are.
async fn reopen_rate(conn: &mut PgConnection, scope: &Scope<'_>) -> Result<(Option<f64>, Vec<IssueName>)> {
    let row = sqlx::query_file!(
        "src/postgres/pulse/reopen_rate.sql",
        scope.instance as _,
        scope.project as _,
        scope.from,
        scope.end,
        REOPENED_NAMED,
    )
    .fetch_one(conn)
    .await
    .map_err(convert)?;
    let names = row.instances.unwrap_or_default().into_iter().zip(row.keys.unwrap_or_default());
    Ok((row.rate, names.map(|(instance, key)| IssueName { instance, key }).collect()))
}

async fn trend(conn: &mut PgConnection, scope: &Scope<'_>) -> Result<Vec<PulseWeek>> {
    let rows = sqlx::query_file!(
        "src/postgres/pulse/trend.sql",
        scope.instance as _,
        scope.project as _,
        scope.from,
        scope.end,
        scope.weeks
    )
    .fetch_all(conn)
    .await
    .map_err(convert)?;
    let weeks = rows.into_iter().map(|row| PulseWeek {
        from: row.first_day,
        to: row.last_day,
        created: row.created.unsigned_abs(),
        completed: row.completed.unsigned_abs(),
        lead_time_p50: row.p50,
        lead_time_p85: row.p85,
    });
    Ok(weeks.collect())
}

async fn top_risks(
    conn: &mut PgConnection,
    scope: &Scope<'_>,
    p85_days: Option<f64>,
    now: DateTime<Utc>,
) -> Result<Vec<RiskIssue>> {
    sqlx::query_file_as!(
        RiskIssue,
        "src/postgres/pulse/top_risks.sql",
        scope.instance as _,
        scope.project as _,
        now,
        p85_days as _,
        TOP_RISKS,
    )
    .fetch_all(conn)
    .await
    .map_err(convert)
}

#[cfg(test)]
mod tests {
    use chrono::NaiveDate;

    use super::*;

    #[test]
    fn the_period_ends_with_the_last_day_and_has_whole_weeks() {
        let until = NaiveDate::from_ymd_opt(2026, 3, 31).unwrap();
        let filter = PulseFilter { until, weeks: 4, ..Default::default() };
        let scope = Scope::new(&filter);
        assert_eq!(scope.end.to_rfc3339(), "2026-04-01T00:00:00+00:00");
        assert_eq!(scope.from.to_rfc3339(), "2026-03-04T00:00:00+00:00");
    }
}
