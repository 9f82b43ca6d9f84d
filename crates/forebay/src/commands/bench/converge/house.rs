//! The processes of a round, and how they are killed: one that serves, two that work, PostgreSQL, Redis.

use std::{
    fs::File,
    io::{Read, Write},
    net::{Ipv4Addr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use infrastructure::local_server::LocalServer;

use crate::failure::Failure;

/// How long a process may take until it serves, or until it has stopped.
const PATIENCE: Duration = Duration::from_secs(60);
/// Programs that work at the same time.
const WORKERS: usize = 2;

/// Which of the workers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Victim {
    First,
    Second,
    Both,
}

impl Victim {
    fn takes(self, worker: usize) -> bool {
        match self {
            Self::First => worker == 0,
            Self::Second => worker == 1,
            Self::Both => true,
        }
    }
}

/// A Redis of the round's own, which keeps nothing. Dropping it kills it.
pub(super) struct Redis {
    folder: PathBuf,
    port: u16,
    process: Child,
}

impl Redis {
    /// Starts one; `None` where the machine has no `redis-server`.
    pub(super) fn start(folder: &Path) -> Result<Option<Self>, Failure> {
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        match launch(folder, port) {
            Ok(process) => {
                let redis = Self { folder: folder.to_owned(), port, process };
                redis.wait()?;
                Ok(Some(redis))
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// For `REDIS_URL`.
    pub(super) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/0", self.port)
    }

    /// SIGKILL, and a new one at the same place that knows nothing.
    pub(super) fn crash(&mut self) -> Result<(), Failure> {
        kill(&mut self.process)?;
        self.process = launch(&self.folder, self.port)?;
        self.wait()
    }

    fn wait(&self) -> Result<(), Failure> {
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            if answers(self.port) {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Err(Failure::new("Redis did not come up"))
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        // One that has ended already is what is wanted.
        let _ = kill(&mut self.process);
    }
}

fn launch(folder: &Path, port: u16) -> std::io::Result<Child> {
    let log = File::options().create(true).append(true).open(folder.join("redis.log"))?;
    Command::new("redis-server")
        .args(["--bind", "127.0.0.1", "--port", &port.to_string()])
        .args(["--save", "", "--appendonly", "no"])
        .arg("--dir")
        .arg(folder)
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .spawn()
}

fn answers(port: u16) -> bool {
    let Ok(mut stream) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)) else { return false };
    let mut answer = [0; 5];
    stream.set_read_timeout(Some(Duration::from_secs(1))).is_ok()
        && stream.write_all(b"PING\r\n").is_ok()
        && stream.read_exact(&mut answer).is_ok()
        && &answer == b"+PONG"
}

/// Processes of this same program on one data folder. Dropping it kills them.
pub(super) struct House {
    folder: PathBuf,
    port: u16,
    redis: Option<Redis>,
    server: Option<Child>,
    workers: [Option<Child>; WORKERS],
    started: u32,
}

impl House {
    /// Nothing of this program runs yet. The data folder must be in use by this process, so that PostgreSQL goes on when all others
    /// are killed.
    pub(super) fn new(folder: PathBuf, port: u16, redis: Option<Redis>) -> Self {
        Self { folder, port, redis, server: None, workers: [const { None }; WORKERS], started: 0 }
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

    /// Starts the workers that do not run.
    pub(super) fn work(&mut self) -> Result<(), Failure> {
        for number in 0..WORKERS {
            if self.workers[number].is_none() {
                self.workers[number] = Some(self.start("worker")?);
            }
        }
        Ok(())
    }

    /// Kills workers at this instant, whatever they are at; answers how many.
    pub(super) fn kill_workers(&mut self, victim: Victim) -> Result<u32, Failure> {
        let mut killed = 0;
        for (number, worker) in self.workers.iter_mut().enumerate() {
            if victim.takes(number)
                && let Some(mut worker) = worker.take()
            {
                kill(&mut worker)?;
                killed += 1;
            }
        }
        Ok(killed)
    }

    /// Starts workers again that have ended by themselves, as a supervisor would: one that starts while the database is down ends.
    /// Answers how many had.
    pub(super) fn supervise(&mut self) -> Result<u32, Failure> {
        let mut ended = 0;
        for worker in &mut self.workers {
            if let Some(process) = worker
                && process.try_wait()?.is_some()
            {
                *worker = None;
                ended += 1;
            }
        }
        self.work()?;
        Ok(ended)
    }

    /// Lets the workers end what they are at. Answers how many did not before our patience ended, and were killed.
    pub(super) async fn rest(&mut self) -> Result<u32, Failure> {
        let mut resting: Vec<Child> = self.workers.iter_mut().filter_map(Option::take).collect();
        for worker in &mut resting {
            if worker.try_wait()?.is_none() {
                Command::new("kill").arg("-TERM").arg(worker.id().to_string()).status()?;
            }
        }
        let began = Instant::now();
        let mut killed = 0;
        for worker in &mut resting {
            while worker.try_wait()?.is_none() {
                if began.elapsed() > PATIENCE {
                    kill(worker)?;
                    killed += 1;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
        Ok(killed)
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

    /// Kills Redis and starts another; answers whether there is one.
    pub(super) fn crash_redis(&mut self) -> Result<bool, Failure> {
        self.redis.as_mut().map_or(Ok(false), |redis| redis.crash().map(|()| true))
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
        if let Some(redis) = &self.redis {
            command.env("REDIS_URL", redis.url());
        }
        command
            .arg(role)
            .env("FOREBAY_DATA_DIR", &self.folder)
            .env("FOREBAY_LISTEN", format!("127.0.0.1:{}", self.port))
            .env("FOREBAY_ALLOW_PRIVATE_NETWORKS", "127.0.0.0/8")
            .env("FOREBAY_SYNC_FOLLOWERS", "on");
        Ok(command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).spawn()?)
    }
}

impl Drop for House {
    fn drop(&mut self) {
        for process in self.server.iter_mut().chain(self.workers.iter_mut().flatten()) {
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
