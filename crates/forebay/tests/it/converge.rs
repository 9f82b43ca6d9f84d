//! The promise: when faults stop, one catch-up and one census make the mirror equal to its source.
//!
//! A short run of `forebay bench converge`, by fixed seeds: a difference is a bug, and is repeated by its seed.

use std::{
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::app::{BINARY, signal};

fn bench(options: &[&str]) -> Command {
    let mut command = Command::new(BINARY);
    for variable in
        ["DATABASE_URL", "REDIS_URL", "FOREBAY_MASTER_KEY", "FOREBAY_TENANT", "FOREBAY_PUBLIC_URL"]
    {
        command.env_remove(variable);
    }
    command.args(["bench", "converge"]).args(options);
    command
}

#[test]
fn mirrors_equal_their_sources_once_the_faults_end() {
    let options =
        ["--rounds", "2", "--seed", "5", "--issues", "60", "--seconds", "8", "--writers", "2", "--json"];
    let output = bench(&options).output().unwrap();
    let (told, noted) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{told}\n{noted}");
    let outcome: Value = serde_json::from_str(&told).unwrap();
    let total = &outcome["total"];
    assert_eq!((&total["differences"], &total["rounds"]), (&0.into(), &2.into()), "{told}");
    // It was something that was proved: of two rounds, at two sites each.
    let count = |table: &str| total["rows"][table].as_i64().unwrap();
    assert!(
        count("issues") >= 120
            && count("issues at the doors") >= 120
            && count("changelogs") > 200
            && count("comments") > 40,
        "{total}"
    );
    assert!(
        count("field_contexts") > 0 && count("filters") > 0 && count("issues.source_hash") > 0,
        "{total}"
    );
    assert!(total["deaths"]["workers killed"].as_u64().unwrap() >= 2, "{total}");
    let written = total["written"].as_object().unwrap();
    assert!(written.contains_key("edit comment silently") && written.contains_key("watch"), "{written:?}");
    let deeds = ["project", "permission", "rename", "late bulk change", "security level", "freed key"];
    let administered = |done: &str| deeds.iter().any(|deed| done.contains(deed));
    assert!(written.keys().any(|done| administered(done)), "{written:?}");
    let faults = total["faults"].as_object().unwrap();
    assert!(faults.len() >= 5, "{faults:?}");
    let left_out = total["left_out"].as_object().unwrap();
    assert!(left_out.values().all(|reason| reason.as_str().unwrap().len() > 10), "each with its reason");
}

/// The command lines of the processes that run on a data folder of the bench, which is in their arguments or their environment.
fn processes_of(bench: u32) -> Vec<String> {
    let folder = format!("forebay-bench-{bench}-");
    let processes = std::fs::read_dir("/proc").unwrap().filter_map(|entry| {
        let path = entry.ok()?.path();
        let text = |file| Some(String::from_utf8_lossy(&std::fs::read(path.join(file)).ok()?).into_owned());
        let (arguments, environment) = (text("cmdline")?, text("environ").unwrap_or_default());
        let is_other = path.file_name()?.to_str()? != bench.to_string();
        (is_other && (arguments.contains(&folder) || environment.contains(&folder))).then_some(arguments)
    });
    processes.collect()
}

/// Waits for as long as a busy machine may need.
fn until(mut happens: impl FnMut() -> bool) {
    let began = Instant::now();
    while !happens() {
        assert!(began.elapsed() < Duration::from_secs(180));
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn who_stops_a_round_leaves_no_process_behind() {
    let mut stopped = bench(&["--rounds", "1", "--seconds", "600", "--issues", "10"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let bench = stopped.id();
    until(|| processes_of(bench).iter().filter(|arguments| arguments.contains("\0worker")).count() == 2);
    signal(&stopped, "TERM");
    assert!(!stopped.wait().unwrap().success());
    until(|| processes_of(bench).is_empty());
    let left: Vec<_> = std::fs::read_dir(std::env::temp_dir())
        .unwrap()
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.starts_with(&format!("forebay-bench-{bench}-")))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}
