//! Which rows of the feeds of worklogs say something that the copy does not have.

use crate::{
    bundles::{at, changed, issue, worklog},
    database::TestDatabase,
};

#[tokio::test]
async fn only_what_the_copy_lacks_is_looked_at() {
    let base = TestDatabase::create().await;
    let (tenant, instance) = base.mirror().await;
    let bundle = changed(&issue(1, "PAY-1"), 5, |bundle| bundle.worklogs = vec![worklog(7, 60, 3)]);
    let mut tx = base.begin(tenant).await;
    tx.upsert_issues(instance, &[bundle]).await.unwrap();
    let feed = [("7".to_owned(), at(3)), ("8".to_owned(), at(3))];
    assert_eq!(tx.unknown_worklogs(instance, &feed).await.unwrap(), ["8"]);
    let later = [("7".to_owned(), at(4)), ("7".to_owned(), at(3))];
    assert_eq!(tx.unknown_worklogs(instance, &later).await.unwrap(), ["7"], "it was changed since");
    let deleted = ["7".to_owned(), "8".to_owned()];
    assert_eq!(tx.issues_of_worklogs(instance, &deleted).await.unwrap(), ["1"]);
    drop(tx);
    base.remove().await;
}
