//! The promise: when faults stop, one catch-up and one census make the mirror equal to its source.
//!
//! A short run of `forebay bench converge`, by fixed seeds: a difference is a bug, and is repeated by its seed.

use std::process::Command;

use serde_json::Value;

use crate::app::BINARY;

/// A round each; between them they meet most kinds of faults, and crashes of PostgreSQL.
const SEEDS: [&str; 2] = ["5", "11"];

#[test]
#[ignore = "known differences: a link of a deleted issue stays; filters and contexts of fields are told in a shorter form than they are stored in"]
fn a_mirror_equals_its_source_once_the_faults_end() {
    for seed in SEEDS {
        let options =
            ["--rounds", "1", "--seed", seed, "--issues", "60", "--seconds", "8", "--writers", "2", "--json"];
        let mut command = Command::new(BINARY);
        for variable in
            ["DATABASE_URL", "REDIS_URL", "FOREBAY_MASTER_KEY", "FOREBAY_TENANT", "FOREBAY_PUBLIC_URL"]
        {
            command.env_remove(variable);
        }
        let output = command.args(["bench", "converge"]).args(options).output().unwrap();
        let (told, noted) =
            (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "seed {seed}: {told}\n{noted}");
        let outcome: Value = serde_json::from_str(&told).unwrap();
        let total = &outcome["total"];
        assert_eq!((&total["differences"], &total["rounds"]), (&0.into(), &1.into()), "seed {seed}: {told}");
        // It was something that was proved.
        let count = |table: &str| total["rows"][table].as_i64().unwrap();
        assert!(count("issues") >= 40 && count("changelogs") > 100 && count("comments") > 20, "{total}");
        assert!(total["worker_kills"].as_u64().unwrap() >= 1, "{total}");
        let faults = total["faults"].as_object().unwrap();
        assert!(faults.values().filter_map(Value::as_u64).sum::<u64>() > 0, "{faults:?}");
        let written = outcome["rounds"][0]["written"].as_object().unwrap();
        assert!(written.iter().filter(|(kind, _)| *kind != "refused").count() >= 1, "{written:?}");
    }
}
