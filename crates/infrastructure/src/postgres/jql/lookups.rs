//! Conditions that can be answered from either side, and which side is taken.
//!
//! "The issue has this value" and "this text is found in it" are answered by other tables. Seen from an issue, each is a
//! probe: cheap, and right for values that many issues have, because the first few dozen issues in the page's order already
//! fill the page. Seen from the other table it is a list of ids: right for values that few issues have. PostgreSQL cannot tell
//! them apart: it takes a field and its value for independent, knows nothing of a tenant that came after the last `ANALYZE`, and
//! was seen to read a million issues for a page of fifty (docs/benchmarks.md). So we count, and no further than [`FEW`].

use sqlx::Row;

use super::{attached::worked, fields::Follower, sql::Sql};

/// So many ids at most are taken as a list. Looking them all up and sorting them takes about as long as walking to the fiftieth
/// issue that has a value of so many among a million.
pub(super) const FEW: i64 = 7_000;

/// So many are taken as a list still where walking did not fill the page: beyond that, reading all of a million issues once is
/// quicker.
pub(super) const MANY: i64 = 100_000;

/// A condition on the issue `i` that can be turned around into a list of ids.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Lookup {
    /// The condition, as a probe that PostgreSQL does not turn around by itself.
    pub(super) condition: Sql,
    /// Selects the ids, up to where their greatest number belongs.
    ids: Sql,
    /// What stands behind that number.
    behind: &'static str,
    /// Whether the ids are those that meet the condition; they may be more otherwise.
    exact: bool,
    /// Whether counting the ids takes longer than looking at some hundred issues.
    slow: bool,
}

impl Lookup {
    /// Rows `v` of `issue_field_values`: `field` says of which field, `condition` which values.
    ///
    /// The probe has the issue's rows behind an `OFFSET`, and the field before it: so only the primary key serves it, and never an
    /// index that begins with the field. Without statistics PostgreSQL finds those as good, and reads the field's rows of all
    /// issues for each one.
    pub(super) fn of_values(field: Sql, condition: Option<&Sql>) -> Self {
        let ids = Sql::new("SELECT v.issue_id FROM issue_field_values v WHERE ").append(field.clone());
        let ids = match condition {
            Some(condition) => ids.push(" AND ").append(condition.clone()),
            None => ids,
        };
        Self {
            condition: probe(field, condition),
            ids: ids.push(" LIMIT "),
            behind: "",
            exact: true,
            slow: false,
        }
    }

    /// The same for a condition that no index serves.
    pub(super) fn of_searched_values(field: Sql, condition: &Sql) -> Self {
        Self { slow: true, ..Self::of_values(field, Some(condition)) }
    }

    /// Rows `v` of `issue_field_values` with numbers: these ids, among which are the issues that meet `condition`.
    pub(super) fn of_numbers(field: Sql, fields: Vec<String>, condition: &Sql, from: f64, to: f64) -> Self {
        let ids = Sql::new("SELECT s.id FROM forebay.issues_by_number(").bind(fields).push(", ");
        Self {
            condition: probe(field, Some(condition)),
            ids: ids.bind(from).push(", ").bind(to).push(", "),
            behind: ") AS s (id)",
            exact: false,
            slow: false,
        }
    }

    /// Issues with worklogs `w` that meet a condition which an index serves.
    pub(super) fn of_worklogs(condition: &Sql) -> Self {
        let ids = Sql::new("SELECT w.issue_id FROM worklogs w WHERE w.presence = 'present' AND ");
        Self {
            condition: worked(Some(condition.clone())),
            ids: ids.append(condition.clone()).push(" LIMIT "),
            behind: "",
            exact: true,
            slow: false,
        }
    }

    /// Issues with followers `w` in a table of them who meet a condition which an index serves.
    pub(super) fn of_followers(follower: Follower, condition: &Sql) -> Self {
        let (ids, probe) = match follower {
            Follower::Watcher => (
                "SELECT w.issue_id FROM watchers w WHERE ",
                "EXISTS (SELECT FROM watchers w WHERE w.tenant_id = i.tenant_id AND w.issue_id = i.id AND ",
            ),
            Follower::Voter => (
                "SELECT w.issue_id FROM votes w WHERE ",
                "EXISTS (SELECT FROM votes w WHERE w.tenant_id = i.tenant_id AND w.issue_id = i.id AND ",
            ),
        };
        Self {
            condition: Sql::new(probe).append(condition.clone()).push(")"),
            ids: Sql::new(ids).append(condition.clone()).push(" LIMIT "),
            behind: "",
            exact: true,
            slow: false,
        }
    }

    /// Issues with properties `p`: `of_key` says of which key, and `condition` what is asked of their values, which no index serves.
    pub(super) fn of_properties(of_key: Sql, condition: &Sql) -> Self {
        let of_key = of_key.push(" AND ").append(condition.clone());
        let probe = "EXISTS (SELECT FROM issue_properties p WHERE p.tenant_id = i.tenant_id AND p.issue_id = i.id AND ";
        Self {
            condition: Sql::new(probe).append(of_key.clone()).push(")"),
            ids: Sql::new("SELECT p.issue_id FROM issue_properties p WHERE ").append(of_key).push(" LIMIT "),
            behind: "",
            exact: true,
            slow: true,
        }
    }

    /// Issues with changes `c` that are wanted, which an index finds by their field and time.
    pub(super) fn of_changes(condition: Sql, wanted: Sql) -> Self {
        Self {
            condition,
            ids: Sql::new("SELECT c.issue_id FROM changelogs c WHERE ").append(wanted).push(" LIMIT "),
            behind: "",
            exact: true,
            slow: true,
        }
    }

    /// Issues in which a text is found; `call` is a function's name and arguments up to the greatest number.
    pub(super) fn of_text(condition: Sql, call: Sql, exact: bool) -> Self {
        let ids = Sql::new("SELECT s.id FROM forebay.").append(call).push(", ");
        Self { condition, ids, behind: ") AS s (id)", exact, slow: true }
    }

    /// Whether it is quicker to try some issues first than to count.
    pub(super) fn is_slow_to_count(&self) -> bool {
        self.slow
    }

    /// The ids, `most` of them if there is a limit.
    fn ids(&self, most: Option<i64>) -> Sql {
        let ids = self.ids.clone();
        let ids = match most {
            Some(most) => ids.bind(most).push("::int4"),
            None => ids.push("NULL"),
        };
        ids.push(self.behind)
    }

    /// How many ids there are, counted up to one more than `most`.
    pub(super) fn count(&self, most: i64) -> Sql {
        let sql = Sql::new("(SELECT count(*) FROM (").append(self.ids(Some(most + 1)));
        sql.push(") AS x)")
    }

    /// The issues `i` of the ids, of which there are `most` at most.
    ///
    /// LATERAL and LIMIT hold PostgreSQL to the primary key: it would rather read all issues in the order of the page, and look
    /// through the list for each.
    pub(super) fn issues(&self, most: i64) -> Sql {
        let sql = Sql::new("(SELECT DISTINCT f.id FROM (").append(self.ids(Some(most)));
        sql.push(
            ") AS f (id)) AS few CROSS JOIN LATERAL (SELECT x.* FROM issues x WHERE x.id = few.id LIMIT 1) AS i",
        )
    }

    /// What the issues of the ids have to meet still.
    pub(super) fn rest(&self) -> Sql {
        if self.exact { Sql::always() } else { self.condition.clone() }
    }

    /// The condition as a list of ids, however many.
    pub(super) fn as_list(&self) -> Sql {
        let listed = Sql::new("i.id IN (").append(self.ids(None)).push(")");
        if self.exact { listed } else { Sql::all(vec![listed, self.condition.clone()]) }
    }
}

fn probe(field: Sql, condition: Option<&Sql>) -> Sql {
    let sql = Sql::new(
        "EXISTS (SELECT FROM (SELECT v.* FROM issue_field_values v WHERE v.tenant_id = i.tenant_id \
         AND v.issue_id = i.id OFFSET 0) v WHERE ",
    );
    let sql = sql.append(field);
    match condition {
        Some(condition) => sql.push(" AND ").append(condition.clone()).push(")"),
        None => sql.push(")"),
    }
}

/// The counts that a row has, one for each look-up.
pub(super) fn counts(row: &sqlx::postgres::PgRow) -> Result<Vec<i64>, sqlx::Error> {
    (0..row.len()).map(|column| row.try_get(column)).collect()
}
