//! What is asked of other tables of an issue: worklogs, attachments, links, and who did or follows what.

use application::Result;
use chrono::{DateTime, Utc};
use jql::Value;
use uuid::Uuid;

use super::{
    compile::{Asked, Compiler, Entry, misfit, uuids},
    conditions::opposite_if,
    fields::{Follower, Worklog},
    lookups::Lookup,
    names::Roster,
    refusals,
    sql::Sql,
    words::TextQuery,
};

/// The day on which work of the worklog `w` began, as the site shows it: not turned into the caller's zone (jira-facts 8.4).
pub(super) const WORKLOG_DAY: &str = "(CASE WHEN w.raw_jsonb ->> 'started' ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}T' \
     THEN left(w.raw_jsonb ->> 'started', 10)::date ELSE (w.started_at AT TIME ZONE 'UTC')::date END)";

/// The comment of the worklog `w` as text: a document (ADF) or wiki markup.
const WORKLOG_TEXT: &str = "coalesce(CASE jsonb_typeof(w.raw_jsonb -> 'comment') WHEN 'string' THEN w.raw_jsonb ->> 'comment' \
     ELSE (SELECT string_agg(t #>> '{}', ' ') FROM \
     jsonb_path_query(w.raw_jsonb -> 'comment', 'strict $.** ? (@.type == \"text\").text') AS t) END, '')";

/// Whether the issue has a worklog `w` that meets the condition, or any.
pub(super) fn worked(condition: Option<Sql>) -> Sql {
    let sql = Sql::new(
        "EXISTS (SELECT FROM worklogs w WHERE w.tenant_id = i.tenant_id AND w.issue_id = i.id AND w.presence = 'present'",
    );
    match condition {
        Some(condition) => sql.push(" AND ").append(condition).push(")"),
        None => sql.push(")"),
    }
}

/// Whether a worklog's comment meets a text query.
pub(super) fn worklog_commented(query: &TextQuery) -> Sql {
    worked(Some(query.met_by(WORKLOG_TEXT)))
}

/// Whether the issue has attachments.
pub(super) fn attachments() -> Sql {
    Sql::new(
        "EXISTS (SELECT FROM attachments f WHERE f.tenant_id = i.tenant_id AND f.issue_id = i.id AND f.presence = 'present')",
    )
}

/// Issues that are linked with these. A link's type is named as such, or as it reads from the issue that is asked about:
/// `linkedIssues(A-1, blocks)` are those that A-1 blocks.
pub(super) fn linked_with(with: &[Uuid], link_type: Option<&str>) -> Sql {
    let end = |select: &'static str, reads: &'static str| {
        let sql = Sql::new(select).bind(with.to_vec()).push(")");
        match link_type.map(str::to_lowercase) {
            Some(name) => {
                let sql = sql.push(" AND (lower(l.link_type) = ").bind(name.as_str()).push(" OR lower(");
                sql.push(reads).push(") = ").bind(name).push(")")
            }
            None => sql,
        }
    };
    Sql::new("i.id IN (")
        .append(end(
            "SELECT l.outward_issue_id FROM issue_links l WHERE l.presence = 'present' AND l.inward_issue_id = ANY(",
            "l.outward_name",
        ))
        .push(" UNION ALL ")
        .append(end(
            "SELECT l.inward_issue_id FROM issue_links l WHERE l.presence = 'present' AND l.outward_issue_id = ANY(",
            "l.inward_name",
        ))
        .push(")")
}

/// Issues that these people created, changed or commented on, from then and until then.
pub(super) fn updated_by(people: &[Uuid], from: Option<DateTime<Utc>>, to: Option<DateTime<Utc>>) -> Sql {
    let within = |author: &'static str, time: &'static str| {
        let mut parts = vec![Sql::new(author).push(" = ANY(").bind(people.to_vec()).push(")")];
        parts.extend(from.map(|from| Sql::new(time).push(" >= ").bind(from)));
        parts.extend(to.map(|to| Sql::new(time).push(" <= ").bind(to)));
        Sql::all(parts)
    };
    let created = Sql::new("(").append(within("i.creator_id", "i.created_at")).push(") IS TRUE");
    let changed = Sql::new(
        "EXISTS (SELECT FROM changelogs c WHERE c.tenant_id = i.tenant_id AND c.issue_id = i.id AND ",
    );
    let commented = Sql::new(
        "EXISTS (SELECT FROM comments c WHERE c.tenant_id = i.tenant_id AND c.issue_id = i.id AND c.presence = 'present' AND ",
    );
    Sql::any(vec![
        created,
        changed.append(within("c.author_id", "c.created_at")).push(")"),
        commented.append(within("c.author_id", "c.created_at")).push(")"),
    ])
}

/// Issues with links to these things outside of Jira.
pub(super) fn remotely_linked(global_ids: &[String]) -> Sql {
    Sql::new(
        "EXISTS (SELECT FROM remote_links r WHERE r.tenant_id = i.tenant_id AND r.issue_id = i.id \
         AND r.presence = 'present' AND r.global_id = ANY(",
    )
    .bind(global_ids.to_vec())
    .push("))")
}

/// Issues that the account watches or voted for that reads the site: of itself a site tells with every issue.
pub(super) fn followed(follower: Follower) -> Sql {
    Sql::new(match follower {
        Follower::Watcher => "(i.raw_jsonb #> '{fields,watches,isWatching}' = 'true'::jsonb) IS TRUE",
        Follower::Voter => "(i.raw_jsonb #> '{fields,votes,hasVoted}' = 'true'::jsonb) IS TRUE",
    })
}

/// Whether nobody follows the issue or, negated, somebody does.
pub(super) fn has_followers(follower: Follower, negated: bool) -> Sql {
    let some = Sql::new(match follower {
        Follower::Watcher => {
            "EXISTS (SELECT FROM issue_counts n WHERE n.tenant_id = i.tenant_id AND n.issue_id = i.id AND n.watchers > 0)"
        }
        Follower::Voter => {
            "EXISTS (SELECT FROM issue_counts n WHERE n.tenant_id = i.tenant_id AND n.issue_id = i.id AND n.votes > 0)"
        }
    });
    opposite_if(some, !negated)
}

impl<'a> Compiler<'a> {
    /// Issues with a worklog of these people, or of these days.
    pub(super) fn worklogs(
        &self,
        asked: Asked<'a>,
        worklog: Worklog,
        entries: &[Entry<'a>],
        negated: bool,
    ) -> Result<Sql> {
        let some = match worklog {
            Worklog::Author => {
                let authors = Sql::among("w.author_id", uuids(&self.all_found(asked, entries)?), false);
                Sql::lookup(Lookup::of_worklogs(&authors))
            }
            Worklog::Date => {
                let days = entries.iter().map(|entry| self.day(asked, entry)).collect::<Result<Vec<_>>>()?;
                worked(Some(Sql::among(WORKLOG_DAY, days, false)))
            }
            Worklog::Comment => return Err(misfit()),
        };
        Ok(if negated { Sql::all(vec![worked(None), some.not()]) } else { some })
    }

    /// Issues that these people follow. The caller's own account is told of with every issue; who else follows them, a site tells only
    /// issue by issue, so that a copy may not know.
    pub(super) fn followers(
        &self,
        asked: Asked<'a>,
        follower: Follower,
        entries: &[Entry<'a>],
        negated: bool,
    ) -> Result<Sql> {
        let (own, others): (Vec<_>, Vec<_>) =
            entries.iter().cloned().partition(|entry| matches!(entry, Entry::User(_)));
        let mut ways = Vec::new();
        if !own.is_empty() {
            ways.push(followed(follower));
        }
        if !others.is_empty() {
            let knowing = self.names.find(Roster::KnowingFollowers, &Value::String(String::new()));
            let is_known = |instance| knowing.iter().any(|known| known.instance == instance);
            let unknown =
                || refusals::unanswered(&format!("'{}' with anybody but currentUser()", asked.name));
            if knowing.is_empty() {
                return Err(unknown());
            }
            let found = self.all_found(asked, &others)?;
            if !found.iter().all(|found| is_known(found.instance)) {
                return Err(unknown());
            }
            let people = Sql::among("w.user_id", uuids(&found), false);
            ways.push(Sql::lookup(Lookup::of_followers(follower, &people)));
        }
        let some = Sql::any(ways);
        Ok(if negated { Sql::all(vec![has_followers(follower, true), some.not()]) } else { some })
    }
}
