//! What queries become: the shape of the SQL, what is bound, and what is refused.

use application::search::{SearchRequest, SearchStart};
use chrono::DateTime;
use domain::ids::InstanceId;
use proptest::prelude::*;

use super::{
    compile::Compiler,
    fields::{Class, Custom, Field, Scope},
    names::{By, Found, Roster},
    sql::Bind,
    *,
};

const INSTANCE: Uuid = Uuid::from_u128(7);
const TENANT: Uuid = Uuid::from_u128(1);

fn request(jql: &str) -> SearchRequest {
    SearchRequest {
        query: jql::parse(jql).expect(jql),
        instance: Some(InstanceId(INSTANCE)),
        zone: chrono_tz::Europe::Berlin,
        now: "2025-05-14T10:30:00Z".parse().unwrap(),
        current_user: Some("acc-ann".into()),
        limit: 50,
        start: SearchStart::Offset(0),
        with_total: false,
    }
}

fn found(by: By, id: &str, name: &str, uuid: Option<u128>) -> Found {
    Found { by, instance: INSTANCE, id: id.into(), name: name.into(), uuid: uuid.map(Uuid::from_u128) }
}

fn names() -> Names {
    Names::known(vec![
        (Roster::Project, "PAY", found(By::Key, "1", "Payments", Some(0x10))),
        (Roster::Project, "PAY", found(By::Name, "2", "Pay", Some(0x20))),
        (Roster::Status, "done", found(By::Name, "3", "Done", None)),
        (Roster::Status, "3", found(By::Id, "3", "Done", None)),
        (Roster::Status, "Open", found(By::Name, "1", "Open", None)),
        (Roster::Priority, "High", found(By::Name, "2", "High", None)),
        (Roster::Resolution, "Fixed", found(By::Name, "1", "Fixed", None)),
        (Roster::User, "acc-ann", found(By::Id, "acc-ann", "Ann", Some(0x30))),
        (Roster::Sprint, "S1", found(By::Name, "12", "S1", None)),
        (Roster::Component, "10", found(By::Id, "10", "API", None)),
        (Roster::Component, "x", found(By::Name, "11", "x", None)),
        (Roster::Issue, "PAY-1", found(By::Key, "100", "PAY-1", Some(0x40))),
    ])
}

fn custom(class: Class) -> Field {
    Field::Custom(Custom { scope: Scope::Everywhere("customfield_1".into()), class })
}

fn condition(jql: &str) -> Result<Sql> {
    compiled(jql, true)
}

fn compiled(jql: &str, one_instance: bool) -> Result<Sql> {
    let request = request(jql);
    let known = [
        ("Points", custom(Class::Number)),
        ("Team", custom(Class::Choice)),
        ("Notes", custom(Class::Text)),
        ("sprint", Field::Sprint(Scope::Everywhere("customfield_9".into()))),
    ];
    let fields = Fields::known(&request.query, &known);
    let names = names();
    let compiler = Compiler {
        fields: &fields,
        names: &names,
        dates: Dates::of(&request),
        current_user: request.current_user.as_deref(),
        clocks: &Clocks::default(),
        one_instance,
    };
    compiler.clause(request.query.filter.as_ref().expect("a condition"), false)
}

/// The same over all instances of the tenant.
fn condition_anywhere(jql: &str) -> Result<Sql> {
    compiled(jql, false)
}

fn sql(jql: &str) -> String {
    condition(jql).expect(jql).text()
}

fn refusal(jql: &str) -> String {
    condition(jql).expect_err(jql).to_string()
}

#[test]
fn names_become_ids_so_that_renames_and_indexes_serve() {
    assert_eq!(sql("project = PAY"), "i.project_id = $1");
    assert_eq!(condition("project = PAY").unwrap().values(), [Bind::Uuid(Uuid::from_u128(0x10))]);
    assert_eq!(sql("status = done"), "i.status_id = $1");
    assert_eq!(condition("status = done").unwrap().values(), [Bind::from("3")]);
    assert_eq!(condition("status in (done, 3)").unwrap(), condition("status = done").unwrap());
    assert_eq!(sql("status in (done, Open)"), "i.status_id = ANY($1)");
    assert_eq!(sql("status not in (done, Open)"), "i.status_id <> ALL($1)");
    assert_eq!(sql("assignee = currentUser()"), "i.assignee_id = $1");
    assert_eq!(sql("key = PAY-1"), "i.id = $1");
    assert_eq!(sql("key > PAY-9"), "(i.key_project = $1 AND i.key_number > $2)");
}

#[test]
fn an_id_means_something_at_its_own_instance() {
    let here = "(i.instance_id = $1 AND i.status_id = $2)";
    assert_eq!(condition_anywhere("status = done").unwrap().text(), here);
    assert_eq!(
        condition_anywhere("status != done").unwrap().text(),
        format!("(i.status_id IS NOT NULL AND NOT ({here}))")
    );
    assert_eq!(
        condition_anywhere("status = done").unwrap().values(),
        [Bind::Uuid(INSTANCE), Bind::from("3")]
    );
}

#[test]
fn not_is_worked_in_so_that_empties_never_match() {
    assert_eq!(sql("NOT status = done"), sql("status != done"));
    assert_eq!(sql("NOT labels = a"), sql("labels != a"));
    assert_eq!(sql("NOT (status = done AND due < 1d)"), "(i.status_id <> $1 OR i.due_date >= $2)");
    assert_eq!(sql("NOT NOT due is empty"), "i.due_date IS NULL");
    assert_eq!(sql("assignee in (currentUser(), EMPTY)"), "(i.assignee_id = $1 OR i.assignee_id IS NULL)");
    assert_eq!(sql("assignee not in (currentUser(), EMPTY)"), "i.assignee_id <> $1");
    assert_eq!(sql("resolution = unresolved"), "i.resolution_id IS NULL");
    assert_eq!(sql("resolution != Unresolved"), "i.resolution_id IS NOT NULL");
    assert_eq!(sql("resolution in (Unresolved, Fixed)"), "(i.resolution_id = $1 OR i.resolution_id IS NULL)");
}

#[test]
fn lists_contain_values_and_have_others_only_when_they_have_any() {
    let of_issue = "issue_field_values v WHERE v.tenant_id = i.tenant_id AND v.issue_id = i.id OFFSET 0) v";
    let some =
        |field: &str| format!("EXISTS (SELECT FROM (SELECT v.* FROM {of_issue} WHERE v.field_id = {field})");
    let one = |field: &str, condition: &str| {
        format!("EXISTS (SELECT FROM (SELECT v.* FROM {of_issue} WHERE v.field_id = {field} AND {condition})")
    };
    assert_eq!(sql("labels = A"), one("$1", "v.value_key = $2"));
    assert_eq!(condition("labels = A").unwrap().values(), [Bind::from("labels"), Bind::from("a")]);
    assert_eq!(sql("labels != A"), format!("({} AND NOT ({}))", some("$1"), one("$2", "v.value_key = $3")));
    assert_eq!(sql("component = 10"), one("$1", "v.value_id = $2"));
    assert_eq!(sql("sprint = S1"), one("$1", "v.value_id = $2"));
    assert_eq!(sql("sprint in openSprints()"), one("$1", "FALSE"));
    assert_eq!(sql("Points >= 5.5"), one("$1", "v.value_number >= $2::numeric"));
    assert_eq!(sql("Team is empty"), format!("NOT ({})", some("$1")));
}

#[test]
fn what_stands_alone_can_be_asked_from_either_side() {
    let turned = |jql: &str| {
        let parts = condition(jql).unwrap().conjuncts();
        parts.iter().filter_map(Sql::as_lookup).map(|lookup| lookup.as_list().text()).collect::<Vec<_>>()
    };
    let list = "i.id IN (SELECT v.issue_id FROM issue_field_values v WHERE v.field_id = ";
    assert_eq!(turned("labels = A"), [format!("{list}$1 AND v.value_key = $2 LIMIT NULL)")]);
    // Of "has another value", that there is a value at all.
    assert_eq!(turned("status = done and labels != A"), [format!("{list}$1 LIMIT NULL)")]);
    assert_eq!(turned("labels = A and (due < 1d or Team = x) and Team is not empty").len(), 2);
    let points =
        "(i.id IN (SELECT s.id FROM forebay.issues_by_number($1, $2, $3, NULL) AS s (id)) AND EXISTS ";
    assert!(turned("Points > 5")[0].starts_with(points));
    for jql in ["labels = A or Team = x", "NOT text ~ x", "labels is empty", "status = done"] {
        assert_eq!(turned(jql), [""; 0], "{jql}");
    }
}

#[test]
fn dates_are_bound_as_instants_and_days() {
    let time = |text: &str| Bind::from(text.parse::<DateTime<chrono::Utc>>().unwrap());
    assert_eq!(condition("updated >= 2025-05-14").unwrap().values(), [time("2025-05-13T22:00:00Z")]);
    assert_eq!(condition("created < startOfDay()").unwrap().values(), [time("2025-05-13T22:00:00Z")]);
    let day = Bind::Day(chrono::NaiveDate::from_ymd_opt(2025, 5, 15).unwrap());
    assert_eq!(condition("due = 1d").unwrap().values(), [day]);
}

#[test]
fn refusals_have_jiras_sentences() {
    let refusals = [
        ("universe = 42", "Field 'universe' does not exist or you do not have permission to view it."),
        ("cf[99] = 42", "Field 'cf[99]' does not exist or you do not have permission to view it."),
        ("project = INVALID", "The value 'INVALID' does not exist for the field 'project'."),
        ("Status = Nope", "The value 'Nope' does not exist for the field 'Status'."),
        ("type = 99", "A value with ID '99' does not exist for the field 'type'."),
        ("summary = x", "The operator '=' is not supported by the 'summary' field."),
        ("text !~ x", "The operator '!~' is not supported by the 'text' field."),
        ("statusCategory is empty", "The operator 'is' is not supported by the 'statusCategory' field."),
        (
            "statusCategory in (Done, EMPTY)",
            "The field 'statusCategory' does not support searching for EMPTY values.",
        ),
        ("Team > x", "The operator '>' is not supported by the 'Team' field."),
        ("summary ~ ''", "The field 'summary' does not support searching for an empty string."),
        ("key = PAY-99", "An issue with key 'PAY-99' does not exist for field 'key'."),
        ("key = 99", "A value with ID '99' does not exist for the field 'key'."),
        ("key = nonsense", "The issue key 'nonsense' for field 'key' is invalid."),
        ("created > nope(1)", "Unable to find JQL function 'nope(1)'."),
        ("created > now(1)", "Function 'now' expected '0' arguments but received '1'."),
        (
            "created > startOfDay(1, 2)",
            "Function 'startOfDay' expected between '0' and '1' arguments but received '2'.",
        ),
        (
            "sprint = openSprints()",
            "Operator '=' does not support the list value 'openSprints()' for field 'sprint'.",
        ),
        (
            "assignee in currentUser()",
            "Operator 'in' does not support the non-list value 'currentUser()' for field 'assignee'.",
        ),
        ("status = currentUser()", "The function 'currentUser' cannot be used with the field 'status'."),
        ("Points = many", "The value 'many' for the field 'Points' is not a number."),
        (
            "updated > 03/10/2017".replace("03/10/2017", "'03/10/2017'").leak(),
            "Date value '03/10/2017' for field 'updated' is invalid. Valid formats include: 'yyyy/MM/dd HH:mm', \
             'yyyy-MM-dd HH:mm', 'yyyy/MM/dd', 'yyyy-MM-dd', or a period format e.g. '-5d', '4w 2d'.",
        ),
    ];
    for (jql, expected) in refusals {
        assert_eq!(refusal(jql), expected, "{jql}");
    }
}

#[test]
fn what_is_right_but_not_answered_says_so() {
    for (jql, expected) in [
        ("assignee in membersOf(x)", "the function 'membersOf' is valid JQL, but a copy cannot answer it"),
        (
            "watcher in (High)",
            "'watcher' with anybody but currentUser() is valid JQL, but a copy cannot answer it",
        ),
    ] {
        let error = condition(jql).unwrap_err();
        assert!(matches!(error, Error::InvalidJql(_)), "{jql}");
        assert_eq!(error.to_string(), expected);
    }
}

#[test]
fn nobody_is_logged_in_without_a_current_user() {
    let request = SearchRequest { current_user: None, ..request("reporter = currentUser()") };
    let fields = Fields::known(&request.query, &[]);
    let names = Names::default();
    let error = Search::compile(&request, &request.query, TENANT, (&fields, &names, &Clocks::default()))
        .err()
        .unwrap();
    assert_eq!(error.to_string(), "The function 'currentUser' can only be used by logged-in users.");
}

#[test]
fn a_page_is_bound_to_tenant_and_instance_and_asks_for_one_more() {
    let request = request("due is empty order by priority, updated asc");
    let fields = Fields::known(&request.query, &[]);
    let search =
        Search::compile(&request, &request.query, TENANT, (&fields, &Names::default(), &Clocks::default()))
            .unwrap();
    let statement = search.page_statement(&search.everywhere(search.filter.clone())).unwrap();
    assert_eq!(
        statement.text(),
        "SELECT i.id, s0.value, i.updated_at, i.jira_number FROM issues i \
         LEFT JOIN LATERAL (SELECT -t.rank::int8 AS value FROM priorities t WHERE t.tenant_id = i.tenant_id \
         AND t.instance_id = i.instance_id AND t.jira_id = i.priority_id) s0 ON true \
         WHERE (i.tenant_id = $1 AND i.presence = 'present' AND i.instance_id = $2 AND i.due_date IS NULL) \
         ORDER BY s0.value DESC NULLS LAST, i.updated_at ASC, i.jira_number ASC LIMIT $3"
    );
    assert_eq!(statement.values(), [Bind::Uuid(TENANT), Bind::Uuid(INSTANCE), Bind::Int(51)]);
}

#[test]
fn what_cannot_be_sorted_by_is_refused() {
    for (order, expected) in [
        ("comment", "Not able to sort using field 'comment'."),
        ("universe", "Field 'universe' does not exist or you do not have permission to view it."),
        ("a,b,c,d,e,f,g,h", "The query is too large: it must not have more than 7 fields in ORDER BY."),
    ] {
        let query = jql::parse(&format!("order by {order}")).unwrap();
        let error = Order::of(&query, &Fields::known(&query, &[]), true).err().unwrap();
        assert_eq!(error.to_string(), expected);
    }
}

#[test]
fn large_queries_are_refused_before_anything_is_looked_up() {
    let terms = vec!["due = 1d"; MOST_TERMS + 1].join(" OR ");
    assert_eq!(
        check_size(&jql::parse(&terms).unwrap()).unwrap_err().to_string(),
        "The query is too large: it must not have more than 1000 conditions."
    );
    let list = |count: usize| format!("labels in ({})", vec!["x"; count].join(","));
    assert!(check_size(&jql::parse(&list(MOST_VALUES)).unwrap()).is_ok());
    assert!(check_size(&jql::parse(&list(MOST_VALUES + 1)).unwrap()).is_err());
}

#[test]
fn a_cursor_belongs_to_its_query_and_instance() {
    let first = request("due is empty");
    let fields = Fields::known(&first.query, &[]);
    let order = Order::of(&first.query, &fields, true).unwrap();
    for cursor in ["", "nonsense", "e30", "eyJxIjoiIiwidiI6W119"] {
        let error = cursor::after(&first, &order.keys, cursor).unwrap_err();
        assert!(
            matches!(&error, Error::Invalid(problems) if problems[0].field == "cursor"),
            "{cursor}: {error}"
        );
    }
}

proptest! {
    /// The text of a statement is the same whatever the values are: they are bound.
    #[test]
    fn no_value_becomes_text(value in "\\PC{0,30}['\";a-z-]") {
        for (before, after) in [("labels =", ""), ("Team !=", ""), ("Team in (", ")"), ("fixVersion ~", "")] {
            let text = |value: &str| sql(&format!("{before} {}{after}", jql::quote(value)));
            prop_assert_eq!(text(&value), text("x"));
        }
    }
}
