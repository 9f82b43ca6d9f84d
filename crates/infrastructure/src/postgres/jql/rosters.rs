//! Where names are looked up: the rosters, as they are stored.

use super::names::{By, Roster};

/// Versions `t` that stand like this to the one that is named, in the order of the project that both are of.
macro_rules! beside {
    ($sign:literal) => {
        &[
            (By::Id, concat!("versions o ON o.jira_id = w.value JOIN ", beside!(@placed $sign))),
            (By::Name, concat!("versions o ON lower(o.name) = w.lowered JOIN ", beside!(@placed $sign))),
        ]
    };
    (@placed $sign:literal) => {
        concat!(
            "versions t ON t.tenant_id = o.tenant_id AND t.instance_id = o.instance_id AND t.project_id = o.project_id \
             AND o.presence = 'present' AND t.presence = 'present' AND t.sequence ",
            $sign,
            " o.sequence"
        )
    };
}

/// Whether `t` is of the project that is named: by its key before its name before its id.
macro_rules! of_project {
    () => {
        "t.project_id IN (SELECT p.id FROM projects p WHERE p.tenant_id = t.tenant_id AND p.instance_id = t.instance_id \
         AND (p.key_lower = w.lowered OR p.jira_id = w.value OR p.name_lower = w.lowered AND NOT EXISTS (SELECT FROM \
         projects k WHERE k.tenant_id = p.tenant_id AND k.instance_id = p.instance_id AND k.key_lower = w.lowered)))"
    };
}

/// What the user leads who is named.
macro_rules! led {
    ($of:literal) => {
        &[
            (By::Id, concat!("users u ON u.account_id_lower = w.lowered JOIN ", led!(@of $of))),
            (By::Key, concat!("users u ON u.login_lower = w.lowered JOIN ", led!(@of $of))),
            (By::Name, concat!("users u ON u.display_name_lower = w.lowered JOIN ", led!(@of $of))),
            (By::Address, concat!("users u ON u.email_hash = w.value JOIN ", led!(@of $of))),
        ]
    };
    (@of $of:literal) => {
        concat!($of, " AND t.tenant_id = u.tenant_id AND t.instance_id = u.instance_id")
    };
}

/// The members of a group, no more of them than may stand in a query and one.
macro_rules! members {
    ($group:literal) => {
        concat!(
            "groups g ON g.presence = 'present' AND ",
            $group,
            " JOIN LATERAL (SELECT m.user_id FROM group_members m WHERE m.tenant_id = g.tenant_id \
             AND m.instance_id = g.instance_id AND m.group_id = g.group_id LIMIT 10001) AS m ON true \
             JOIN users t ON t.tenant_id = g.tenant_id AND t.id = m.user_id"
        )
    };
}

/// The request types of all desks, each with its project.
macro_rules! request_types {
    () => {
        "(SELECT d.tenant_id, d.instance_id, p.key_lower, k.kind FROM service_desks d JOIN projects p \
         ON p.tenant_id = d.tenant_id AND p.id = d.project_id AND p.presence = 'present' \
         CROSS JOIN LATERAL jsonb_array_elements(d.setup -> 'request_types') AS k (kind)) AS t ON "
    };
}

/// Instances of which something is known, whatever is asked for.
macro_rules! instances {
    ($of:literal $(,)?) => {
        Stored { columns: "t.id, t.id::text, t.name::text, t.id", instance: "t.id", ways: &[(By::Name, $of)] }
    };
}

/// How a roster is stored, as `t`.
pub(super) struct Stored {
    /// Instance, Jira's id, name and our id.
    pub(super) columns: &'static str,
    pub(super) instance: &'static str,
    /// How `w.value`, `w.lowered` or `w.number` may be compared. Rosters that can be large have stored lower-case columns with
    /// indexes; of the others a tenant has few rows.
    pub(super) ways: &'static [(By, &'static str)],
}

impl Stored {
    const fn named(ways: &'static [(By, &'static str)]) -> Self {
        Self {
            columns: "t.instance_id, t.jira_id::text, t.name::text, NULL::uuid",
            instance: "t.instance_id",
            ways,
        }
    }

    const fn grouped(ways: &'static [(By, &'static str)]) -> Self {
        Self {
            columns: "t.instance_id, t.group_id::text, t.name::text, NULL::uuid",
            instance: "t.instance_id",
            ways,
        }
    }
}

#[expect(clippy::too_many_lines, reason = "an entry for each roster")]
pub(super) fn list_of(roster: Roster) -> Stored {
    match roster {
        Roster::Project => Stored {
            columns: "t.instance_id, t.jira_id::text, t.name::text, t.id",
            instance: "t.instance_id",
            ways: &[
                (By::Id, "projects t ON t.jira_id = w.value"),
                (By::Key, "projects t ON t.key_lower = w.lowered"),
                (By::Name, "projects t ON t.name_lower = w.lowered"),
            ],
        },
        Roster::IssueType => Stored::named(&[
            (By::Id, "issue_types t ON t.jira_id = w.value"),
            (By::Name, "issue_types t ON lower(t.name) = w.lowered"),
        ]),
        Roster::Status => Stored::named(&[
            (By::Id, "statuses t ON t.jira_id = w.value"),
            (By::Name, "statuses t ON lower(t.name) = w.lowered"),
        ]),
        Roster::Priority => Stored::named(&[
            (By::Id, "priorities t ON t.jira_id = w.value"),
            (By::Name, "priorities t ON lower(t.name) = w.lowered"),
        ]),
        Roster::Resolution => Stored::named(&[
            (By::Id, "resolutions t ON t.jira_id = w.value"),
            (By::Name, "resolutions t ON lower(t.name) = w.lowered"),
        ]),
        Roster::User => Stored {
            columns: "t.instance_id, t.account_id::text, coalesce(t.display_name, '')::text, t.id",
            instance: "t.instance_id",
            ways: &[
                (By::Id, "users t ON t.account_id_lower = w.lowered"),
                // Users of a Server have a name to sign in with beside the key.
                (By::Key, "users t ON t.login_lower = w.lowered"),
                (By::Name, "users t ON t.display_name_lower = w.lowered"),
                (By::Address, "users t ON t.email_hash = w.value"),
            ],
        },
        Roster::Sprint => Stored::named(&[
            (
                By::Id,
                "jira_instances n ON true JOIN sprints t ON t.tenant_id = n.tenant_id AND t.instance_id = n.id \
                 AND t.jira_id = w.number AND t.presence = 'present'",
            ),
            (By::Name, "sprints t ON t.name_lower = w.lowered AND t.presence = 'present'"),
        ]),
        Roster::SprintState => Stored::named(&[(By::Name, "sprints t ON t.state = w.value")]),
        Roster::Issue => Stored {
            columns: "t.instance_id, t.jira_id::text, t.key::text, t.id",
            instance: "t.instance_id",
            // By way of the instances where an index begins with them.
            ways: &[
                (
                    By::Id,
                    "jira_instances n ON true JOIN issues t ON t.tenant_id = n.tenant_id AND t.instance_id = n.id \
                     AND t.jira_number = w.number AND t.jira_id = w.value AND t.presence = 'present'",
                ),
                (By::Key, "issues t ON t.key = w.value AND t.presence = 'present'"),
                (
                    By::OldKey,
                    "jira_instances n ON true JOIN issue_key_aliases a ON a.tenant_id = n.tenant_id \
                     AND a.instance_id = n.id AND a.key = w.value \
                     JOIN issues t ON t.tenant_id = a.tenant_id AND t.id = a.issue_id AND t.presence = 'present'",
                ),
            ],
        },
        Roster::Instance => Stored {
            columns: "t.id, t.id::text, t.name::text, t.id",
            instance: "t.id",
            ways: &[(By::Name, "jira_instances t ON lower(t.name) = w.lowered")],
        },
        Roster::Component => Stored::named(&[
            (By::Id, "components t ON t.jira_id = w.value AND t.presence = 'present'"),
            (By::Name, "components t ON lower(t.name) = w.lowered AND t.presence = 'present'"),
        ]),
        Roster::Version => Stored::named(&[
            (By::Id, "versions t ON t.jira_id = w.value AND t.presence = 'present'"),
            (By::Name, "versions t ON lower(t.name) = w.lowered AND t.presence = 'present'"),
        ]),
        Roster::VersionsLike => Stored::named(&[(By::Name, "versions t ON lower(t.name) LIKE w.lowered")]),
        Roster::VersionsBefore => Stored::named(beside!("<")),
        Roster::VersionsUpTo => Stored::named(beside!("<=")),
        Roster::VersionsAfter => Stored::named(beside!(">")),
        Roster::VersionsFrom => Stored::named(beside!(">=")),
        Roster::ReleasedVersions => Stored::named(&[(
            By::Name,
            concat!("versions t ON t.released AND (w.value = '' OR ", of_project!(), ")"),
        )]),
        Roster::UnreleasedVersions => Stored::named(&[(
            By::Name,
            concat!("versions t ON NOT t.released AND (w.value = '' OR ", of_project!(), ")"),
        )]),
        Roster::LatestReleasedVersion => Stored::named(&[(
            By::Name,
            concat!(
                "versions t ON t.released AND NOT t.archived AND t.presence = 'present' AND ",
                of_project!(),
                " AND NOT EXISTS (SELECT FROM versions o WHERE o.tenant_id = t.tenant_id AND o.instance_id = t.instance_id \
                 AND o.project_id = t.project_id AND o.released AND NOT o.archived AND o.presence = 'present' \
                 AND o.sequence > t.sequence)"
            ),
        )]),
        Roster::EarliestUnreleasedVersion => Stored::named(&[(
            By::Name,
            concat!(
                "versions t ON NOT t.released AND NOT t.archived AND t.presence = 'present' AND ",
                of_project!(),
                " AND NOT EXISTS (SELECT FROM versions o WHERE o.tenant_id = t.tenant_id AND o.instance_id = t.instance_id \
                 AND o.project_id = t.project_id AND NOT o.released AND NOT o.archived AND o.presence = 'present' \
                 AND o.sequence < t.sequence)"
            ),
        )]),
        Roster::ComponentsLed => Stored::named(led!("components t ON t.lead_account_id = u.account_id")),
        Roster::ProjectsLed => Stored {
            columns: "t.instance_id, t.jira_id::text, t.name::text, t.id",
            instance: "t.instance_id",
            ways: led!("projects t ON t.lead_account_id = u.account_id"),
        },
        Roster::Category => Stored {
            columns: "t.instance_id, t.jira_id::text, t.name::text, t.id",
            instance: "t.instance_id",
            ways: &[
                (By::Id, "projects t ON t.raw_jsonb #>> '{projectCategory,id}' = w.value"),
                (By::Name, "projects t ON lower(t.raw_jsonb #>> '{projectCategory,name}') = w.lowered"),
            ],
        },
        Roster::Option => Stored {
            columns: "t.instance_id, t.jira_id, t.field_key::text, NULL::uuid",
            instance: "t.instance_id",
            ways: &[(By::Name, "field_options t ON lower(t.value) = w.lowered AND t.presence = 'present'")],
        },
        Roster::Group => Stored::grouped(&[
            (By::Id, "groups t ON t.group_id = w.value AND t.presence = 'present'"),
            (By::Name, "groups t ON t.name_lower = w.lowered AND t.presence = 'present'"),
        ]),
        Roster::GroupWithMembers => Stored::grouped(&[
            (By::Id, "groups t ON t.group_id = w.value AND t.presence = 'present' AND t.members_known"),
            (By::Name, "groups t ON t.name_lower = w.lowered AND t.presence = 'present' AND t.members_known"),
        ]),
        Roster::GroupMembers => Stored {
            columns: "t.instance_id, t.account_id::text, coalesce(t.display_name, '')::text, t.id",
            instance: "t.instance_id",
            ways: &[
                (By::Id, members!("g.group_id = w.value")),
                (By::Name, members!("g.name_lower = w.lowered")),
            ],
        },
        Roster::Role => Stored::named(&[
            (By::Id, "project_roles t ON t.jira_id = w.value"),
            (By::Name, "project_roles t ON t.name_lower = w.lowered"),
        ]),
        Roster::KnowingGroups => instances!(
            "jira_instances t ON t.kind = 'sandbox' OR EXISTS (SELECT FROM groups g WHERE g.tenant_id = t.tenant_id \
             AND g.instance_id = t.id AND g.presence = 'present')",
        ),
        // A role that is not known of one project is not known.
        Roster::KnowingRoles => instances!(
            "jira_instances t ON t.kind = 'sandbox' OR EXISTS (SELECT FROM project_roles r WHERE r.tenant_id = t.tenant_id \
             AND r.instance_id = t.id) AND NOT EXISTS (SELECT FROM projects p WHERE p.tenant_id = t.tenant_id \
             AND p.instance_id = t.id AND p.presence = 'present' AND NOT EXISTS (SELECT FROM project_roles r \
             WHERE r.tenant_id = p.tenant_id AND r.project_id = p.id)) AND NOT EXISTS (SELECT FROM groups g \
             WHERE g.tenant_id = t.tenant_id AND g.instance_id = t.id AND g.presence = 'present' AND NOT g.members_known)",
        ),
        Roster::RequestType => Stored {
            columns: "t.instance_id, t.kind ->> 'id', t.kind ->> 'name', NULL::uuid",
            instance: "t.instance_id",
            ways: &[
                (By::Id, concat!(request_types!(), "t.kind ->> 'id' = w.value")),
                // By the name alone, or as Jira completes it: with the key of its project.
                (
                    By::Name,
                    concat!(
                        request_types!(),
                        "w.lowered IN (lower(t.kind ->> 'name'), lower(t.kind ->> 'name') || ' (' || t.key_lower || ')')"
                    ),
                ),
            ],
        },
        Roster::Organization => Stored::named(&[
            (By::Id, "organizations t ON t.jira_id = w.value"),
            (By::Name, "organizations t ON lower(t.name) = w.lowered"),
        ]),
        Roster::KnowingDesks => instances!(
            "jira_instances t ON EXISTS (SELECT FROM service_desks d WHERE d.tenant_id = t.tenant_id AND d.instance_id = t.id) \
             AND NOT EXISTS (SELECT FROM service_desks d WHERE d.tenant_id = t.tenant_id AND d.instance_id = t.id \
             AND d.setup IS NULL)",
        ),
        Roster::KnowingOrganizations => instances!(
            "jira_instances t ON t.kind = 'sandbox' OR EXISTS (SELECT FROM organizations o WHERE o.tenant_id = t.tenant_id \
             AND o.instance_id = t.id)",
        ),
        Roster::Sandbox => instances!("jira_instances t ON t.kind = 'sandbox'"),
        Roster::Mirror => instances!("jira_instances t ON t.kind <> 'sandbox'"),
        Roster::KnowingFollowers => instances!(
            "jira_instances t ON t.kind = 'sandbox' OR EXISTS (SELECT FROM reference_reads r WHERE r.tenant_id = t.tenant_id \
             AND r.instance_id = t.id AND r.list = 'followers' AND r.read_at IS NOT NULL AND r.refused = 0)",
        ),
        Roster::ProjectType => Stored {
            columns: "t.instance_id, t.jira_id::text, t.name::text, t.id",
            instance: "t.instance_id",
            ways: &[(By::Name, "projects t ON lower(t.project_type) = w.lowered")],
        },
    }
}
