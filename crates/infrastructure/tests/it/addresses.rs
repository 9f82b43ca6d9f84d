//! People are found by their e-mail addresses, of which only keyed hashes are stored.

use std::sync::Arc;

use application::{
    ports::{Secrets, TenantTx},
    reference::{FieldValueRecord, ReferenceRecords, UserRecord},
    search::{SearchRequest, SearchStart, parse_jql},
    site_lists::PeopleQuery,
};
use chrono_tz::Tz;
use domain::ids::{InstanceId, TenantId};
use infrastructure::crypto::Keyring;

use crate::{
    bundles::{at, changed, issue, status_change, user},
    database::TestDatabase,
};

const ADDRESS: &str = "Ann.Lee@Example.com";

/// Ann has PAY-1 and moved it; Bob has PAY-2.
async fn site() -> (TestDatabase, TenantId, InstanceId) {
    let keyring = Arc::new(Keyring::parse(&"07".repeat(32).into()).unwrap());
    let hash = keyring.email_hash(ADDRESS);
    let mut base = TestDatabase::create().await;
    base.db = base.db.finding_addresses_by(keyring);
    let (tenant, instance) = base.mirror().await;
    let page = [
        changed(&issue(1, "PAY-1"), 0, |bundle| {
            bundle.issue.labels = vec![ADDRESS.into()];
            bundle.values = vec![FieldValueRecord {
                field_id: "labels".into(),
                ordinal: 0,
                value_id: None,
                text: Some(ADDRESS.into()),
                number: None,
                time: None,
            }];
            bundle.histories = vec![status_change(31, 1, ("1", "To Do"), ("3", "Done"))];
        }),
        changed(&issue(2, "PAY-2"), 0, |bundle| bundle.issue.assignee = Some("bob".into())),
    ];
    let ann = UserRecord { email_hash: Some(hash), ..user("ann", "Ann") };
    let mut tx = base.begin(tenant).await;
    tx.upsert_issues(instance, &page).await.unwrap();
    let people = ReferenceRecords { users: vec![ann], ..ReferenceRecords::default() };
    tx.upsert_reference(instance, &people, false).await.unwrap();
    tx.commit().await.unwrap();
    (base, tenant, instance)
}

fn request(jql: &str) -> SearchRequest {
    SearchRequest {
        query: parse_jql(jql).unwrap(),
        instance: None,
        start: SearchStart::Offset(0),
        limit: 50,
        with_total: false,
        now: at(0),
        zone: Tz::UTC,
        current_user: None,
    }
}

async fn found(tx: &mut dyn TenantTx, jql: &str) -> String {
    match tx.search(&request(jql)).await {
        Ok(page) => page.issues.into_iter().map(|row| row.key).collect::<Vec<_>>().join(" "),
        Err(error) => error.to_string(),
    }
}

#[tokio::test]
async fn a_query_names_a_person_by_the_whole_address_in_any_case() {
    let (base, tenant, _) = site().await;
    let mut tx = base.begin(tenant).await;
    let examples = [
        ("assignee = 'ann.lee@example.com'", "PAY-1"),
        ("assignee = 'ANN.LEE@EXAMPLE.COM' ORDER BY key", "PAY-1"),
        ("assignee in ('ann.lee@example.com', bob) ORDER BY key", "PAY-1 PAY-2"),
        ("assignee != 'ann.lee@example.com'", "PAY-2"),
        ("assignee was 'ann.lee@example.com'", "PAY-1"),
        ("reporter = 'ann.lee@example.com'", ""),
    ];
    for (jql, keys) in examples {
        assert_eq!(found(tx.as_mut(), jql).await, keys, "{jql}");
    }
    // Nobody, and a part of an address.
    for jql in ["assignee = 'nobody@example.com'", "assignee = 'ann.lee@example'"] {
        assert!(found(tx.as_mut(), jql).await.contains("does not exist"), "{jql}");
    }
    // What is no person is compared as it stands.
    assert_eq!(found(tx.as_mut(), "labels = 'ann.lee@example.com'").await, "PAY-1");
    drop(tx);
    base.remove().await;
}

/// Whoever reads statements, their parameters or the database's log meets the hash alone.
#[tokio::test]
async fn the_address_goes_into_no_statement() {
    let (base, tenant, _) = site().await;
    let mut tx = base.begin(tenant).await;
    let explained = tx.explain(&request("assignee = 'ann.lee@example.com'")).await.unwrap();
    assert!(!explained.is_empty());
    let text = format!("{explained:?}").to_lowercase();
    assert!(!text.contains("ann.lee"), "{text}");
    drop(tx);
    base.remove().await;
}

#[tokio::test]
async fn people_are_searched_by_the_whole_address() {
    let (base, tenant, instance) = site().await;
    let mut tx = base.begin(tenant).await;
    let mut names = async |query: PeopleQuery| -> Vec<String> {
        let found = tx.people(instance, &PeopleQuery { limit: 10, ..query }).await.unwrap();
        found.iter().map(|user| user["displayName"].as_str().unwrap_or_default().to_owned()).collect()
    };
    let by_text = |text: &str| PeopleQuery { text: Some(text.into()), ..PeopleQuery::default() };
    assert_eq!(names(by_text("ann.lee@EXAMPLE.com")).await, ["Ann"]);
    assert_eq!(names(PeopleQuery { login: Some(ADDRESS.into()), ..PeopleQuery::default() }).await, ["Ann"]);
    assert!(names(by_text("ann.lee@example.org")).await.is_empty());
    assert_eq!(names(by_text("an")).await, ["Ann"]);
    drop(tx);
    base.remove().await;
}
