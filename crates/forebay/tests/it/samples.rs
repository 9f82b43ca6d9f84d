//! The recorded issues: into a sandbox, over HTTP into a mirror, and out of both again, equal to what went in.

use std::path::{Path, PathBuf};

use application::{erasure::ErasedPeople, ingest::clean_payload};
use infrastructure::crypto::Keyring;
use serde_json::{Value, json};

use crate::app::{MASTER_KEY, TestApp};

fn files() -> Option<Vec<PathBuf>> {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/samples/issues"));
    let mut files: Vec<_> = std::fs::read_dir(folder).ok()?.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    Some(files)
}

fn without_addresses(mut value: Value) -> Value {
    let keyring = Keyring::parse(&MASTER_KEY.to_owned().into()).unwrap();
    clean_payload(&mut value, &keyring, &ErasedPeople::default());
    value
}

#[tokio::test(flavor = "multi_thread")]
async fn recorded_issues_come_out_of_sandbox_and_mirror_as_they_went_in() {
    let Some(files) = files() else {
        eprintln!("skipped: the recorded samples are not part of a clone");
        return;
    };
    let app = TestApp::start().await;
    let (mut imported, mut copied, mut compared) = (0, 0, 0);
    for file in &files {
        // Each file is of another site: the same id is another status or resolution there, and a site has one name for it.
        let name = file.file_stem().unwrap().to_str().unwrap().to_lowercase();
        let (site, copy) = (format!("{name}-site"), format!("{name}-copy"));
        app.sandbox(&site, 0);
        let outcome = app.json(&["sandbox", "import", &site, "--tenant", "acme", file.to_str().unwrap()]);
        assert_eq!(outcome["rejected"], json!([]));
        imported += outcome["issues"].as_u64().unwrap();
        app.mirror(&copy, &site, "server");
        let run = app.json(&["sync", "run", &copy, "--tenant", "acme", "--wait"]);
        copied += run["issues"].as_u64().unwrap();

        let text = std::fs::read_to_string(file).unwrap();
        for (number, line) in text.lines().enumerate() {
            let original = without_addresses(serde_json::from_str(line).unwrap());
            // Every issue of the mirror, and a share of the sandbox's: the mirror could not have it right otherwise.
            let instances: &[&str] = if number % 10 == 0 { &[&copy, &site] } else { &[&copy] };
            for instance in instances {
                let key = original["key"].as_str().unwrap();
                let path = format!("/jira/{instance}/rest/api/2/issue/{key}?expand=changelog");
                let served = app.get(&path).await.ok();
                assert_eq!(served, original, "{key} of {instance}");
                compared += 1;
            }
        }
    }
    assert_eq!((imported, copied), (2_433, 2_433));
    assert!(compared > 2_433);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_malformed_line_is_reported_and_the_rest_loads() {
    let app = TestApp::start().await;
    app.sandbox("site", 0);
    let folder = std::env::temp_dir().join(format!("forebay-import-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("issues.jsonl");
    let good = json!({
        "id": "10001", "key": "PAY-1",
        "fields": {
            "summary": "Refund", "created": "2026-01-05T10:00:00.000+0000", "description": "h1. Wiki",
            "status": {"id": "1", "name": "Open", "statusCategory": {"key": "new"}},
            "project": {"id": "10", "key": "PAY", "name": "Payments"},
        },
    });
    std::fs::write(
        &file,
        format!("{good}\n{{\"id\":\n[]\n{{\"id\":\"7\",\"key\":\"PAY-2\",\"fields\":{{}}}}\n"),
    )
    .unwrap();
    let path = file.to_str().unwrap();
    let output = app.output(&["sandbox", "import", "site", path, "--tenant", "acme", "--json"]);
    assert_eq!(output.status.code(), Some(3), "it was done in part");
    let outcome: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(outcome["issues"], 1);
    let lines: Vec<_> = outcome["rejected"]
        .as_array()
        .unwrap()
        .iter()
        .map(|reject| reject["line"].as_u64().unwrap())
        .collect();
    assert_eq!(lines, [2, 3, 4]);
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains(&format!("{path}:3: is not an issue but an array")), "{told}");
    assert!(told.contains("issue has no status") || told.contains("has no"), "{told}");
    assert_eq!(app.get("/jira/site/rest/api/2/issue/PAY-1").await.ok(), good);
    std::fs::remove_dir_all(folder).unwrap();
}
