//! Made-up issues, and how an answer is read in tests.

use application::{
    instances::Dialect,
    issues::{CommentRow, HistoryRow, IssueRow},
};
use chrono::{DateTime, Duration, NaiveDate, Utc};
use domain::ids::{InstanceId, IssueId};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::answer::Answer;

/// An answer's structured content.
pub(crate) fn content(answer: Answer) -> Value {
    answer.into_result().structured_content.unwrap()
}

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

/// PAY-1 and its like.
pub(crate) fn issue(number: u32) -> IssueRow {
    IssueRow {
        id: IssueId(Uuid::from_u128(u128::from(number))),
        instance_id: InstanceId(Uuid::from_u128(9)),
        instance: "demo".into(),
        jira_id: (10_000 + number).to_string(),
        key: format!("PAY-{number}"),
        project_key: "PAY".into(),
        summary: "Card payments fail".into(),
        issue_type: Some("Bug".into()),
        status: "In Progress".into(),
        status_id: "3".into(),
        status_category: "indeterminate".into(),
        priority: Some("High".into()),
        resolution: None,
        assignee: Some("Ada Lovelace".into()),
        reporter: Some("Grace Hopper".into()),
        labels: vec!["security".into()],
        created: at("2026-03-01T08:00:00Z"),
        updated: at("2026-03-02T09:30:00Z"),
        resolved: None,
        due: NaiveDate::from_ymd_opt(2026, 4, 1),
        story_points: Some(3.0),
        raw: json!({ "fields": {
            "description": { "type": "doc", "version": 1, "content": [{ "type": "paragraph", "content": [
                { "type": "text", "text": "Cards are " },
                { "type": "text", "text": "declined", "marks": [{ "type": "em" }] },
                { "type": "text", "text": "." },
            ] }] },
            "customfield_10020": [{ "id": 7, "name": "Sprint 7", "state": "active" }],
            "components": [{ "id": "1", "name": "Checkout" }, { "id": "2", "name": "Ledger" }],
            "parent": { "id": "1", "key": "PAY-900", "fields": { "summary": "Checkout" } },
        } }),
        dialect: Dialect::V3,
        changelog_envelope: None,
        synced_at: at("2026-03-02T09:30:05Z"),
    }
}

/// Comments 1 to `count`, a minute apart.
pub(crate) fn comments(count: i64, body: &str) -> Vec<CommentRow> {
    let comment = |number: i64| CommentRow {
        issue_id: issue(1).id,
        jira_id: number.to_string(),
        author: Some("Ada Lovelace".into()),
        body_text: body.to_owned(),
        created: at("2026-03-01T09:00:00Z") + Duration::minutes(number),
        updated: at("2026-03-01T09:00:00Z") + Duration::minutes(number),
        raw: json!({ "body": body }),
        dialect: Dialect::V2,
    };
    (1..=count).map(comment).collect()
}

/// One change of the status.
pub(crate) fn history() -> HistoryRow {
    let items = json!([
        { "field": "status", "fieldtype": "jira", "from": "1", "fromString": "Open", "to": "3", "toString": "In Progress" },
        { "field": "description", "fieldtype": "jira", "fromString": null, "toString": "x".repeat(5_000) },
    ]);
    let author = json!({ "displayName": "Ada Lovelace", "accountId": "1" });
    HistoryRow {
        issue_id: issue(1).id,
        raw: json!({ "id": "1", "created": "2026-03-01T09:00:00.000+0000", "author": author, "items": items }),
    }
}
