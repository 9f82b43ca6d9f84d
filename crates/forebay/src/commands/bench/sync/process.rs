//! A process of the benchmark, and what it costs, as Linux counts it.

use std::{
    fs::File,
    path::Path,
    process::{Child, Command, Stdio},
};

use crate::failure::Failure;

/// Linux counts processor time for user space in hundredths of a second, on every architecture.
const TICKS_A_SECOND: f64 = 100.0;

/// What a run is given in its own environment is for it alone.
const OWN: [&str; 6] = [
    "DATABASE_URL",
    "REDIS_URL",
    "FOREBAY_PUBLIC_URL",
    "FOREBAY_TENANT",
    "FOREBAY_MASTER_KEY",
    "FOREBAY_API_KEY",
];

/// A process of this same program on a data folder. Dropping it kills it.
pub(super) struct Process(Child);

impl Process {
    /// Starts `forebay ROLE`; its log is in the data folder.
    pub(super) fn start(
        folder: &Path,
        role: &str,
        port: u16,
        environment: &[(&str, String)],
    ) -> Result<Self, Failure> {
        let log = File::create(folder.join(format!("{role}.log")))?;
        let mut command = Command::new(std::env::current_exe()?);
        OWN.iter().for_each(|variable| {
            command.env_remove(variable);
        });
        command
            .arg(role)
            .env("FOREBAY_DATA_DIR", folder)
            .env("FOREBAY_LISTEN", format!("127.0.0.1:{port}"))
            .env("FOREBAY_ALLOW_PRIVATE_NETWORKS", "127.0.0.0/8")
            .envs(environment.iter().map(|(name, value)| (name, value)));
        Ok(Self(command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).spawn()?))
    }

    /// Whether it has ended.
    pub(super) fn has_ended(&mut self) -> Result<bool, Failure> {
        Ok(self.0.try_wait()?.is_some())
    }

    /// Seconds of processor time that it has had.
    pub(super) fn cpu_seconds(&self) -> Result<f64, Failure> {
        Times::of(self.0.id()).map(|times| times.own).ok_or_else(unreadable)
    }

    /// The largest resident set that it has had, in MiB.
    pub(super) fn peak_memory_mib(&self) -> Result<u64, Failure> {
        super::super::peak_memory_mib_of(&self.0.id().to_string())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // One that has ended already is what is wanted.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Seconds of processor time that the PostgreSQL of a data folder has had, with all its processes.
pub(super) fn postgres_cpu_seconds(folder: &Path) -> Result<f64, Failure> {
    let pid_file = std::fs::read_to_string(folder.join("postgres/postmaster.pid"))?;
    let postmaster: u32 =
        pid_file.lines().next().and_then(|line| line.trim().parse().ok()).ok_or_else(unreadable)?;
    let own = Times::of(postmaster).ok_or_else(unreadable)?;
    let processes = std::fs::read_dir("/proc")?.flatten();
    let ids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    // One that ends between the two looks is missed: what it had is with its parent next time.
    let living: f64 =
        ids.filter_map(Times::of).filter(|times| times.parent == postmaster).map(|times| times.own).sum();
    Ok(own.own + own.ended_children + living)
}

fn unreadable() -> Failure {
    Failure::new("processor times cannot be read here: that takes Linux and its /proc")
}

/// Processor times of a process, in seconds.
struct Times {
    parent: u32,
    own: f64,
    ended_children: f64,
}

impl Times {
    fn of(process: u32) -> Option<Self> {
        Self::parse(&std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?)
    }

    /// Reads `/proc/PID/stat` (proc(5)): the name in brackets may hold anything, fields are counted behind it.
    fn parse(stat: &str) -> Option<Self> {
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        let number = |index: usize| fields.get(index)?.parse::<f64>().ok();
        Some(Self {
            parent: fields.get(1)?.parse().ok()?,
            own: (number(11)? + number(12)?) / TICKS_A_SECOND,
            ended_children: (number(13)? + number(14)?) / TICKS_A_SECOND,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_found_behind_a_name_that_holds_anything() {
        let stat = "42 (post) gres: 1) S 7 42 42 0 -1 4194560 9 8 7 6 150 50 300 20 20 0 1 0 1 1 1";
        let times = Times::parse(stat).unwrap();
        assert_eq!((times.parent, times.own, times.ended_children), (7, 2.0, 3.2));
        assert!(Times::parse("42 (cut").is_none());
    }

    #[test]
    fn this_process_has_had_some_time_and_memory() {
        assert!(Times::of(std::process::id()).is_some());
        assert!(super::super::super::peak_memory_mib_of("self").unwrap() > 0);
    }
}
