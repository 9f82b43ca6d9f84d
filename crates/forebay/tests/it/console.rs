//! The pages, in a real browser, wide and narrow.

use crate::{app::TestApp, browser::Browser};

async fn filled() -> TestApp {
    let app = TestApp::start().await;
    app.sandbox("source", 200);
    app.mirror("copy", "source", "cloud");
    app.json(&["sync", "run", "copy", "--tenant", "acme", "--wait"]);
    app
}

async fn sign_in(browser: &Browser, app: &TestApp) {
    browser.go(&format!("{}/", app.url)).await;
    assert_eq!(browser.path().await, "/login", "a stranger is asked to sign in");
    browser.fill("input[name=key]", &app.key).await;
    browser.click("form button[type=submit]").await;
    browser.wait_for("Throughput").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_fits_wide_and_narrow_windows() {
    let app = filled().await;
    for (width, height) in [(1440, 1000), (390, 844)] {
        let browser = Browser::open(width, height).await;
        sign_in(&browser, &app).await;
        for (path, said) in [
            ("/", "Throughput"),
            ("/issues", "JQL"),
            ("/issues?jql=project%20%3D", "Expecting either a value"),
            ("/issues/10001?instance=copy", "Add a comment"),
            ("/instances", "copy"),
            ("/instances/copy", "200"),
            ("/audit", "add instance"),
            ("/nowhere", "404"),
        ] {
            browser.go(&format!("{}{path}", app.url)).await;
            browser.wait_for(said).await;
            assert_eq!(browser.overflow().await, 0, "{path} must be scrolled sideways at {width} px");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lead_follows_a_number_to_its_issues_and_writes() {
    let app = filled().await;
    let browser = Browser::open(1440, 1000).await;
    sign_in(&browser, &app).await;
    assert_eq!(
        browser.run("return document.querySelectorAll('svg').length > 0").await,
        true,
        "the trend is drawn"
    );

    browser
        .go(&format!(
            "{}/issues?instance=copy&jql=statusCategory%20%3D%20%22To%20Do%22%20ORDER%20BY%20key",
            app.url
        ))
        .await;
    browser.click("table tbody a[href^='/issues/']").await;
    browser.wait_for("Add a comment").await;
    browser.fill("textarea[name=body]", "Seen by a **person**").await;
    browser.click("form[action*='/comments'] button[type=submit]").await;
    browser.wait_for("Seen by a person").await;
    assert_eq!(browser.run("return document.querySelector('strong') !== null").await, true);
    browser.click("form[action*='/transitions'] button[type=submit]").await;
    browser.wait_for("In Progress").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_show_another_tenant_nothing() {
    let app = filled().await;
    app.cli(&["tenant", "create", "globex"]);
    let theirs = app.key_for("globex", "read,admin");
    let browser = Browser::open(1440, 1000).await;
    browser.go(&format!("{}/login", app.url)).await;
    browser.fill("input[name=key]", &theirs).await;
    browser.click("form button[type=submit]").await;
    browser.wait_for("Work Pulse").await;
    for path in ["/issues/10001", "/instances/copy"] {
        browser.go(&format!("{}{path}", app.url)).await;
        browser.wait_for("404").await;
    }
    browser.go(&format!("{}/instances", app.url)).await;
    assert!(!browser.text().await.contains("copy"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_key_does_not_sign_in() {
    let app = TestApp::start().await;
    let browser = Browser::open(390, 844).await;
    browser.go(&format!("{}/login", app.url)).await;
    browser.fill("input[name=key]", "fb_wrong").await;
    browser.click("form button[type=submit]").await;
    browser.wait_for("wrong, expired or revoked").await;
    assert_eq!(browser.path().await, "/login");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backfill_is_watched_live() {
    let app = TestApp::start_with(&[("FOREBAY_JIRA_REQUESTS_PER_MINUTE", "240")]).await;
    app.sandbox("source", 1_500);
    app.mirror("copy", "source", "cloud");
    let browser = Browser::open(1440, 1000).await;
    sign_in(&browser, &app).await;
    browser.go(&format!("{}/instances/copy", app.url)).await;
    app.post("/v1/instances/copy/sync", serde_json::json!({})).await.ok();
    // Nobody reloads the page: what it says comes over its event stream.
    browser.run("window.stayed = true").await;
    browser.wait_for("copying issues").await;
    browser.wait_for("1,500").await;
    assert_eq!(browser.run("return window.stayed === true").await, true, "the page was not reloaded");
}
