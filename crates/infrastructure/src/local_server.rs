//! Forebay's own PostgreSQL, run from the binaries that are installed on the machine.
//!
//! A data folder holds the cluster (`postgres/`), its socket (`run/`), its log (`postgres.log`) and three lock files.
//! The server listens on the socket only, in a folder that only its own user may enter, so it needs no passwords.
//! Every process that uses the server holds a shared lock on `users.lock`; the one that leaves last stops it. Whoever
//! is killed leaves a server without users, which the next process joins. Starting and stopping happens under
//! `start.lock`, one process at a time.

mod account;
mod binaries;
mod cluster;
mod lock;

use std::{
    fs::{File, TryLockError},
    io,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use sqlx::{
    AssertSqlSafe, Connection, PgConnection,
    postgres::{PgConnectOptions, PgSslMode},
};

use account::Account;
use cluster::Cluster;

pub use binaries::{Binaries, find_binaries};
pub use lock::{DemoLock, DemoLockError};

pub(crate) const SUPERUSER: &str = "postgres";
/// The database that holds everything of Forebay's.
pub const DATABASE: &str = "forebay";
/// How long the processes of a killed server may take to notice and to let go of its memory, on a busy machine.
const AFTERMATH: Duration = Duration::from_secs(30);
/// With a socket, the port is only a part of the socket's file name.
const PORT: u16 = 5432;

/// Why Forebay's own PostgreSQL does not run. Every message says what to do.
#[derive(Debug, thiserror::Error)]
pub enum LocalServerError {
    /// No PostgreSQL is installed where it is usually found.
    #[error(
        "no PostgreSQL 15 or newer is installed: {}, or set DATABASE_URL to a server of yours",
        binaries::ADVICE
    )]
    NoBinaries,
    /// `FOREBAY_PG_BIN` names a folder without PostgreSQL, or with one that is too old.
    #[error("FOREBAY_PG_BIN={}: {reason}", folder.display())]
    BadBinaries {
        /// The folder.
        folder: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The cluster was made by another major version.
    #[error(
        "{} was made by PostgreSQL {cluster}, and only PostgreSQL {installed} is installed: install version \
         {cluster} as well, or move the folder away to begin with an empty one", folder.display()
    )]
    OtherVersion {
        /// The cluster's folder.
        folder: PathBuf,
        /// The version that made it.
        cluster: u32,
        /// The newest one installed.
        installed: u32,
    },
    /// Something else is where the cluster should be.
    #[error("{} is not a PostgreSQL cluster (it has no PG_VERSION): move it away, or choose another data folder", .0.display())]
    NotACluster(PathBuf),
    /// The cluster belongs to somebody else.
    #[error("{} belongs to {owner}: {advice}", folder.display())]
    OtherOwner {
        /// The folder.
        folder: PathBuf,
        /// Whose it is.
        owner: String,
        /// What to do.
        advice: String,
    },
    /// PostgreSQL refuses to run as root, and there is no other account to run it.
    #[error(
        "PostgreSQL does not run as root, and there is neither a user `postgres` nor `nobody`: run as another user"
    )]
    NoAccount,
    /// The account that runs PostgreSQL cannot reach the data folder.
    #[error(
        "the user `{user}`, who runs PostgreSQL, may not enter {}: `chmod o+x` it, or choose a data folder elsewhere, \
         such as /var/lib/forebay", parent.display()
    )]
    Unreachable {
        /// The account.
        user: String,
        /// The folder above that is closed.
        parent: PathBuf,
    },
    /// A file or a program could not be used.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which one.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// One of PostgreSQL's programs failed; with what it said.
    #[error("{program} failed: {output}")]
    Program {
        /// Which one.
        program: &'static str,
        /// The last lines of its output, or of the server's log.
        output: String,
    },
    /// The server runs and does not let us in.
    #[error("PostgreSQL runs and cannot be used: {0}")]
    Connect(#[source] sqlx::Error),
}

impl LocalServerError {
    fn io(path: &Path) -> impl FnOnce(io::Error) -> Self + '_ {
        move |source| Self::Io { path: path.to_owned(), source }
    }
}

/// What [`LocalServer::open`] had to do.
#[derive(Clone, Copy, Debug, Default)]
pub struct StartReport {
    /// How long making the cluster took; `None` when it was there.
    pub initdb: Option<Duration>,
    /// How long starting the server took; `None` when it ran already, for another process.
    pub start: Option<Duration>,
}

/// A running server of Forebay's own. Close or drop it after the last connection: the last process that does, stops
/// the server. Dropping blocks for as long as that takes, a fraction of a second.
#[derive(Debug)]
pub struct LocalServer {
    cluster: Cluster,
    socket_dir: PathBuf,
    report: StartReport,
    /// Held shared; `None` once closed.
    users: Option<File>,
}

impl LocalServer {
    /// Opens the server of a data folder: makes folder and cluster when they are missing, starts the server or joins
    /// the running one, and makes the database [`DATABASE`]. As root, PostgreSQL runs as `postgres` or `nobody`.
    ///
    /// # Errors
    /// [`LocalServerError`], whose messages are for the operator.
    pub async fn open(data_dir: &Path) -> Result<Self, LocalServerError> {
        let began = Instant::now();
        let mut server = Self::start_aside(data_dir).await?;
        loop {
            match server.create_database().await {
                Err(LocalServerError::Connect(e))
                    if is_of_a_dying_server(&e) && began.elapsed() < AFTERMATH =>
                {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    let mut again = Self::start_aside(data_dir).await?;
                    again.report.initdb = again.report.initdb.or(server.report.initdb);
                    server = again;
                }
                created => return created.map(|()| server),
            }
        }
    }

    async fn start_aside(data_dir: &Path) -> Result<Self, LocalServerError> {
        let folder = data_dir.to_owned();
        tokio::task::spawn_blocking(move || Self::start(&folder))
            .await
            .map_err(|e| LocalServerError::Io { path: data_dir.to_owned(), source: io::Error::other(e) })?
    }

    fn start(data_dir: &Path) -> Result<Self, LocalServerError> {
        let data_dir = account::create_folder(data_dir)?;
        let _starting = lock::exclusive(&data_dir.join("start.lock"))?;
        let users = lock::shared(&data_dir.join("users.lock"))?;

        let (cluster, initdb) = Cluster::open(&data_dir)?;
        let began = Instant::now();
        let (socket_dir, started) = cluster.ensure_running()?;
        let report = StartReport { initdb, start: started.then(|| began.elapsed()) };
        tracing::debug!(?report, data_dir = %data_dir.display(), "PostgreSQL is running");
        Ok(Self { cluster, socket_dir, report, users: Some(users) })
    }

    async fn create_database(&self) -> Result<(), LocalServerError> {
        let mut connection = PgConnection::connect_with(&self.connect_options(SUPERUSER, "postgres"))
            .await
            .map_err(LocalServerError::Connect)?;
        let exists: bool = sqlx::query_scalar("SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)")
            .bind(DATABASE)
            .fetch_one(&mut connection)
            .await
            .map_err(LocalServerError::Connect)?;
        if !exists {
            let create = sqlx::query(AssertSqlSafe(format!("CREATE DATABASE {DATABASE}")));
            let created = create.execute(&mut connection).await.map(|_| ());
            // Another process may have made it between the question and the statement.
            created.or_else(|e| if is_duplicate(&e) { Ok(()) } else { Err(LocalServerError::Connect(e)) })?;
        }
        connection.close().await.map_err(LocalServerError::Connect)
    }

    /// What opening took.
    pub fn report(&self) -> StartReport {
        self.report
    }

    /// The name under which the owner of everything on the server signs in.
    pub fn superuser(&self) -> &'static str {
        SUPERUSER
    }

    /// The address of the database [`DATABASE`] for a role, as `psql` takes it too.
    pub fn url(&self, role: &str) -> String {
        let encode = |text: &str| {
            url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20")
        };
        let socket_dir = encode(&self.socket_dir.to_string_lossy());
        format!("postgres://{}@localhost:{PORT}/{DATABASE}?host={socket_dir}&sslmode=disable", encode(role))
    }

    /// How to connect as a role to a database.
    pub fn connect_options(&self, role: &str, database: &str) -> PgConnectOptions {
        PgConnectOptions::new_without_pgpass()
            .socket(&self.socket_dir)
            .port(PORT)
            .username(role)
            .database(database)
            .ssl_mode(PgSslMode::Disable)
    }

    /// Leaves the server, and stops it when no other process uses it.
    ///
    /// # Errors
    /// [`LocalServerError::Program`] when it does not stop.
    pub async fn close(mut self) -> Result<(), LocalServerError> {
        let folder = self.cluster.data_dir().to_owned();
        tokio::task::spawn_blocking(move || self.leave())
            .await
            .map_err(|e| LocalServerError::Io { path: folder, source: io::Error::other(e) })?
    }

    fn leave(&mut self) -> Result<(), LocalServerError> {
        let Some(users) = self.users.take() else { return Ok(()) };
        let _stopping = lock::exclusive(&self.cluster.data_dir().join("start.lock"))?;
        match users.try_lock() {
            Ok(()) => self.cluster.stop(),
            Err(TryLockError::WouldBlock) => Ok(()),
            Err(TryLockError::Error(e)) => Err(LocalServerError::io(self.cluster.data_dir())(e)),
        }
    }
}

/// A server that was killed this moment still takes connections, until the kernel has come to it, and answers none.
fn is_of_a_dying_server(error: &sqlx::Error) -> bool {
    const STARTING_UP_OR_SHUTTING_DOWN: &str = "57P03";
    match error {
        sqlx::Error::Io(_) => true,
        sqlx::Error::Database(e) => e.code().as_deref() == Some(STARTING_UP_OR_SHUTTING_DOWN),
        _ => false,
    }
}

fn is_duplicate(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|e| e.code());
    matches!(code.as_deref(), Some("42P04" | "23505"))
}

impl Drop for LocalServer {
    fn drop(&mut self) {
        if let Err(error) = self.leave() {
            tracing::warn!(%error, "PostgreSQL was not stopped");
        }
    }
}

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
