//! What is compared, and what is not with the reason why not.
//!
//! Sandbox and mirror keep their rows in the same tables, so a table is compared by its own columns, as the catalogue lists
//! them: a column that is added is compared, or named here. So is a table: one that the source has rows in must be among
//! [`TABLES`] or [`NOT_COMPARED`].

/// What a table must be like at the copy.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Expected {
    /// The same rows.
    Equal,
    /// No row that the source has not; it may know more than it has told.
    Within,
    /// The same rows at a Cloud site; Server and Data Center do not show them, with the reason.
    OnCloud(&'static str),
    /// The same rows, once the mirror has some; with the reason.
    WhereSome(&'static str),
}

/// A table that is compared.
pub(super) struct Compared {
    pub(super) name: &'static str,
    /// What a row is known by on both sides.
    pub(super) key: &'static [&'static str],
    /// Columns that say when this copy was made, or are made of others.
    pub(super) own: &'static [&'static str],
    /// What a row must meet to count.
    pub(super) present: &'static str,
    pub(super) expected: Expected,
}

const ALL: &str = "true";
const PRESENT: &str = "t.presence = 'present'";
const OF_PRESENT: &str = "EXISTS (SELECT FROM issues i WHERE i.tenant_id = t.tenant_id AND i.id = t.issue_id \
                          AND i.presence = 'present')";
const PRESENT_OF_PRESENT: &str = "t.presence = 'present' AND EXISTS (SELECT FROM issues i \
                                  WHERE i.tenant_id = t.tenant_id AND i.id = t.issue_id AND i.presence = 'present')";
const COUNTED_OF_PRESENT: &str = "(t.watchers > 0 OR t.votes > 0) AND EXISTS (SELECT FROM issues i \
                                  WHERE i.tenant_id = t.tenant_id AND i.id = t.issue_id AND i.presence = 'present')";

/// A link is seen where both of its issues are: of one that is gone it depends on whether the copy has ever had it.
const PRESENT_OF_BOTH: &str = "t.presence = 'present' AND 2 = (SELECT count(*) FROM issues i WHERE i.tenant_id = t.tenant_id \
                               AND i.id IN (t.inward_issue_id, t.outward_issue_id) AND i.presence = 'present')";
/// What a project lists goes out of sight with it.
const PRESENT_OF_PROJECT: &str = "t.presence = 'present' AND (t.project_id IS NULL OR EXISTS (SELECT FROM projects p \
                                  WHERE p.tenant_id = t.tenant_id AND p.id = t.project_id AND p.presence = 'present'))";
const OF_PROJECT: &str = "EXISTS (SELECT FROM projects p WHERE p.tenant_id = t.tenant_id AND p.id = t.project_id AND p.presence = 'present')";

const FAVOURITES: &str = "Server and Data Center list only the favourite filters of our own account";
const NO_CONTEXTS: &str =
    "Server and Data Center show no contexts and options; the copy has those that issues show";
/// Of keys that lead to issues, once the source has gone back in time.
pub(super) const FORGOTTEN: &str = "after a restore, keys under which the copy knew issues before still lead to them; a site does not tell which it forgot";
const NOT_COPIED: &str = "the sync copies none of them";

const fn equal(
    name: &'static str,
    key: &'static [&'static str],
    own: &'static [&'static str],
    present: &'static str,
) -> Compared {
    Compared { name, key, own, present, expected: Expected::Equal }
}

/// A list that every mirror fetches.
const fn roster(name: &'static str, key: &'static [&'static str], own: &'static [&'static str]) -> Compared {
    equal(name, key, own, PRESENT)
}

const fn on_cloud(reason: &'static str, table: Compared) -> Compared {
    Compared { expected: Expected::OnCloud(reason), ..table }
}

const fn where_some(reason: &'static str, table: Compared) -> Compared {
    Compared { expected: Expected::WhereSome(reason), ..table }
}

const fn within(table: Compared) -> Compared {
    Compared { expected: Expected::Within, ..table }
}

const ID: &[&str] = &["jira_id"];

/// Everything that a sync brings.
pub(super) const TABLES: &[Compared] = &[
    // What is called by a name that a list has is compared by its id here, and by its name in the list and at the doors.
    equal(
        "issues",
        ID,
        &[
            "synced_at",
            "observed_at",
            "search",
            "status",
            "issue_type",
            "priority",
            "resolution",
            "components",
        ],
        PRESENT,
    ),
    equal("issue_field_values", &["issue_id", "field_id", "ordinal"], &[], OF_PRESENT),
    equal("changelogs", &["issue_id", "jira_id", "ordinal"], &[], OF_PRESENT),
    equal("comments", ID, &["synced_at", "search"], PRESENT_OF_PRESENT),
    equal("worklogs", ID, &["synced_at"], PRESENT_OF_PRESENT),
    equal("attachments", ID, &["synced_at"], PRESENT_OF_PRESENT),
    // A link's own row is stamped when it is first seen.
    equal("issue_links", ID, &["created_at", "link_type", "inward_name", "outward_name"], PRESENT_OF_BOTH),
    // An issue without a row has neither watchers nor votes.
    equal("issue_counts", &["issue_id"], &[], COUNTED_OF_PRESENT),
    roster("statuses", ID, &["updated_at"]),
    roster("issue_types", ID, &["updated_at"]),
    roster("priorities", ID, &["updated_at"]),
    roster("resolutions", ID, &["updated_at"]),
    roster("custom_fields", &["field_key"], &["updated_at", "created_at"]),
    roster("projects", ID, &["updated_at", "created_at"]),
    equal("issue_link_types", ID, &["updated_at"], ALL),
    within(equal("issue_key_aliases", &["key"], &["created_at"], OF_PRESENT)),
    equal("components", ID, &["updated_at"], PRESENT_OF_PROJECT),
    equal("versions", ID, &["updated_at"], PRESENT_OF_PROJECT),
    equal("boards", ID, &["updated_at", "configuration_raw"], PRESENT_OF_PROJECT),
    equal("board_sprints", &["board_id", "sprint_id"], &[], ALL),
    roster("sprints", ID, &["updated_at"]),
    on_cloud(FAVOURITES, roster("filters", ID, &["updated_at"])),
    roster("dashboards", ID, &["updated_at"]),
    on_cloud(NO_CONTEXTS, roster("field_contexts", &["field_key", "jira_id"], &["updated_at"])),
    on_cloud(NO_CONTEXTS, roster("field_options", &["field_key", "jira_id"], &["updated_at"])),
    // Server and Data Center name groups and give them no ids.
    roster("groups", &["name"], &["group_id", "updated_at"]),
    equal("group_members", &["group_id", "user_id"], &[], ALL),
    equal("project_roles", &["project_id", "jira_id"], &[], OF_PROJECT),
    // What else is told of somebody depends on who tells it.
    roster("users", &["account_id"], &["updated_at", "created_at", "raw_jsonb", "email_hash", "time_zone"]),
    equal("watchers", &["issue_id", "user_id"], &[], OF_PRESENT),
    equal("votes", &["issue_id", "user_id"], &[], OF_PRESENT),
    where_some(NOT_COPIED, equal("issue_properties", &["issue_id", "key"], &[], OF_PRESENT)),
    where_some(
        NOT_COPIED,
        equal("remote_links", &["issue_id", "jira_id"], &["synced_at"], PRESENT_OF_PRESENT),
    ),
];

/// Tables of which an instance or its issues have rows that no copy is to have.
pub(super) const NOT_COMPARED: &[(&str, &str)] = &[
    (
        "attachment_contents",
        "bytes that a sandbox keeps; a copy has what is told of attachments, which is compared",
    ),
    ("child_properties", "properties of comments and worklogs, which no list of a site shows"),
    ("service_desks", "read in a round of its own, and compared in tests/it/service_desk.rs"),
    ("organizations", "read in a round of its own, and compared in tests/it/service_desk.rs"),
    ("bulk_tasks", "what came of changes to many issues, for whoever asked for them"),
    ("audit_log", "what people did through this program's own doors"),
    ("webhooks", "what was registered at the source"),
    ("webhook_failures", "what the sandbox could not deliver to apps"),
    ("webhook_inbox", "what the copy was told, and has done since"),
    ("issue_hints", "of which issues the copy was told, and has not read since"),
    ("hint_losses", "what the copy lately missed"),
    ("sandbox_seeds", "how the sandbox was made"),
    ("sandbox_faults", "what the sandbox is asked to do wrong"),
    ("sandbox_fault_counts", "what the sandbox has done wrong"),
    ("erased_users", "who was erased here"),
    ("job_runs", "what this program's own workers did"),
    ("issue_tallies", "how many issues are present, and these are compared"),
];

/// What is left out of the tables that are compared, with the reason.
pub(super) const LEFT_OUT: &[(&str, &str)] = &[
    (
        "synced_at, observed_at; created_at and updated_at of lists and links",
        "they say when a copy was made, and each is its own",
    ),
    ("search", "it is made by the database from columns that are compared"),
    ("configuration_raw of boards", "a sandbox makes it of its workflow when it is asked, and keeps none"),
    (
        "the key, parents, sub-tasks, links and people inside an issue's document",
        "a document is kept as it was read, and others may change after that; whoever reads it is shown them as they are, which is compared at the doors, and they are compared by themselves",
    ),
    (
        "names that documents show of what lists have (people, statuses, types, versions, sprints)",
        "a document is kept as it was read; what is shown is compared at the doors, and the lists by themselves",
    ),
    (
        "source_hash of an issue, a comment or a worklog whose documents differ in these, and of everything else",
        "it is the hash of the document, which is compared",
    ),
    (
        "keys in issue_key_aliases that only the source knows",
        "the copy has never seen the issue under such a key, and nothing tells of it",
    ),
    (
        "fields that a source shows of an issue for a while (`bad_issue` spoils and leaves out, and adds none)",
        "the copy has what was shown, as a new field would be, until it reads the issue again",
    ),
    (
        "histories that a source shows without their author for a while (`odd_changelog` serves numbers as times, and authors)",
        "that is what a site shows for good of an account that is gone; the copy has what was shown until it reads the issue again",
    ),
    ("rows that are not present", "a copy keeps what is gone, with the reason; every door leaves it out"),
];

/// What ids in other tables' columns stand for.
pub(super) const REFERENCES: &[(&[&str], &str, &str)] = &[
    (&["issue_id", "inward_issue_id", "outward_issue_id", "parent_issue_id"], "issues", "jira_id"),
    (&["project_id"], "projects", "jira_id"),
    (&["author_id", "assignee_id", "reporter_id", "creator_id", "user_id"], "users", "account_id"),
];

/// A person who is the author of the row stands there by the row's column; one who is not stands there as served.
const AUTHORED: &str = "t.raw_jsonb - 'author' || CASE WHEN jsonb_typeof(t.raw_jsonb -> 'updateAuthor') = 'object'
     THEN jsonb_build_object('updateAuthor', coalesce(t.raw_jsonb #> '{updateAuthor,accountId}', t.raw_jsonb #> '{updateAuthor,key}'))
     WHEN t.raw_jsonb ? 'updateAuthor' THEN jsonb_build_object('updateAuthor',
         (SELECT o.account_id FROM users o WHERE o.tenant_id = t.tenant_id AND o.id = t.author_id)) ELSE '{}' END";

/// Columns that are compared by something else. Of an issue's document a part is left out (see [`LEFT_OUT`]). A group is known by its name.
pub(super) const SHOWN: &[(&str, &str, &str)] = &[
    (
        "issues",
        "raw_jsonb",
        "t.raw_jsonb - 'key' #- '{fields,parent}' #- '{fields,subtasks}' #- '{fields,issuelinks}'
             #- '{fields,assignee}' #- '{fields,reporter}' #- '{fields,creator}'",
    ),
    ("comments", "raw_jsonb", AUTHORED),
    // Sites tell the order of versions, and no numbers.
    (
        "versions",
        "sequence",
        "(SELECT count(*) FROM versions o WHERE o.tenant_id = t.tenant_id AND o.project_id = t.project_id AND o.presence = 'present'
              AND o.sequence < t.sequence)",
    ),
    // One that is gone may never have been copied.
    (
        "issues",
        "parent_issue_id",
        "(SELECT o.jira_id FROM issues o WHERE o.tenant_id = t.tenant_id AND o.id = t.parent_issue_id AND o.presence = 'present')",
    ),
    // A sandbox serves no member without a value.
    ("sprints", "raw_jsonb", "jsonb_strip_nulls(t.raw_jsonb)"),
    ("worklogs", "raw_jsonb", AUTHORED),
    // Of most histories the time alone is stored beside what has columns.
    (
        "changelogs",
        "history_jsonb",
        "CASE jsonb_typeof(t.history_jsonb) WHEN 'string' THEN jsonb_build_object('created', t.history_jsonb)
              ELSE t.history_jsonb - 'id' - 'author' END",
    ),
    ("issue_field_values", "value_text", "CASE WHEN t.value_id IS NULL THEN t.value_text END"),
    ("issue_field_values", "value_key", "CASE WHEN t.value_id IS NULL THEN t.value_key END"),
    (
        "group_members",
        "group_id",
        "(SELECT g.name FROM groups g WHERE g.tenant_id = t.tenant_id AND g.instance_id = t.instance_id AND g.group_id = t.group_id)",
    ),
];
