//! The processes of a round, and how they are killed: one that serves, one that works, PostgreSQL.

use std::{
    fs::File,
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use infrastructure::local_server::LocalServer;

use crate::failure::Failure;

/// How long a process may take until it serves, or until it has stopped.
const PATIENCE: Duration = Duration::from_secs(60);

/// Processes of this same program on one data folder. Dropping it kills them.
pub(super) struct House {
    folder: PathBuf,
    port: u16,
    server: Option<Child>,
    worker: Option<Child>,
    started: u32,
}

impl House {
    /// Nothing runs yet. The data folder must be in use by this process, so that PostgreSQL goes on when all others are killed.
    pub(super) fn new(folder: PathBuf, port: u16) -> Self {
        Self { folder, port, server: None, worker: None, started: 0 }
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
        Err(Failure::new("the server did not come up").hint(self.look()))
    }

    /// Starts the worker.
    pub(super) fn work(&mut self) -> Result<(), Failure> {
        self.worker = Some(self.start("worker")?);
        Ok(())
    }

    /// Kills the worker at this instant, whatever it is at.
    pub(super) fn kill_worker(&mut self) -> Result<(), Failure> {
        self.worker.take().map_or(Ok(()), |mut worker| kill(&mut worker))
    }

    /// Starts the worker again if it has ended by itself, as a supervisor would: one that starts while the database is down ends.
    /// Answers whether it had.
    pub(super) fn supervise(&mut self) -> Result<bool, Failure> {
        let Some(worker) = self.worker.as_mut() else { return Ok(false) };
        if worker.try_wait()?.is_none() {
            return Ok(false);
        }
        self.work()?;
        Ok(true)
    }

    /// Lets the worker end what it is at. Answers whether it did before our patience ended, and it was killed.
    pub(super) async fn rest(&mut self) -> Result<bool, Failure> {
        let Some(mut worker) = self.worker.take() else { return Ok(true) };
        if worker.try_wait()?.is_some() {
            return Ok(true);
        }
        Command::new("kill").arg("-TERM").arg(worker.id().to_string()).status()?;
        let began = Instant::now();
        while worker.try_wait()?.is_none() {
            if began.elapsed() > PATIENCE {
                kill(&mut worker)?;
                return Ok(false);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(true)
    }

    /// Stops PostgreSQL as a crash would (SIGQUIT to its postmaster: nothing is flushed, connections break), and starts it.
    pub(super) async fn crash_database(&self) -> Result<(), Failure> {
        let pid_file = self.folder.join("postgres/postmaster.pid");
        let text = std::fs::read_to_string(&pid_file)?;
        let process = text.lines().next().unwrap_or_default().to_owned();
        let told = Command::new("kill").arg("-QUIT").arg(&process).status()?;
        if !told.success() {
            return Err(Failure::new("PostgreSQL could not be stopped").hint(self.look()));
        }
        let began = Instant::now();
        while pid_file.exists() && began.elapsed() < PATIENCE {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let server =
            LocalServer::open(&self.folder).await.map_err(|error| Failure::new(error.to_string()))?;
        // We use it through another handle too, so this stops nothing.
        server.close().await.map_err(|error| Failure::new(error.to_string()))
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
        for variable in
            ["DATABASE_URL", "REDIS_URL", "FOREBAY_PUBLIC_URL", "FOREBAY_TENANT", "FOREBAY_MASTER_KEY"]
        {
            command.env_remove(variable);
        }
        command
            .arg(role)
            .env("FOREBAY_DATA_DIR", &self.folder)
            .env("FOREBAY_LISTEN", format!("127.0.0.1:{}", self.port))
            .env("FOREBAY_ALLOW_PRIVATE_NETWORKS", "127.0.0.0/8");
        Ok(command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).spawn()?)
    }
}

impl Drop for House {
    fn drop(&mut self) {
        for process in self.server.iter_mut().chain(&mut self.worker) {
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
