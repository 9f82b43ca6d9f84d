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

const FAVOURITES: &str = "Server and Data Center list only the favourite filters of our own account";
const NO_CONTEXTS: &str =
    "Server and Data Center show no contexts and options; the copy has those that issues show";
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
    // Hashes are compared by themselves, where the documents are equal to the last letter.
    equal("issues", ID, &["synced_at", "observed_at", "search", "source_hash"], PRESENT),
    equal("issue_field_values", &["issue_id", "field_id", "ordinal"], &[], OF_PRESENT),
    equal("changelogs", &["issue_id", "jira_id", "ordinal"], &[], OF_PRESENT),
    equal("comments", ID, &["synced_at", "search"], PRESENT_OF_PRESENT),
    equal("worklogs", ID, &["synced_at"], PRESENT_OF_PRESENT),
    equal("attachments", ID, &["synced_at"], PRESENT_OF_PRESENT),
    // A link's own row is stamped when it is first seen.
    equal("issue_links", ID, &["created_at"], PRESENT),
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
    roster("components", ID, &["updated_at"]),
    roster("versions", ID, &["updated_at"]),
    roster("boards", ID, &["updated_at", "configuration_raw"]),
    equal("board_sprints", &["board_id", "sprint_id"], &[], ALL),
    roster("sprints", ID, &["updated_at"]),
    on_cloud(FAVOURITES, roster("filters", ID, &["updated_at"])),
    roster("dashboards", ID, &["updated_at"]),
    on_cloud(NO_CONTEXTS, roster("field_contexts", &["field_key", "jira_id"], &["updated_at"])),
    on_cloud(NO_CONTEXTS, roster("field_options", &["field_key", "jira_id"], &["updated_at"])),
    // Server and Data Center name groups and give them no ids.
    roster("groups", &["name"], &["group_id", "updated_at"]),
    equal("group_members", &["group_id", "user_id"], &[], ALL),
    equal("project_roles", &["project_id", "jira_id"], &[], ALL),
    where_some(NOT_COPIED, equal("watchers", &["issue_id", "user_id"], &[], OF_PRESENT)),
    where_some(NOT_COPIED, equal("votes", &["issue_id", "user_id"], &[], OF_PRESENT)),
    where_some(NOT_COPIED, equal("issue_properties", &["issue_id", "key"], &[], OF_PRESENT)),
    where_some(
        NOT_COPIED,
        equal("remote_links", &["issue_id", "jira_id"], &["synced_at"], PRESENT_OF_PRESENT),
    ),
];

/// Tables of which an instance or its issues have rows that no copy is to have.
pub(super) const NOT_COMPARED: &[(&str, &str)] = &[
    ("users", "a site has no list of its people; whom issues name is compared there, by the account"),
    (
        "attachment_contents",
        "bytes that a sandbox keeps; a copy has what is told of attachments, which is compared",
    ),
    ("service_desks", "read in a round of its own, and compared in tests/it/service_desk.rs"),
    ("organizations", "read in a round of its own, and compared in tests/it/service_desk.rs"),
    ("bulk_tasks", "what came of changes to many issues, for whoever asked for them"),
    ("audit_log", "what people did through this program's own doors"),
    ("webhooks", "what was registered at the source"),
    ("webhook_failures", "what the sandbox could not deliver to apps"),
    ("webhook_inbox", "what the copy was told, and has done since"),
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
        "keys and fields of parents, sub-tasks and linked issues inside an issue's document",
        "a document is kept as it was read, and others may change after that; whoever reads it is shown them as they are, and they are compared by themselves",
    ),
    ("source_hash of an issue whose documents differ in these", "it is the hash of the document"),
    (
        "keys in issue_key_aliases that only the source knows",
        "the copy has never seen the issue under such a key, and nothing tells of it",
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

/// Columns that are compared by something else. Of an issue's document a part is left out (see [`LEFT_OUT`]). A group is known by its name.
pub(super) const SHOWN: &[(&str, &str, &str)] = &[
    (
        "issues",
        "raw_jsonb",
        "t.raw_jsonb || jsonb_build_object('fields', (t.raw_jsonb -> 'fields')
             || CASE jsonb_typeof(t.raw_jsonb #> '{fields,parent}') WHEN 'object' THEN jsonb_build_object('parent',
                    (t.raw_jsonb #> '{fields,parent}') - '{key,fields}'::text[]) ELSE '{}' END
             || CASE jsonb_typeof(t.raw_jsonb #> '{fields,subtasks}') WHEN 'array' THEN jsonb_build_object('subtasks',
                    (SELECT jsonb_agg(s.value - '{key,fields}'::text[] ORDER BY s.ordinality)
                     FROM jsonb_array_elements(t.raw_jsonb #> '{fields,subtasks}') WITH ORDINALITY s)) ELSE '{}' END
             || CASE jsonb_typeof(t.raw_jsonb #> '{fields,issuelinks}') WHEN 'array' THEN jsonb_build_object('issuelinks',
                    (SELECT jsonb_agg((SELECT jsonb_object_agg(m.key, CASE WHEN m.key IN ('inwardIssue', 'outwardIssue')
                                           THEN m.value - '{key,fields}'::text[] ELSE m.value END)
                                       FROM jsonb_each(l.value) m) ORDER BY l.ordinality)
                     FROM jsonb_array_elements(t.raw_jsonb #> '{fields,issuelinks}') WITH ORDINALITY l)) ELSE '{}' END)",
    ),
    (
        "group_members",
        "group_id",
        "(SELECT g.name FROM groups g WHERE g.tenant_id = t.tenant_id AND g.instance_id = t.instance_id AND g.group_id = t.group_id)",
    ),
];
