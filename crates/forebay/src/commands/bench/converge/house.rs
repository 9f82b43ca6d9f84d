//! The processes of a convergence run, and how they are killed: one that serves, some that work, PostgreSQL.

use std::{
    fs::File,
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use crate::failure::Failure;

/// How long a process may take until it serves, or until it has stopped.
const PATIENCE: Duration = Duration::from_secs(60);

/// Processes of this same program on one data folder. Dropping it kills them.
pub(super) struct House {
    folder: PathBuf,
    port: u16,
    server: Option<Child>,
    workers: Vec<Child>,
    started: u32,
}

impl House {
    /// Nothing runs yet. The data folder must be in use by this process, so that PostgreSQL goes on when all others are killed.
    pub(super) fn new(folder: PathBuf, port: u16) -> Self {
        Self { folder, port, server: None, workers: Vec::new(), started: 0 }
    }

    /// The address of the doors.
    pub(super) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Starts the process that serves, and waits until it does.
    pub(super) async fn serve(&mut self, http: &reqwest::Client) -> Result<(), Failure> {
        self.server = Some(self.start("serve")?);
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            let ready = http.get(format!("{}/health/ready", self.url())).send().await;
            if ready.is_ok_and(|answer| answer.status().is_success()) {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Err(Failure::new(format!("the server did not come up; its log is in {}", self.folder.display())))
    }

    /// Adds a worker.
    pub(super) fn work(&mut self) -> Result<(), Failure> {
        let worker = self.start("worker")?;
        self.workers.push(worker);
        Ok(())
    }

    /// Kills a worker at this instant, whatever it is at, and starts another.
    pub(super) fn replace_worker(&mut self, number: usize) -> Result<(), Failure> {
        let number = number % self.workers.len().max(1);
        if let Some(worker) = self.workers.get_mut(number) {
            kill(worker)?;
            let fresh = self.start("worker")?;
            self.workers[number] = fresh;
        }
        Ok(())
    }

    /// Kills the process that serves, and starts another.
    pub(super) async fn replace_server(&mut self, http: &reqwest::Client) -> Result<(), Failure> {
        if let Some(mut server) = self.server.take() {
            kill(&mut server)?;
        }
        self.serve(http).await
    }

    /// Lets the workers end what they are at.
    pub(super) async fn rest(&mut self) -> Result<(), Failure> {
        for worker in &self.workers {
            let told = Command::new("kill").arg("-TERM").arg(worker.id().to_string()).status()?;
            if !told.success() {
                return Err(Failure::new("a worker ended by itself").hint(self.look()));
            }
        }
        let began = Instant::now();
        for mut worker in self.workers.drain(..) {
            while worker.try_wait()?.is_none() {
                if began.elapsed() > PATIENCE {
                    kill(&mut worker)?;
                    return Err(Failure::new("a worker did not end when it was told to"));
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
        Ok(())
    }

    /// Where to look when something went wrong.
    pub(super) fn look(&self) -> String {
        format!("the logs of all processes are in {}", self.folder.display())
    }

    fn start(&mut self, role: &str) -> Result<Child, Failure> {
        self.started += 1;
        let log = File::create(self.folder.join(format!("{role}-{}.log", self.started)))?;
        let mut command = Command::new(std::env::current_exe()?);
        // What the run is given in its own environment is for it alone.
        for variable in ["DATABASE_URL", "FOREBAY_PUBLIC_URL", "FOREBAY_TENANT", "FOREBAY_MASTER_KEY"] {
            command.env_remove(variable);
        }
        command
            .arg(role)
            .env("FOREBAY_DATA_DIR", &self.folder)
            .env("FOREBAY_LISTEN", format!("127.0.0.1:{}", self.port))
            .env("FOREBAY_ALLOW_PRIVATE_NETWORKS", "127.0.0.0/8")
            .env("FOREBAY_JIRA_REQUESTS_PER_MINUTE", "1000000");
        Ok(command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).spawn()?)
    }
}

impl Drop for House {
    fn drop(&mut self) {
        for process in self.server.iter_mut().chain(&mut self.workers) {
            // One that has ended already is what is wanted.
            let _ = kill(process);
        }
    }
}

/// SIGKILL: nothing is tidied up.
fn kill(process: &mut Child) -> Result<(), Failure> {
    process.kill()?;
    process.wait()?;
    Ok(())
}
