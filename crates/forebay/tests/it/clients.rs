//! Real clients of Jira, unmodified and in pinned versions (`tests/clients`): programs that exist are what the compatible API is for.
//!
//! Their libraries come from their registries into a folder of this user's cache, once for each set of pins. Where a registry cannot be
//! reached the test says so and skips; anything else that keeps them from being installed fails it where `CI=true`.

use std::{
    fs::{self, File},
    hash::{DefaultHasher, Hash, Hasher},
    io::{Seek, Write},
    path::{Path, PathBuf},
    process::{Command, Output},
};

use serde_json::json;

use crate::app::TestApp;

/// How pip and npm say that they do not get through to their registry.
const OUT_OF_REACH: [&str; 8] = [
    "ECONNREFUSED",
    "ECONNRESET",
    "ENOTFOUND",
    "EAI_AGAIN",
    "ETIMEDOUT",
    "NewConnectionError",
    "ConnectTimeoutError",
    "Temporary failure in name resolution",
];

/// The scripts.
fn scripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/clients")
}

/// A folder for these pins, outside of the checkout and shared by all test processes.
fn installed(name: &str, pins: &str, install: impl FnOnce(&Path) -> Result<(), String>) -> Option<PathBuf> {
    let mut hasher = DefaultHasher::new();
    pins.hash(&mut hasher);
    let base = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let base = base.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")));
    let base = base.unwrap_or_else(std::env::temp_dir).join("forebay-clients");
    let folder = base.join(format!("{name}-{:016x}", hasher.finish()));
    fs::create_dir_all(&folder).unwrap();
    let mut stamp = File::options()
        .create(true)
        .truncate(false)
        .read(true)
        .write(true)
        .open(folder.join("installed"))
        .unwrap();
    stamp.lock().unwrap();
    if stamp.metadata().unwrap().len() > 0 {
        return Some(folder);
    }
    match install(&folder) {
        Ok(()) => {
            stamp.rewind().unwrap();
            stamp.write_all(b"yes\n").unwrap();
            Some(folder)
        }
        Err(why) => {
            let in_ci = std::env::var("CI").is_ok_and(|value| value == "true");
            let out_of_reach = OUT_OF_REACH.iter().any(|sign| why.contains(sign));
            assert!(!in_ci || out_of_reach, "the libraries of {name} could not be installed: {why}");
            eprintln!(
                "SKIPPED: the libraries of {name} could not be installed, so real clients were NOT tried: {why}"
            );
            None
        }
    }
}

fn done(mut command: Command) -> Result<(), String> {
    let output = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    match output.status.success() {
        true => Ok(()),
        false => Err(format!("{command:?}: {}", said(&output))),
    }
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// An interpreter of Python with the pinned libraries.
fn python(pins: &str) -> Option<PathBuf> {
    let pins = scripts().join("python").join(pins);
    let folder = installed("python", &fs::read_to_string(&pins).unwrap(), |folder| {
        let mut make = Command::new("python3");
        make.args(["-m", "venv", "--clear"]).arg(folder.join("venv"));
        done(make)?;
        let mut install = Command::new(folder.join("venv/bin/python"));
        let quiet =
            ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--requirement"];
        install.args(quiet).arg(&pins);
        done(install)
    })?;
    Some(folder.join("venv/bin/python"))
}

/// A folder with the pinned libraries for Node.js.
fn node() -> Option<PathBuf> {
    let pins = scripts().join("node/package-lock.json");
    installed("node", &fs::read_to_string(&pins).unwrap(), |folder| {
        for file in ["package.json", "package-lock.json"] {
            fs::copy(scripts().join("node").join(file), folder.join(file))
                .map_err(|error| error.to_string())?;
        }
        let mut install = Command::new("npm");
        install.args(["ci", "--no-audit", "--no-fund", "--ignore-scripts"]).current_dir(folder);
        done(install)
    })
}

/// A site as a script is told of it.
struct Target<'a> {
    name: &'a str,
    writes: bool,
    cloud: bool,
    boards: bool,
}

/// Runs a script against a site; its output is shown if it fails.
fn run(app: &TestApp, mut command: Command, target: &Target<'_>) {
    let flag = |value: bool| if value { "1" } else { "0" };
    command
        .env("SITE", format!("{}/jira/{}", app.url, target.name))
        .env("TOKEN", &app.key)
        .env("WRITES", flag(target.writes))
        .env("CLOUD", flag(target.cloud))
        .env("BOARDS", flag(target.boards))
        // Libraries write their caches where they stand, which is the checkout.
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("NO_PROXY", "*");
    let output = command.output().unwrap();
    let text = said(&output);
    eprintln!("{command:?} against {}:\n{text}", target.name);
    assert!(output.status.success(), "a real client stumbled over {}:\n{text}", target.name);
}

fn run_python(app: &TestApp, script: &str, target: &Target<'_>) {
    run_python_with(app, "requirements.txt", script, target);
}

fn run_python_with(app: &TestApp, pins: &str, script: &str, target: &Target<'_>) {
    let Some(python) = python(pins) else { return };
    let mut command = Command::new(python);
    command.arg(scripts().join("python").join(script));
    run(app, command, target);
}

fn run_node(app: &TestApp, script: &str, target: &Target<'_>) {
    let Some(libraries) = node() else { return };
    let mut command = Command::new("node");
    command.arg(scripts().join("node").join(script)).env("NODE_LIBRARIES", libraries);
    run(app, command, target);
}

/// A sandbox as Cloud is, and a mirror of it.
async fn cloud() -> TestApp {
    let app = TestApp::start().await;
    app.sandbox("play", 60);
    app.mirror("copy", "play", "cloud");
    app.cli(&["sync", "run", "copy", "--tenant", "acme", "--wait"]);
    app
}

const SANDBOX: Target<'_> = Target { name: "play", writes: true, cloud: true, boards: true };
const MIRROR: Target<'_> = Target { name: "copy", writes: false, cloud: true, boards: true };
const SERVER: Target<'_> = Target { cloud: false, ..SANDBOX };
const MIRROR_OF_SERVER: Target<'_> = Target { cloud: false, ..MIRROR };

/// A sandbox as Server and Data Center are, and a mirror of it.
async fn server() -> TestApp {
    let app = TestApp::start().await;
    app.sandbox("play", 0);
    app.cli(&["sandbox", "seed", "play", "--server", "--tenant", "acme", "--issues", "60", "--seed", "7"]);
    app.mirror("copy", "play", "datacenter");
    app.cli(&["sync", "run", "copy", "--tenant", "acme", "--wait"]);
    app
}

#[tokio::test(flavor = "multi_thread")]
async fn pycontribs_speaks_to_a_sandbox_and_to_its_mirror() {
    let app = cloud().await;
    // The mirror first: the sandbox tells it of every write.
    run_python(&app, "pycontribs.py", &MIRROR);
    run_python(&app, "pycontribs.py", &SANDBOX);
}

#[tokio::test(flavor = "multi_thread")]
async fn atlassian_python_api_speaks_to_a_sandbox_and_to_its_mirror() {
    let app = cloud().await;
    run_python(&app, "atlassian_api.py", &MIRROR);
    run_python(&app, "atlassian_api.py", &SANDBOX);
}

/// It takes every site on a host that is not Atlassian's for a Server.
#[tokio::test(flavor = "multi_thread")]
async fn the_tools_of_mcp_atlassian_speak_to_a_sandbox_and_to_its_mirror() {
    let app = server().await;
    for target in [&MIRROR_OF_SERVER, &SERVER] {
        run_python_with(&app, "mcp_requirements.txt", "mcp_atlassian_tools.py", target);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn jira_js_speaks_to_a_sandbox_and_to_its_mirror() {
    let app = cloud().await;
    run_node(&app, "jira_js.mjs", &MIRROR);
    run_node(&app, "jira_js.mjs", &SANDBOX);
}

/// Issues as Server and Data Center export them: wiki markup, users with names and keys, no boards.
fn recorded(folder: &Path) -> PathBuf {
    let person = |name: &str| {
        json!({ "name": name, "key": format!("JIRAUSER{}", name.len()), "displayName": name, "active": true,
                "timeZone": "Etc/UTC" })
    };
    let category = json!({ "id": 2, "key": "new", "colorName": "blue-gray", "name": "To Do" });
    let started = json!({ "id": 4, "key": "indeterminate", "colorName": "yellow", "name": "In Progress" });
    let lines = (1..=12).map(|number: u32| {
        let status = match number % 2 {
            0 => json!({ "id": "1", "name": "Open", "statusCategory": category }),
            _ => json!({ "id": "3", "name": "In Progress", "statusCategory": started }),
        };
        json!({
            "id": (10_000 + number).to_string(), "key": format!("OLD-{number}"),
            "self": format!("https://old.example.com/rest/api/2/issue/{}", 10_000 + number),
            "fields": {
                "summary": format!("Number {number}"), "description": "h1. *Bold* words",
                "project": { "id": "10000", "key": "OLD", "name": "Old things" },
                "issuetype": { "id": "3", "name": "Task", "subtask": false },
                "status": status, "priority": { "id": "3", "name": "Major" }, "resolution": null,
                "created": format!("2025-01-{number:02}T10:00:00.000+0000"), "updated": "2025-02-01T10:00:00.000+0000",
                "reporter": person("alice"), "creator": person("alice"), "assignee": person("robert"),
                "labels": ["old"], "components": [], "fixVersions": [], "versions": [], "issuelinks": [],
                "subtasks": [], "attachment": [], "comment": { "comments": [], "total": 0, "maxResults": 0, "startAt": 0 },
                "worklog": { "worklogs": [], "total": 0, "maxResults": 20, "startAt": 0 },
                "votes": { "votes": 0, "hasVoted": false }, "watches": { "watchCount": 0, "isWatching": false },
            },
            "changelog": { "startAt": 0, "maxResults": 0, "total": 0, "histories": [] },
        })
        .to_string()
    });
    let file = folder.join("old.jsonl");
    fs::write(&file, lines.collect::<Vec<_>>().join("\n")).unwrap();
    file
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_of_server_speak_to_a_sandbox_that_recorded_one() {
    let app = TestApp::start().await;
    let folder = std::env::temp_dir().join(format!("forebay-clients-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let file = recorded(&folder);
    app.sandbox("old", 0);
    app.cli(&["sandbox", "import", "old", "--tenant", "acme", file.to_str().unwrap()]);
    fs::remove_dir_all(&folder).unwrap();
    let target = Target { name: "old", writes: true, cloud: false, boards: false };
    run_python(&app, "pycontribs.py", &target);
    run_python(&app, "atlassian_api.py", &target);
}

#[tokio::test(flavor = "multi_thread")]
async fn pycontribs_speaks_to_a_server_and_to_its_mirror() {
    let app = server().await;
    run_python(&app, "pycontribs.py", &MIRROR_OF_SERVER);
    run_python(&app, "pycontribs.py", &SERVER);
}

#[tokio::test(flavor = "multi_thread")]
async fn atlassian_python_api_speaks_to_a_server_and_to_its_mirror() {
    let app = server().await;
    run_python(&app, "atlassian_api.py", &MIRROR_OF_SERVER);
    run_python(&app, "atlassian_api.py", &SERVER);
}

#[tokio::test(flavor = "multi_thread")]
async fn jira_js_speaks_to_a_server_and_to_its_mirror() {
    let app = server().await;
    run_node(&app, "jira_js.mjs", &MIRROR_OF_SERVER);
    run_node(&app, "jira_js.mjs", &SERVER);
}
