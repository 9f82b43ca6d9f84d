//! `sql_query`: one question to the SQL door.

use application::{
    Caller, Result, Services,
    ports::{SqlAnswer, SqlLimits},
};
use rmcp::model::Tool;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::{count, define, reading};
use crate::{
    answer::{Answer, LeftOut},
    budget::Budget,
};

const DESCRIPTION: &str = "\
Ask one read-only PostgreSQL SELECT over the live copy: for counts, groups, joins and history that JQL cannot express. \
Views:
jira.issues(instance, key, id, project, project_name, issue_type, status, status_category new|indeterminate|done, priority, \
resolution, summary, description, assignee, assignee_account_id, reporter, reporter_account_id, created, updated, resolved, \
due, parent, epic, story_points, labels text[], components text[], raw jsonb)
jira.changelog(instance, issue, history_id, ordinal, created, author, author_account_id, field, field_id, from_value, \
to_value, from_string, to_string), one row per changed field
jira.comments(instance, issue, id, author, author_account_id, body, created, updated)
jira.worklogs(…, started, seconds), jira.links(type, inward_issue, outward, outward_issue), jira.sprints, jira.projects, \
jira.users, jira.statuses
jira.field_values(instance, project, issue, field_id, field, type, ordinal, value_id, text, number, time), custom fields
jira.status_history(instance, project, issue, status_id, status, category, started, ended)
jira.time_in_status(instance, project, issue, status_id, status, category, seconds, visits, first_entered, last_left), \
jira.time_in_category likewise
jira.lead_time_view(…, issue, created, started, completed, lead_time_hours from created, cycle_time_hours from started, reopened), jira.issue_metrics per project, \
jira.user_workload per assignee
In FROM: jira.issue_at('PAY-1', timestamptz '2026-01-31Z') the fields then; jira.field_history('PAY-1') every field over time
issue = issues.key, within one instance. Times are timestamptz in UTC.
Example: SELECT status, count(*) FROM jira.issues WHERE project = 'PAY' GROUP BY 1 ORDER BY 2 DESC
Select few columns; bound rows with LIMIT.";

const USUAL_ROWS: u32 = 100;
const MOST_ROWS: u32 = 1_000;

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Arguments {
    /// One SELECT (WITH and UNION work), without a semicolon.
    sql: String,
    /// Rows at most. Default 100.
    #[schemars(range(min = 1, max = 1000))]
    max_rows: Option<u32>,
    /// Longest answer. Default 24000.
    #[schemars(range(min = 3000, max = 100_000))]
    max_chars: Option<u32>,
}

pub(super) fn definition(name: &'static str) -> Tool {
    define::<Arguments>(name, "Query issues by SQL", DESCRIPTION, reading().open_world(false))
}

pub(super) async fn call(services: &Services, caller: &Caller, arguments: Arguments) -> Result<Answer> {
    let budget = Budget::new(arguments.max_chars)?;
    let max_rows = count("max_rows", arguments.max_rows, USUAL_ROWS, MOST_ROWS)?;
    let limits = SqlLimits { max_rows: max_rows as usize, ..SqlLimits::default() };
    let found = services.db.ask(&caller.context(), &arguments.sql, limits).await?;
    Ok(answer(found, budget))
}

fn answer(found: SqlAnswer, mut budget: Budget) -> Answer {
    let mut answer = Answer::default();
    answer.set_within(&mut budget, "columns", found.columns.into());
    let read = found.rows.len();
    let rows = budget.fill(found.rows.into_iter().map(Value::from));
    if rows.len() < read {
        let how =
            "select fewer columns, aggregate, go on with ORDER BY and OFFSET, or ask for a larger max_chars";
        answer.leave_out(LeftOut { shown: Some(rows.len()), ..LeftOut::how("rows", how) });
    } else if found.truncated {
        let how = "there are more: ask for a larger max_rows, or go on with ORDER BY and OFFSET";
        answer.leave_out(LeftOut { shown: Some(rows.len()), ..LeftOut::how("rows", how) });
    }
    if !rows.is_empty() {
        answer.untrusted("rows");
    }
    answer.set("row_count", rows.len());
    answer.set("rows", rows);
    answer
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{budget::LEAST, tests::samples::content};

    fn found(rows: usize, text: &str, truncated: bool) -> SqlAnswer {
        let rows = (0..rows).map(|row| vec![json!(row), json!(text)]).collect();
        SqlAnswer {
            columns: vec!["n".into(), "text".into()],
            types: vec!["int8".into(), "text".into()],
            rows,
            truncated,
        }
    }

    #[test]
    fn rows_come_in_the_columns_order() {
        let answered = content(answer(found(2, "x", false), Budget::new(None).unwrap()));
        assert_eq!(answered["columns"], json!(["n", "text"]));
        assert_eq!(answered["rows"], json!([[0, "x"], [1, "x"]]));
        assert_eq!(answered["row_count"], 2);
        assert_eq!(answered["untrusted"], json!(["rows"]));
        assert_eq!(answered.get("left_out"), None);
    }

    #[test]
    fn rows_beyond_the_budget_or_the_cap_are_not_left_out_in_silence() {
        let answered = content(answer(found(100, &"x".repeat(200), true), Budget::new(Some(LEAST)).unwrap()));
        let left_out = &answered["left_out"][0];
        assert_eq!(left_out["shown"], answered["row_count"]);
        assert!(left_out["how"].as_str().unwrap().contains("max_chars"));
        assert!(answered.to_string().chars().count() <= LEAST as usize);
        let capped = content(answer(found(3, "x", true), Budget::new(None).unwrap()));
        assert!(capped["left_out"][0]["how"].as_str().unwrap().contains("max_rows"));
    }

    #[test]
    fn a_row_of_one_huge_document_is_cut_not_lost() {
        let huge = json!({ "fields": { "description": "x".repeat(90_000), "summary": "short" } });
        let one = SqlAnswer {
            columns: vec!["raw".into()],
            types: vec!["jsonb".into()],
            rows: vec![vec![huge]],
            truncated: false,
        };
        let answered = content(answer(one, Budget::new(None).unwrap()));
        assert_eq!(answered["rows"][0][0]["fields"]["summary"], "short");
        let text = answered["rows"][0][0]["fields"]["description"].as_str().unwrap();
        assert!(text.ends_with("more characters]"), "{text}");
    }
}
