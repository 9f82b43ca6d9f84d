//! The demo's journey: one command, and a Jira flows into PostgreSQL and out of every door; run again, it is all there.

use std::{
    io::{BufRead, BufReader, Read},
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use crate::app::{BINARY, client, eventually, free_port, signal};

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("forebay-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn command(folder: &Folder, port: u16) -> Command {
    let mut command = Command::new(BINARY);
    for variable in ["DATABASE_URL", "REDIS_URL", "FOREBAY_MASTER_KEY", "FOREBAY_PUBLIC_URL"] {
        command.env_remove(variable);
    }
    command
        .args(["demo", "--seed", "5", "--json"])
        .args(["--listen", &format!("127.0.0.1:{port}"), "--data-dir", folder.0.to_str().unwrap()])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Starts the demo and waits until it says that it is ready.
fn demo(folder: &Folder, port: u16) -> (Child, Value) {
    let mut child = command(folder, port).args(["--issues", "200"]).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    if line.is_empty() {
        let mut said = String::new();
        child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        panic!("the demo did not begin: {said}");
    }
    (child, serde_json::from_str(&line).unwrap())
}

fn stop(mut child: Child) {
    signal(&child, "INT");
    let ended = child.wait().unwrap();
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert!(ended.success(), "{said}");
}

/// Ended while it still prepares itself, it leaves no server running.
#[tokio::test(flavor = "multi_thread")]
async fn a_demo_that_is_ended_early_stops_its_database() {
    let folder = Folder::new("demo-ended-early");
    let server = folder.0.join("postgres/postmaster.pid");
    let child = command(&folder, free_port()).args(["--issues", "20000"]).spawn();
    let child = child.unwrap();
    eventually(async || server.exists(), |runs| *runs).await;
    signal(&child, "TERM");
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.stdout.is_empty(), "it was ended before it was ready");
    assert!(!server.exists(), "PostgreSQL still runs");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_command_runs_the_main_job_and_comes_back_with_its_data() {
    let folder = Folder::new("demo");
    let (child, said) = demo(&folder, free_port());
    let (url, key) = (said["url"].as_str().unwrap().to_owned(), said["key"].as_str().unwrap().to_owned());
    let get = async |path: &str| -> Value {
        client().get(format!("{url}{path}")).bearer_auth(&key).send().await.unwrap().json().await.unwrap()
    };

    let found = get("/v1/issues?total=true&limit=1&jql=").await;
    assert_eq!(found["total"], 200, "the mirror has the whole sandbox: {found}");
    let page = client().get(said["console"].as_str().unwrap()).send().await.unwrap();
    assert!(page.status().is_redirection() && page.headers().contains_key("set-cookie"), "{page:?}");
    crate::newcomer::link_is_used_up(said["console"].as_str().unwrap()).await;
    let server = &said["mcp"]["mcpServers"]["forebay"];
    assert_eq!(server["url"], format!("{url}/mcp"));

    let other = said["upstream_key"].as_str().unwrap();
    let basic = format!("Basic {}", STANDARD.encode(format!("me@example.com:{other}")));
    let comment = client()
        .post(format!("{url}/jira/sandbox/rest/api/2/issue/10001/comment"))
        .header("authorization", &basic)
        .json(&json!({ "body": "Hello from the source" }))
        .send()
        .await
        .unwrap();
    assert_eq!(comment.status(), 201);
    eventually(
        async || get("/v1/issues/10001/comments?instance=jira").await,
        |comments| comments.to_string().contains("Hello from the source"),
    )
    .await;
    let theirs: Value = client()
        .get(format!("{url}/v1/instances"))
        .bearer_auth(other)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    let names: Vec<_> =
        theirs["instances"].as_array().unwrap().iter().map(|instance| &instance["name"]).collect();
    assert_eq!(names, ["sandbox"], "the sandbox's owner sees nothing of the mirror");
    assert_eq!(get("/v1/instances").await["instances"][0]["name"], "jira");

    let second = command(&folder, free_port()).output().unwrap();
    assert!(!second.status.success());
    assert!(String::from_utf8_lossy(&second.stderr).contains("demo"), "{second:?}");
    stop(child);

    // On another port: addresses follow, the data and the keys are the same.
    let (child, again) = demo(&folder, free_port());
    assert_eq!(again["key"], said["key"]);
    let url = again["url"].as_str().unwrap();
    let path = format!("{url}/v1/issues/10001/comments?instance=jira");
    let comments = client().get(path).bearer_auth(&key).send().await.unwrap().text().await.unwrap();
    assert!(comments.contains("Hello from the source"), "{comments}");
    stop(child);
}

#[test]
fn a_half_written_data_folder_is_told_or_mended() {
    let folder = Folder::new("broken");
    std::fs::create_dir_all(folder.0.join("postgres")).unwrap();
    std::fs::write(folder.0.join("postgres/leftover"), "x").unwrap();
    let output = command(&folder, free_port()).output().unwrap();
    assert!(!output.status.success());
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(told.contains(folder.0.to_str().unwrap()) && told.contains("error:"), "{told}");
}

#[test]
fn without_postgresql_one_line_says_what_to_install() {
    let folder = Folder::new("missing");
    let output = command(&folder, free_port()).env("FOREBAY_PG_BIN", "/does/not/exist").output().unwrap();
    assert!(!output.status.success());
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(told.contains("/does/not/exist") || told.contains("install"), "{told}");
}
