//! One cluster: made by `initdb`, run by `pg_ctl`.

use std::{
    ffi::OsStr,
    fmt::Write as _,
    fs::{self, File},
    io::{self, Read, Seek, SeekFrom},
    os::unix::{ffi::OsStrExt, net::UnixStream},
    path::{Path, PathBuf},
    process::{Command, Output},
    thread,
    time::{Duration, Instant},
};

use sha2::{Digest, Sha256};

use super::{AFTERMATH, Account, Binaries, LocalServerError, PORT, SUPERUSER, binaries};
use crate::crypto::hex;

/// How long the server may take to start, to recover after a crash, or to stop: replaying all of the log takes minutes.
const PATIENCE: Duration = Duration::from_secs(600);
/// The longest path that every system accepts for a socket (macOS: 104 bytes with the final zero).
const LONGEST_SOCKET: usize = 103;
const CLUSTER: &str = "postgres";
const LOG: &str = "postgres.log";
const LARGEST_LOG: u64 = 10 << 20;
/// Written at every start; PostgreSQL's own `postgresql.conf` includes it.
const SETTINGS_FILE: &str = "forebay.conf";
/// For one machine and one user. After a checkpoint the first change of each page writes the whole page into the log, and
/// rows of a backfill lie all over their indexes: so checkpoints are rare while much is written. The space is taken only then.
/// A page of issues is larger than the memory that PostgreSQL would let a statement work with, and would go through files.
const SETTINGS: &str = "\
listen_addresses = ''
unix_socket_permissions = 0700
max_connections = 100
max_wal_size = 16GB
checkpoint_timeout = 15min
work_mem = 16MB
jit = off
timezone = 'UTC'
log_timezone = 'UTC'
";

/// A cluster on disk, whether or not its server runs.
#[derive(Debug)]
pub(super) struct Cluster {
    data_dir: PathBuf,
    binaries: Binaries,
    account: Account,
}

enum State {
    Stopped,
    /// Starting, recovering or stopping.
    Busy,
    /// Accepts connections on the socket in this folder.
    Ready(PathBuf),
}

impl Cluster {
    /// Opens the cluster of a data folder, or makes it; answers how long making it took.
    pub(super) fn open(data_dir: &Path) -> Result<(Self, Option<Duration>), LocalServerError> {
        let folder = data_dir.join(CLUSTER);
        let made_by = version_of(&folder)?;
        let binaries = binaries::find(made_by)?;
        let account = Account::for_cluster(&folder)?;
        account.check_reach(data_dir)?;
        let cluster = Self { data_dir: data_dir.to_owned(), binaries, account };
        match made_by {
            None => {
                let began = Instant::now();
                cluster.initdb()?;
                Ok((cluster, Some(began.elapsed())))
            }
            Some(version) if version != cluster.binaries.major() => {
                let installed = cluster.binaries.major();
                Err(LocalServerError::OtherVersion { folder, cluster: version, installed })
            }
            Some(_) => Ok((cluster, None)),
        }
    }

    pub(super) fn data_dir(&self) -> &Path {
        &self.data_dir
    }

    fn folder(&self) -> PathBuf {
        self.data_dir.join(CLUSTER)
    }

    /// Makes the cluster beside its place and moves it there when it is whole: what was interrupted is done again.
    fn initdb(&self) -> Result<(), LocalServerError> {
        let draft = self.data_dir.join("postgres.new");
        let mut output = self.try_initdb(&draft, "C.UTF-8")?;
        if !output.status.success() && said(&output).contains("locale") {
            // Not every system knows C.UTF-8. Sorting is by code point in both.
            output = self.try_initdb(&draft, "C")?;
        }
        if !output.status.success() {
            return Err(LocalServerError::Program { program: "initdb", output: said(&output) });
        }
        let main_file = draft.join("postgresql.conf");
        let mut settings = fs::read_to_string(&main_file).map_err(LocalServerError::io(&main_file))?;
        let _infallible = writeln!(settings, "\ninclude_if_exists = '{SETTINGS_FILE}'");
        fs::write(&main_file, settings).map_err(LocalServerError::io(&main_file))?;
        fs::rename(&draft, self.folder()).map_err(LocalServerError::io(&draft))
    }

    fn try_initdb(&self, folder: &Path, locale: &str) -> Result<Output, LocalServerError> {
        match fs::remove_dir_all(folder) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(LocalServerError::io(folder)(e)),
            _ => self.account.private_folder(folder)?,
        }
        let program = self.binaries.program("initdb");
        let mut command = self.account.command(&program);
        command.args(["--username", SUPERUSER, "--auth=trust", "--encoding=UTF8", "--no-instructions"]);
        command.arg(format!("--locale={locale}")).arg("--pgdata").arg(folder);
        command.output().map_err(LocalServerError::io(&program))
    }

    /// Starts the server unless it runs; answers its socket's folder and whether it was started.
    pub(super) fn ensure_running(&self) -> Result<(PathBuf, bool), LocalServerError> {
        let began = Instant::now();
        let mut started = false;
        loop {
            match self.state()? {
                State::Ready(socket_dir) => return Ok((socket_dir, started)),
                State::Busy => {}
                State::Stopped => {
                    let crashed = self.folder().join("postmaster.pid").exists();
                    match self.start() {
                        Ok(()) => started = true,
                        Err(_) if crashed && began.elapsed() < AFTERMATH => {}
                        Err(error) => return Err(error),
                    }
                }
            }
            if began.elapsed() > PATIENCE {
                let output = self.log_since(0)?;
                return Err(LocalServerError::Program { program: "postgres", output });
            }
            if !started {
                thread::sleep(Duration::from_millis(100));
            }
        }
    }

    fn state(&self) -> Result<State, LocalServerError> {
        let output = self.run(self.pg_ctl("status"))?;
        match output.status.code() {
            Some(0) => {}
            Some(3) => return Ok(State::Stopped),
            _ => return Err(LocalServerError::Program { program: "pg_ctl status", output: said(&output) }),
        }
        // The fifth line is the socket's folder, the eighth the server's state (see PostgreSQL's pidfile.h).
        let path = self.folder().join("postmaster.pid");
        let text = match fs::read(&path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(State::Busy),
            text => text.map_err(LocalServerError::io(&path))?,
        };
        let mut lines = text.split(|byte| *byte == b'\n');
        let (socket_dir, state) = (lines.nth(4), lines.nth(2));
        let (Some(socket_dir), Some(state)) = (socket_dir, state) else { return Ok(State::Busy) };
        if !state.starts_with(b"ready") {
            return Ok(State::Busy);
        }
        let socket_dir = PathBuf::from(OsStr::from_bytes(socket_dir));
        // The file may be a dead server's, and its process id another program's by now: only the socket tells.
        match UnixStream::connect(socket_dir.join(socket_name())) {
            Ok(_) => Ok(State::Ready(socket_dir)),
            Err(_) => Ok(State::Stopped),
        }
    }

    fn start(&self) -> Result<(), LocalServerError> {
        let socket_dir = self.socket_dir();
        self.account.private_folder(&socket_dir)?;
        self.write_settings(&socket_dir)?;
        let log = self.prepare_log()?;
        let written = fs::metadata(&log).map_err(LocalServerError::io(&log))?.len();

        let mut command = self.pg_ctl("start");
        command.args(["--log", LOG]);
        let output = self.run(command)?;
        if output.status.success() {
            return Ok(());
        }
        let mut reason = self.log_since(written)?;
        if reason.is_empty() {
            reason = said(&output);
        }
        Err(LocalServerError::Program {
            program: "pg_ctl start",
            output: format!("{reason}\n(from {})", log.display()),
        })
    }

    /// Stops the server, cutting off whoever is still connected.
    pub(super) fn stop(&self) -> Result<(), LocalServerError> {
        if matches!(self.state()?, State::Stopped) {
            return Ok(());
        }
        let mut command = self.pg_ctl("stop");
        command.args(["--mode", "fast"]);
        let output = self.run(command)?;
        if output.status.success() || matches!(self.state()?, State::Stopped) {
            return Ok(());
        }
        Err(LocalServerError::Program { program: "pg_ctl stop", output: said(&output) })
    }

    /// `pg_ctl` gives the server a session of its own, so that Ctrl-C in our terminal does not reach it. It puts the
    /// names of the folder and the log into a shell command as they are: relative ones have nothing to quote.
    fn pg_ctl(&self, action: &str) -> Command {
        let mut command = self.account.command(&self.binaries.program("pg_ctl"));
        command.current_dir(&self.data_dir).args([action, "--pgdata", CLUSTER]);
        if action != "status" {
            command.args(["--wait", "--silent"]).arg(format!("--timeout={}", PATIENCE.as_secs()));
        }
        command
    }

    fn run(&self, mut command: Command) -> Result<Output, LocalServerError> {
        command.output().map_err(LocalServerError::io(Path::new(command.get_program())))
    }

    /// `run` in the data folder, unless the socket's path would be longer than systems allow.
    fn socket_dir(&self) -> PathBuf {
        let near = self.data_dir.join("run");
        if near.join(socket_name()).as_os_str().len() <= LONGEST_SOCKET {
            return near;
        }
        let digest = hex(&Sha256::digest(self.data_dir.as_os_str().as_bytes())[..8]);
        Path::new("/tmp").join(format!("forebay-{}-{digest}", self.account.uid()))
    }

    fn write_settings(&self, socket_dir: &Path) -> Result<(), LocalServerError> {
        // A list inside a string: the element in double quotes, the whole in single ones.
        let quoted = socket_dir.to_string_lossy().replace('"', "\"\"").replace('\'', "''");
        let path = self.folder().join(SETTINGS_FILE);
        let text = format!(
            "# Written at every start; `ALTER SYSTEM` overrides it.\n{SETTINGS}shared_buffers = {}MB\nwal_compression = {}\n\
             unix_socket_directories = '\"{quoted}\"'\n",
            shared_buffers_mib(memory_mib()),
            if self.supports("wal_compression=lz4") { "lz4" } else { "on" },
        );
        fs::write(&path, text).map_err(LocalServerError::io(&path))?;
        self.account.own(&path)
    }

    /// Whether this build of PostgreSQL knows a setting's value: compression methods are chosen when it is built.
    fn supports(&self, setting: &str) -> bool {
        let mut command = self.account.command(&self.binaries.program("postgres"));
        command.current_dir(&self.data_dir).args(["-D", CLUSTER, "-c", setting, "-C", "wal_compression"]);
        self.run(command).is_ok_and(|output| output.status.success())
    }

    /// The log, put aside when it has grown large.
    fn prepare_log(&self) -> Result<PathBuf, LocalServerError> {
        let path = self.data_dir.join(LOG);
        if fs::metadata(&path).is_ok_and(|metadata| metadata.len() > LARGEST_LOG) {
            fs::rename(&path, self.data_dir.join("postgres.log.1")).map_err(LocalServerError::io(&path))?;
        }
        File::options().append(true).create(true).open(&path).map_err(LocalServerError::io(&path))?;
        self.account.own(&path)?;
        Ok(path)
    }

    /// The last lines of the log after a position.
    fn log_since(&self, position: u64) -> Result<String, LocalServerError> {
        let path = self.data_dir.join(LOG);
        let read = || {
            let mut file = File::open(&path)?;
            file.seek(SeekFrom::Start(position))?;
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes)?;
            Ok(last_lines(&String::from_utf8_lossy(&bytes)))
        };
        read().map_err(LocalServerError::io(&path))
    }
}

/// A third of the machine's memory, within limits (PostgreSQL advises 25 to 40 %): small enough to live beside other programs, large
/// enough to hold the indexes into which a backfill writes all over. A page is only taken when it is used.
fn shared_buffers_mib(memory: Option<u64>) -> u64 {
    memory.map_or(192, |memory| (memory / 3).clamp(192, 8192))
}

/// The memory we may use, where Linux tells it: the machine's, or less in a container.
fn memory_mib() -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let machine = line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? / 1024;
    let limit = fs::read_to_string("/sys/fs/cgroup/memory.max").ok();
    let limit = limit.and_then(|text| text.trim().parse::<u64>().ok()).map(|bytes| bytes >> 20);
    Some(limit.map_or(machine, |limit| limit.min(machine)))
}

fn socket_name() -> String {
    format!(".s.PGSQL.{PORT}")
}

/// The major version that made a cluster; `None` when there is none.
fn version_of(folder: &Path) -> Result<Option<u32>, LocalServerError> {
    if !folder.exists() {
        return Ok(None);
    }
    match fs::read_to_string(folder.join("PG_VERSION")) {
        Ok(text) => {
            text.trim().parse().map(Some).map_err(|_| LocalServerError::NotACluster(folder.to_owned()))
        }
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            Err(LocalServerError::NotACluster(folder.to_owned()))
        }
        Err(_) => {
            // Somebody else's folder: say whose it is rather than what could not be read.
            Account::for_cluster(folder)?;
            Err(LocalServerError::NotACluster(folder.to_owned()))
        }
    }
}

fn said(output: &Output) -> String {
    last_lines(&format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    ))
}

fn last_lines(text: &str) -> String {
    let lines: Vec<_> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(12)..].join("\n")
}
