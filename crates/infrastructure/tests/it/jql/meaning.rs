//! What a query means where that is easily got wrong: minutes, words too frequent to be stored, words without blanks, names that
//! changed, what is below what.

use application::{
    issues::IssueBundle,
    reference::{FieldRecord, OptionRecord, ReferenceRecords},
};
use serde_json::json;

use super::{
    check,
    site::{Site, bundle, keys, time, values, with},
};
use crate::{
    bundles::comment,
    vanished::{component, version},
};

#[tokio::test]
async fn a_time_without_seconds_is_its_whole_minute() {
    let site = Site::empty().await;
    let created = |id: u32, key: &str, at: &str| with(bundle(id, key), |b| b.issue.updated = time(at));
    site.store(&[
        created(1, "PAY-1", "2025-05-13T08:14:59.999Z"),
        created(2, "PAY-2", "2025-05-13T08:15:00Z"),
        created(3, "PAY-3", "2025-05-13T08:15:59.999Z"),
        created(4, "PAY-4", "2025-05-13T08:16:00Z"),
    ])
    .await;
    // The caller is in Berlin.
    let examples = [
        ("updated = '2025-05-13 10:15'", "PAY-2 PAY-3"),
        ("updated in ('2025/05/13 10:15', '2025-05-13 10:16')", "PAY-2 PAY-3 PAY-4"),
        ("updated != '2025-05-13 10:15'", "PAY-1 PAY-4"),
        ("NOT updated in ('2025-05-13 10:15', '2025-05-13 10:16')", "PAY-1"),
        ("updated < '2025-05-13 10:15'", "PAY-1"),
        ("updated <= '2025-05-13 10:15'", "PAY-1 PAY-2 PAY-3"),
        ("updated > '2025-05-13 10:15'", "PAY-4"),
        ("updated >= '2025-05-13 10:15'", "PAY-2 PAY-3 PAY-4"),
        // A number is a millisecond.
        ("updated = 1747124100000", "PAY-2"),
        ("updated > 1747124100000", "PAY-3 PAY-4"),
        ("updated in (1747124100000, '2025-05-13 10:16')", "PAY-2 PAY-4"),
    ];
    check(&site, &examples).await;
    site.database.remove().await;
}

#[tokio::test]
async fn words_that_are_not_stored_are_refused_alone_and_passed_over_beside_others() {
    let site = Site::open().await;
    for text in ["the", "\\\"as the\\\"", "-the"] {
        assert_eq!(
            site.refusal(&format!("description ~ \"{text}\"")).await,
            format!(
                "The field 'description' does not support searching for words as frequent as '{}' alone.",
                text.replace('\\', "")
            )
        );
    }
    check(&site, &[("summary ~ 'the card'", "PAY-3"), ("text ~ 'the OR card'", "PAY-3")]).await;
    site.database.remove().await;
}

#[tokio::test]
async fn han_kana_and_hangul_are_found_within_a_row_of_them() {
    let site = Site::empty().await;
    site.store(&[
        with(bundle(1, "PAY-1"), |b| b.issue.summary = "用户登录失败 on iOS".into()),
        with(bundle(2, "PAY-2"), |b| b.issue.description_text = Some("録音できません".into())),
        with(bundle(3, "PAY-3"), |b| b.comments = vec![comment(1, "로그인이 안 됩니다", 1)]),
        with(bundle(4, "PAY-4"), |b| values(b, "customfield_10031", &[(None, "登记PDF")])),
    ])
    .await;
    let examples = [
        ("summary ~ 登录", "PAY-1"),
        ("summary ~ '登录 ios'", "PAY-1"),
        ("summary ~ '录登'", ""),
        ("summary !~ 登录", "PAY-2 PAY-3 PAY-4"),
        ("text ~ 登", "PAY-1 PAY-4"),
        ("text ~ '登录 OR できません'", "PAY-1 PAY-2"),
        ("text ~ '登 -失败'", "PAY-4"),
        ("comment ~ 로그인", "PAY-3"),
        ("Notes ~ '登记*'", "PAY-4"),
        ("Notes ~ '记pdf'", "PAY-4"),
    ];
    check(&site, &examples).await;
    site.database.remove().await;
}

/// The mirror has read no issue again since.
#[tokio::test]
async fn versions_and_components_are_meant_by_the_names_they_have_now() {
    let site = Site::open().await;
    let renamed = ReferenceRecords {
        versions: vec![version(20, "Aurora", Some(5)), version(21, "Zenith", Some(1))],
        components: vec![component(10, "zz gateway")],
        ..Default::default()
    };
    let mut tx = site.database.begin(site.tenant).await;
    tx.upsert_reference(site.instance, &renamed, false).await.unwrap();
    tx.commit().await.unwrap();
    let examples = [
        ("fixVersion ~ 'auror*'", "PAY-3"),
        ("fixVersion ~ '9.*'", ""),
        ("fixVersion !~ '9.*'", "PAY-3"),
        ("fixVersion was Aurora", "PAY-3"),
        ("fixVersion was not Aurora", "OPS-1 OPS-2 PAY-1 PAY-2 PAY-10"),
        ("affectedVersion ~ Zenith", "PAY-2"),
    ];
    check(&site, &examples).await;

    let issue = |id: u32, key: &str, field: &str, value: &str, name: &str| {
        with(bundle(id, key), |b| values(b, field, &[(Some(value), name)]))
    };
    site.store(&[
        issue(401, "PAY-41", "components", "11", "web"),
        issue(402, "PAY-42", "components", "10", "API"),
        issue(403, "PAY-43", "versions", "20", "9.1"),
        issue(404, "PAY-44", "versions", "21", "9.0"),
        issue(405, "PAY-45", "versions", "22", "10.0"),
    ])
    .await;
    let ordered = "key in (PAY-41, PAY-42) ORDER BY component";
    assert_eq!(site.ordered(ordered).await, "PAY-41 PAY-42");
    // In the order of their project: Zenith, 10.0, Aurora.
    let ordered = "key in (PAY-43, PAY-44, PAY-45) ORDER BY affectedVersion";
    assert_eq!(site.ordered(ordered).await, "PAY-44 PAY-45 PAY-43");
    site.database.remove().await;
}

fn child(id: u32, key: &str, parent: Option<(&str, &str)>, epic: Option<&str>) -> IssueBundle {
    with(bundle(id, key), |b| {
        b.issue.parent = parent.map(|(id, key)| (id.into(), key.into()));
        b.issue.epic_key = epic.map(str::to_owned);
    })
}

#[tokio::test]
async fn functions_of_what_is_below_what() {
    let site = Site::empty().await;
    site.store(&[
        child(1, "PAY-1", None, None),
        child(2, "PAY-2", Some(("1", "PAY-1")), Some("PAY-1")),
        child(3, "PAY-3", Some(("2", "PAY-2")), None),
        // An epic's link on a Server is no parent.
        child(4, "PAY-4", None, Some("PAY-1")),
        child(5, "PAY-5", Some(("4", "PAY-4")), None),
        child(6, "PAY-6", None, Some("PAY-99")),
    ])
    .await;
    let examples = [
        ("issue in childIssuesOf(PAY-1)", "PAY-2 PAY-3 PAY-4 PAY-5"),
        ("issue in childIssuesOf(PAY-2, PAY-4)", "PAY-3 PAY-5"),
        ("key not in childIssuesOf('PAY-1')", "PAY-1 PAY-6"),
        ("parentEpic = PAY-1", "PAY-2 PAY-3 PAY-4 PAY-5"),
        ("parentEpic != PAY-1", "PAY-6"),
        ("parentEpic in (PAY-1, PAY-99)", "PAY-2 PAY-3 PAY-4 PAY-5 PAY-6"),
        ("issue in parentEpic(PAY-1)", "PAY-2 PAY-3 PAY-4 PAY-5"),
        ("type in standardWorkItemTypes() and key = PAY-1", "PAY-1"),
        ("type in subtaskWorkItemTypes()", ""),
        ("issue in watchedWorkItems()", ""),
    ];
    check(&site, &examples).await;
    for (jql, expected) in [
        ("issue in childIssuesOf(PAY-7)", "An issue with key 'PAY-7' does not exist for field 'issue'."),
        (
            "issue in childIssuesOf()",
            "Function 'childIssuesOf' expected at least '1' arguments but received '0'.",
        ),
    ] {
        assert_eq!(site.refusal(jql).await, expected);
    }
    // Keys sort by their number.
    site.store(&[child(10, "PAY-10", None, None), child(11, "PAY-11", Some(("10", "PAY-10")), None)]).await;
    assert_eq!(site.ordered("parent is not EMPTY ORDER BY parent, key").await, "PAY-2 PAY-3 PAY-5 PAY-11");
    site.database.remove().await;
}

#[tokio::test]
async fn issues_with_a_text_are_those_of_text() {
    let site = Site::open().await;
    for text in ["login", "firefox", "reworked form", "card"] {
        let expected = site.find(&format!("text ~ '{text}'")).await;
        assert!(!expected.is_empty(), "{text}");
        assert_eq!(site.find(&format!("issue in issuesWithText('{text}')")).await, expected, "{text}");
    }
    assert_eq!(
        site.find("issue not in issuesWithText('card') AND project = PAY").await,
        "PAY-1 PAY-2 PAY-10"
    );
    site.database.remove().await;
}

fn option(id: &str, value: &str, parent: Option<&str>, sequence: i32) -> OptionRecord {
    OptionRecord {
        field_key: "customfield_10040".into(),
        jira_id: id.into(),
        context_id: None,
        parent_id: parent.map(str::to_owned),
        value: value.into(),
        sequence: Some(sequence),
        disabled: false,
        raw: json!({"id": id, "value": value}),
    }
}

#[tokio::test]
async fn options_of_options() {
    let site = Site::empty().await;
    let place = FieldRecord {
        field_key: "customfield_10040".into(),
        name: "Place".into(),
        field_type: None,
        custom: true,
        raw: json!({"schema": {"custom": "com.atlassian.jira.plugin.system.customfieldtypes:cascadingselect"}}),
    };
    let rosters = ReferenceRecords {
        fields: vec![place],
        options: vec![
            option("1", "Europe", None, 1),
            option("2", "Asia", None, 0),
            option("3", "Berlin", Some("1"), 0),
            option("4", "Oslo", Some("1"), 1),
        ],
        ..Default::default()
    };
    let mut tx = site.database.begin(site.tenant).await;
    tx.upsert_reference(site.instance, &rosters, false).await.unwrap();
    tx.commit().await.unwrap();
    let at = |id: u32, key: &str, place: &[(Option<&str>, &str)]| {
        with(bundle(id, key), |b| values(b, "customfield_10040", place))
    };
    site.store(&[
        at(1, "PAY-1", &[(Some("1"), "Europe"), (Some("3"), "Berlin")]),
        at(2, "PAY-2", &[(Some("1"), "Europe"), (Some("4"), "Oslo")]),
        at(3, "PAY-3", &[(Some("1"), "Europe")]),
        at(4, "PAY-4", &[(Some("2"), "Asia")]),
        at(5, "PAY-5", &[]),
    ])
    .await;
    let examples = [
        ("Place in cascadeOption(Europe)", "PAY-1 PAY-2 PAY-3"),
        ("Place in cascadeOption(Europe, Berlin)", "PAY-1"),
        ("Place in cascadeOption('1', '4')", "PAY-2"),
        ("Place in cascadeOption(Asia, Berlin)", ""),
        ("Place in cascadeOption(Europe, none)", "PAY-3"),
        ("Place not in cascadeOption(Europe, Berlin)", "PAY-2 PAY-3 PAY-4"),
        ("Place in (cascadeOption(Europe, Oslo), Asia)", "PAY-2 PAY-4"),
    ];
    check(&site, &examples).await;
    // In the order of the options, which is not that of the letters.
    assert_eq!(site.ordered("Place is not EMPTY ORDER BY Place, key").await, "PAY-4 PAY-1 PAY-2 PAY-3");
    let expected = "The function 'cascadeOption' cannot be used with the field 'labels'.";
    assert_eq!(site.refusal("labels in cascadeOption(x)").await, expected);
    site.database.remove().await;
}

#[tokio::test]
async fn what_only_some_issues_were_asked_is_told() {
    let site = Site::open().await;
    let warnings = async |jql: &str| site.search(&site.request(jql)).await.unwrap().warnings;
    assert_eq!(warnings("'Story Points' > 1").await, Vec::<String>::new());
    assert_eq!(
        warnings("'Size' = 12").await,
        [
            "The name 'Size' stands for fields of several types: customfield_10036 was searched, customfield_10037 was not. \
          Name a field by its id, as cf[10001]."
        ]
    );
    assert_eq!(warnings("cf[10037] ~ x").await, Vec::<String>::new());

    let records = ReferenceRecords { projects: vec![crate::bundles::project("WEB")], ..Default::default() };
    let other =
        site.database.instance(site.tenant, "bare", application::instances::InstanceKind::Cloud).await;
    let mut tx = site.database.begin(site.tenant).await;
    tx.upsert_reference(other, &records, false).await.unwrap();
    tx.commit().await.unwrap();
    let page = site.search(&site.request("'Story Points' > 5 OR Team = Blue ORDER BY key")).await.unwrap();
    assert_eq!(keys(&page), "PAY-2 PAY-3");
    assert_eq!(
        page.warnings,
        [
            "The field 'Story Points' does not exist at 'bare': issues there have no value of it.",
            "The field 'Team' does not exist at 'bare': issues there have no value of it.",
        ]
    );
    // Within one instance there is nothing to be told.
    let mut request = site.request("'Story Points' > 5");
    request.instance = Some(site.instance);
    assert!(site.search(&request).await.unwrap().warnings.is_empty());
    site.database.remove().await;
}

#[tokio::test]
async fn every_field_that_has_an_order_is_sorted_by() {
    let site = Site::open().await;
    for field in [
        "environment",
        "description",
        "level",
        "category",
        "projectType",
        "parent",
        "'Epic Link'",
        "component",
        "fixVersion",
        "affectedVersion",
        "labels",
        "Team",
        "Owner",
        "Notes",
        "Launch",
        "'Seen at'",
        "Rank",
        "sprint",
        "resolution",
        "status",
        "type",
        "workRatio",
        "votes",
        "hierarchyLevel",
        "statusCategory",
        "creator",
    ] {
        for direction in ["ASC", "DESC"] {
            let page = site.search(&site.request(&format!("ORDER BY {field} {direction}"))).await;
            assert_eq!(page.unwrap_or_else(|error| panic!("{field}: {error}")).issues.len(), 6, "{field}");
        }
    }
    assert_eq!(
        site.refusal("ORDER BY universe").await,
        "Field 'universe' does not exist or you do not have permission to view it."
    );
    assert_eq!(site.refusal("ORDER BY attachments").await, "Not able to sort using field 'attachments'.");
    assert_eq!(site.ordered("description is not EMPTY ORDER BY description DESC").await, "PAY-2 PAY-3");
    site.database.remove().await;
}
