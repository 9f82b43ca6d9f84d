//! Which operators each field takes: exactly those of jira-facts 8.4, and Jira's sentence for the others.

use super::site::Site;

const ALL: [&str; 13] = ["=", "!=", ">", ">=", "<", "<=", "~", "!~", "in", "not in", "is", "was", "changed"];

/// Fields, a value of theirs, and their operators.
const FIELDS: [(&str, &str, &str); 44] = [
    ("affectedVersion", "'9.0'", "= != > >= < <= ~ !~ in is"),
    ("fixVersion", "'9.0'", "= != > >= < <= ~ !~ in is was changed"),
    ("assignee", "ann", "= != in is was changed"),
    ("reporter", "ann", "= != in is was changed"),
    ("creator", "ann", "= != in is was"),
    ("voter", "currentUser()", "= != in is"),
    ("watcher", "currentUser()", "= != in is"),
    ("worklogAuthor", "ann", "= != in is"),
    ("created", "2025-05-01", "= != > >= < <= in is"),
    ("updated", "2025-05-01", "= != > >= < <= in is"),
    ("resolved", "2025-05-01", "= != > >= < <= in is"),
    ("statusCategoryChangedDate", "2025-05-01", "= != > >= < <= in is"),
    ("due", "2025-05-01", "= != > >= < <= in is"),
    ("worklogDate", "2025-05-01", "= != > >= < <= in"),
    ("summary", "x", "~ !~ is"),
    ("description", "x", "~ !~ is"),
    ("environment", "x", "~ !~ is"),
    ("Notes", "x", "~ !~ is"),
    ("comment", "x", "~ !~"),
    ("worklogComment", "x", "~ !~"),
    ("text", "x", "~"),
    ("attachments", "x", "is"),
    ("project", "PAY", "= != in is"),
    ("issuetype", "Bug", "= != in is"),
    ("level", "x", "= != in is"),
    ("component", "API", "= != in is"),
    ("labels", "x", "= != in is"),
    ("sprint", "11", "= != in is"),
    ("'Epic Link'", "PAY-1", "= != in is"),
    ("status", "Done", "= != in is was changed"),
    ("statusCategory", "Done", "= != in"),
    ("resolution", "Fixed", "= != > >= < <= in is was changed"),
    ("priority", "High", "= != > >= < <= in is was changed"),
    ("issuekey", "PAY-1", "= != > >= < <= in is"),
    ("issueLinkType", "Blocks", "= != in"),
    // `is` on Cloud only.
    ("parent", "PAY-1", "= != in is"),
    ("originalEstimate", "1h", "= != > >= < <= in is"),
    ("timeSpent", "1h", "= != > >= < <= in is"),
    ("votes", "1", "= != > >= < <= in"),
    ("watchers", "1", "= != > >= < <= in"),
    ("workRatio", "1", "= != > >= < <= in is"),
    ("'Story Points'", "1", "= != > >= < <= in is"),
    ("Launch", "2025-05-01", "= != > >= < <= in is"),
    ("Team", "x", "= != in is"),
];

#[tokio::test]
async fn fields_take_their_operators_and_no_others() {
    let site = Site::open().await;
    for (field, value, taken) in FIELDS {
        for operator in ALL {
            let jql = match operator {
                "in" | "not in" => format!("{field} {operator} ({value})"),
                "is" => format!("{field} is EMPTY"),
                "changed" => format!("{field} changed"),
                _ => format!("{field} {operator} {value}"),
            };
            let taken =
                taken.split(' ').any(|known| known == operator || operator == "not in" && known == "in");
            let answer = site.search(&site.request(&jql)).await;
            let refusal = format!(
                "The operator '{operator}' is not supported by the '{}' field.",
                field.trim_matches('\'')
            );
            match answer {
                Ok(_) => assert!(taken, "{jql} is answered"),
                Err(error) => assert!(!taken && error.to_string() == refusal, "{jql}: {error}"),
            }
        }
    }
    site.database.remove().await;
}

#[tokio::test]
async fn what_a_copy_cannot_answer_is_refused_by_name() {
    let site = Site::open().await;
    for (jql, named) in [
        ("assignee in membersOf(staff)", "the function 'membersOf'"),
        ("issue in issueHistory()", "the function 'issueHistory'"),
        ("lastViewed > -1d", "the field 'lastViewed'"),
        ("voter = ann", "'voter' with anybody but currentUser()"),
        ("issue.property[a].b = c", "`issue.property[a].b`"),
        ("project in projectsWhereUserHasRole(Dev)", "the function 'projectsWhereUserHasRole'"),
        ("issue in issuesWithRemoteLinksByGlobalId(x)", "the function 'issuesWithRemoteLinksByGlobalId'"),
    ] {
        let error = site.search(&site.request(jql)).await.unwrap_err();
        assert!(matches!(error, application::Error::InvalidJql(_)), "{jql}");
        assert_eq!(error.to_string(), format!("{named} is valid JQL, but a copy cannot answer it"));
    }
    site.database.remove().await;
}
