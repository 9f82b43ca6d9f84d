//! What administrators do at a site, and what no request asks for: projects that get another key or go, lists whose entries are
//! renamed, people who are anonymised, permissions that are lost and come back, and an index that shows a bulk change late.
//!
//! A sandbox has no doors for most of it, so it is written past them; its processes are told to look again. Webhooks tell of none of it,
//! and most of it touches no issue's `updated` (jira-facts 2.3, 2.4, 2.5): the mirror has to find it.

use domain::ids::InstanceId;
use sqlx::{AssertSqlSafe, PgConnection};

/// One kind of deed. `{site}` stands for the instance, `{it}` for what was picked, `{n}` for a number that is drawn.
#[derive(Debug)]
pub(super) struct Deed {
    /// What reports call it.
    pub(super) name: &'static str,
    /// Picks what it is done to; nothing is done where there is none.
    pick: &'static str,
    does: &'static [&'static str],
}

/// A project that can be spared.
macro_rules! project {
    ($presence:literal) => {
        concat!(
            "SELECT id::text FROM projects WHERE instance_id = '{site}' AND presence ",
            $presence,
            " AND (SELECT count(*) FROM projects WHERE instance_id = '{site}' AND presence = 'present') > 2
              ORDER BY md5(jira_id || '{n}') LIMIT 1"
        )
    };
}

/// An entry of a list.
macro_rules! entry {
    ($table:literal, $but:literal) => {
        concat!(
            "SELECT jira_id::text FROM ",
            $table,
            " WHERE instance_id = '{site}' AND presence = 'present' AND ",
            $but,
            " ORDER BY md5(jira_id::text || '{n}') LIMIT 1"
        )
    };
}

/// Gives an entry of a list another name.
macro_rules! rename {
    ($table:literal) => {
        concat!(
            "UPDATE ", $table, " SET name = split_part(name, ' ~', 1) || ' ~{n}', updated_at = now(),
                 raw_jsonb = jsonb_set(raw_jsonb, '{name}', to_jsonb(split_part(name, ' ~', 1) || ' ~{n}'))
             WHERE instance_id = '{site}' AND jira_id::text = '{it}'"
        )
    };
}

/// Whoever makes an issue in a project is waited for, or waits: none comes into it while it gets another key or goes.
const ALONE: &str = "SELECT FROM projects WHERE id = '{it}' FOR UPDATE";

/// Takes a project out of sight, as the site's lists of projects tell it.
macro_rules! gone {
    ($presence:literal) => {
        &[
            ALONE,
            concat!(
                "UPDATE issues SET presence = '",
                $presence,
                "' WHERE project_id = '{it}' AND presence = 'present'"
            ),
            concat!("UPDATE projects SET presence = '", $presence, "', updated_at = now() WHERE id = '{it}'"),
            LINKS_OF_GONE,
        ]
    };
}

const LINKS_OF_GONE: &str = "UPDATE issue_links l SET presence = i.presence FROM issues i
     WHERE l.instance_id = '{site}' AND l.presence = 'present' AND i.tenant_id = l.tenant_id
       AND i.id IN (l.inward_issue_id, l.outward_issue_id) AND i.presence <> 'present'";
/// Links that were taken away for themselves are `deleted`, and stay so. One is `unobserved` where one of its issues was written to
/// while the other one was out of sight.
const LINKS_OF_BACK: &str = "UPDATE issue_links l SET presence = 'present' FROM issues i, issues o
     WHERE l.instance_id = '{site}' AND l.presence IN ('archived', 'trashed', 'access_lost', 'unobserved')
       AND i.tenant_id = l.tenant_id AND i.id = l.inward_issue_id AND i.presence = 'present'
       AND o.tenant_id = l.tenant_id AND o.id = l.outward_issue_id AND o.presence = 'present'";

/// All keys of a project change at once, those of issues that our account may not see too; the old ones lead to its issues.
const REKEY: &[&str] = &[
    ALONE,
    "INSERT INTO issue_key_aliases (tenant_id, instance_id, key, issue_id)
     SELECT tenant_id, instance_id, key, id FROM issues WHERE project_id = '{it}' AND presence IN ('present', 'access_lost')
     ON CONFLICT DO NOTHING",
    "UPDATE projects SET key = {newkey}, raw_jsonb = jsonb_set(raw_jsonb, '{key}', to_jsonb({newkey}::text)), updated_at = now()
     WHERE id = '{it}'",
    "UPDATE issues SET key = {newkey} || '-' || key_number, key_project = {newkey}, source_hash = '',
         raw_jsonb = jsonb_set(jsonb_set(raw_jsonb, '{key}', to_jsonb({newkey} || '-' || key_number)), '{fields,project,key}', to_jsonb({newkey}::text))
     WHERE project_id = '{it}' AND presence IN ('present', 'access_lost')",
    "DELETE FROM issue_key_aliases a USING issues i
     WHERE a.instance_id = '{site}' AND i.instance_id = a.instance_id AND i.key = a.key AND i.presence IN ('present', 'access_lost')",
    "UPDATE issues c SET parent_key = p.key, epic_key = CASE WHEN c.epic_key = c.parent_key THEN p.key ELSE c.epic_key END
     FROM issues p WHERE p.project_id = '{it}' AND c.tenant_id = p.tenant_id AND c.parent_issue_id = p.id
       AND c.parent_key IS DISTINCT FROM p.key",
    "UPDATE issue_links l SET inward_key = i.key FROM issues i
     WHERE i.project_id = '{it}' AND l.tenant_id = i.tenant_id AND l.inward_issue_id = i.id AND l.inward_key <> i.key",
    "UPDATE issue_links l SET outward_key = i.key FROM issues i
     WHERE i.project_id = '{it}' AND l.tenant_id = i.tenant_id AND l.outward_issue_id = i.id AND l.outward_key <> i.key",
];
const NEW_KEY: &str = "('K' || {n})";
const FREED_KEY: &str = "(SELECT f.key FROM projects f WHERE f.instance_id = '{site}' AND f.presence = 'deleted'
       AND NOT EXISTS (SELECT FROM projects p WHERE p.instance_id = f.instance_id AND p.presence IN ('present', 'archived', 'trashed')
                       AND p.key = f.key AND p.id <> '{it}')
     ORDER BY f.jira_id LIMIT 1)";

const SOME_ISSUES: &str = "SELECT id FROM issues WHERE instance_id = '{site}' AND presence = 'present'
     ORDER BY md5(jira_id || '{n}') LIMIT 3 + {n} % 6";
const ANY: &str = "SELECT '{site}'";

/// All kinds of deeds.
pub(super) const DEEDS: &[Deed] = &[
    Deed {
        name: "rename project",
        pick: project!("= 'present'"),
        does: &["UPDATE projects SET name = split_part(name, ' ~', 1) || ' ~{n}', updated_at = now(),
                     raw_jsonb = jsonb_set(raw_jsonb, '{name}', to_jsonb(split_part(name, ' ~', 1) || ' ~{n}'))
                 WHERE id = '{it}'"],
    },
    Deed { name: "change project key", pick: project!("= 'present'"), does: REKEY },
    Deed {
        name: "reuse freed key",
        pick: "SELECT p.id::text FROM projects p WHERE p.instance_id = '{site}' AND p.presence = 'present'
               AND EXISTS (SELECT FROM projects f WHERE f.instance_id = p.instance_id AND f.presence = 'deleted' AND f.key <> p.key)
             ORDER BY md5(p.jira_id || '{n}') LIMIT 1",
        does: REKEY,
    },
    Deed { name: "archive project", pick: project!("= 'present'"), does: gone!("archived") },
    Deed { name: "trash project", pick: project!("= 'present'"), does: gone!("trashed") },
    Deed { name: "delete project", pick: project!("IN ('present', 'trashed')"), does: gone!("deleted") },
    Deed {
        name: "restore project",
        pick: "SELECT a.id::text FROM projects a WHERE a.instance_id = '{site}' AND a.presence IN ('archived', 'trashed')
                 AND NOT EXISTS (SELECT FROM projects p WHERE p.instance_id = a.instance_id AND p.presence = 'present' AND p.key = a.key)
               ORDER BY md5(a.jira_id || '{n}') LIMIT 1",
        does: &[
            "UPDATE issues i SET presence = 'present' FROM projects p
             WHERE p.id = '{it}' AND i.tenant_id = p.tenant_id AND i.project_id = p.id AND i.presence = p.presence",
            "UPDATE projects SET presence = 'present', updated_at = now() WHERE id = '{it}'",
            LINKS_OF_BACK,
        ],
    },
    Deed {
        name: "rename status",
        pick: entry!("statuses", "true"),
        does: &[rename!("statuses")],
    },
    Deed {
        name: "rename issue type",
        pick: entry!("issue_types", "name NOT IN ('Task', 'Epic')"),
        does: &[rename!("issue_types")],
    },
    Deed {
        name: "rename priority",
        pick: entry!("priorities", "name <> 'High'"),
        does: &[rename!("priorities")],
    },
    Deed { name: "rename resolution", pick: entry!("resolutions", "true"), does: &[rename!("resolutions")] },
    Deed { name: "rename board", pick: entry!("boards", "true"), does: &[rename!("boards")] },
    Deed {
        name: "rename custom field",
        pick: "SELECT field_key FROM custom_fields WHERE instance_id = '{site}' AND presence = 'present' AND custom
                 AND schema_raw ->> 'custom' LIKE 'com.atlassian.jira.plugin.system.customfieldtypes:%'
                 AND name !~* 'point' ORDER BY md5(field_key || '{n}') LIMIT 1",
        does: &["UPDATE custom_fields SET name = split_part(name, ' ~', 1) || ' ~{n}', updated_at = now(),
                     name_lower = lower(split_part(name, ' ~', 1) || ' ~{n}'),
                     raw_jsonb = jsonb_set(raw_jsonb, '{name}', to_jsonb(split_part(name, ' ~', 1) || ' ~{n}'))
                 WHERE instance_id = '{site}' AND field_key = '{it}'"],
    },
    Deed {
        name: "rename person",
        pick: "SELECT account_id FROM users WHERE instance_id = '{site}' AND raw_jsonb ? 'displayName'
                 AND account_id <> 'forebay-sandbox' ORDER BY md5(account_id || '{n}') LIMIT 1",
        does: &["UPDATE users SET display_name = split_part(display_name, ' ~', 1) || ' ~{n}', active = {n} % 3 > 0, updated_at = now(),
                     raw_jsonb = raw_jsonb || jsonb_build_object(
                         'displayName', split_part(display_name, ' ~', 1) || ' ~{n}', 'active', {n} % 3 > 0)
                 WHERE instance_id = '{site}' AND account_id = '{it}'"],
    },
    Deed {
        name: "security level",
        pick: ANY,
        does: &["UPDATE issues SET updated_at = date_trunc('milliseconds', greatest(now(), updated_at + interval '1 ms')),
                     jira_updated_at = date_trunc('milliseconds', greatest(now(), updated_at + interval '1 ms')), source_hash = '',
                     raw_jsonb = jsonb_set(jsonb_set(raw_jsonb, '{fields,security}',
                             CASE {n} % 3 WHEN 0 THEN 'null' ELSE '{\"id\": \"10700\", \"name\": \"Staff\", \"description\": \"\"}'::jsonb END),
                         '{fields,updated}', to_jsonb(to_char(date_trunc('milliseconds', greatest(now(), updated_at + interval '1 ms'))
                             AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"+0000\"')))
                 WHERE id IN ({some})"],
    },
    Deed {
        name: "lose permission",
        pick: ANY,
        does: &[
            "UPDATE issues SET presence = 'access_lost' WHERE id IN ({some})",
            LINKS_OF_GONE,
        ],
    },
    Deed {
        name: "get permission back",
        pick: ANY,
        does: &[
            "UPDATE issues i SET presence = 'present' FROM projects p
             WHERE i.instance_id = '{site}' AND i.presence = 'access_lost' AND p.id = i.project_id AND p.presence = 'present'
               AND NOT EXISTS (SELECT FROM issues o WHERE o.instance_id = i.instance_id AND o.key = i.key AND o.presence = 'present')",
            LINKS_OF_BACK,
        ],
    },
    Deed {
        // As if they had been changed then, and the index had shown it only now: longer than polls overlap.
        name: "late bulk change",
        pick: ANY,
        does: &["UPDATE issues SET summary = 'Shown late {n}', updated_at = {then}, jira_updated_at = {then}, source_hash = '',
                     raw_jsonb = jsonb_set(jsonb_set(raw_jsonb, '{fields,summary}', '\"Shown late {n}\"'), '{fields,updated}',
                         to_jsonb(to_char({then} AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"+0000\"')))
                 WHERE id IN (SELECT id FROM issues WHERE instance_id = '{site}' AND presence = 'present'
                                AND updated_at < now() - interval '3 hours' ORDER BY md5(jira_id || '{n}') LIMIT 25)"],
    },
];

impl Deed {
    /// Does it; answers whether there was anything to do it to.
    ///
    /// # Errors
    /// When the database is down, or somebody else holds what is to change: then nothing is done.
    pub(super) async fn execute(
        &self,
        owner: &mut PgConnection,
        site: InstanceId,
        number: u64,
    ) -> sqlx::Result<bool> {
        let number = number % 1_000_000;
        let key = if self.name == "reuse freed key" { FREED_KEY } else { NEW_KEY };
        let said = |sql: &str, it: &str| {
            sql.replace("{some}", SOME_ISSUES)
                .replace("{newkey}", key)
                .replace("{then}", "date_trunc('milliseconds', now() - interval '40 minutes')")
                .replace("{site}", &site.0.to_string())
                .replace("{it}", it)
                .replace("{n}", &number.to_string())
        };
        let pick = said(self.pick, "");
        let picked: Option<String> =
            sqlx::query_scalar(AssertSqlSafe(pick)).fetch_optional(&mut *owner).await?;
        let Some(it) = picked else { return Ok(false) };
        let statements: Vec<_> = self.does.iter().map(|sql| said(sql, &it)).collect();
        let all = format!(
            "BEGIN; {}; SELECT forebay.announce_changes(gen_random_uuid()); COMMIT",
            statements.join("; ")
        );
        if let Err(error) = sqlx::raw_sql(AssertSqlSafe(all)).execute(&mut *owner).await {
            sqlx::raw_sql("ROLLBACK").execute(owner).await?;
            return Err(error);
        }
        Ok(true)
    }
}
