//! For tests: folders that go away again, and one server shared by all tests of the machine.

use std::{
    env, fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use sqlx::{AssertSqlSafe, Connection, PgConnection, postgres::PgConnectOptions};
use uuid::Uuid;

use super::{Account, LocalServer, SUPERUSER};

/// A folder of one test, removed with everything in it.
pub(crate) struct TestFolder(PathBuf);

impl TestFolder {
    pub(crate) fn new(name: &str) -> Self {
        let path = env::temp_dir().join(format!("forebay-{name}-{}", Uuid::new_v4().simple()));
        fs::create_dir(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for TestFolder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}

/// An empty database on a server that stays on disk between runs, because `initdb` takes seconds. Every test process
/// joins the server; the last one stops it.
pub(crate) struct TestDatabase {
    server: LocalServer,
    name: String,
}

impl TestDatabase {
    pub(crate) async fn create() -> Self {
        let user = Account::ourselves().unwrap().uid();
        let folder = env::temp_dir().join(format!("forebay-test-server-{user}"));
        let server = LocalServer::open(&folder).await.unwrap();
        let mut admin = admin(&server).await;
        if server.report().start.is_some() {
            // Nobody else was here: what is left over is from tests that failed.
            let leftovers: Vec<String> =
                sqlx::query_scalar(r"SELECT datname FROM pg_database WHERE datname LIKE 'test\_%'")
                    .fetch_all(&mut admin)
                    .await
                    .unwrap();
            for name in leftovers {
                drop_database(&mut admin, &name).await;
            }
        }
        let name = format!("test_{}", Uuid::new_v4().simple());
        sqlx::query(AssertSqlSafe(format!("CREATE DATABASE {name}"))).execute(&mut admin).await.unwrap();
        Self { server, name }
    }

    /// How to connect as a role.
    pub(crate) fn options(&self, role: &str) -> PgConnectOptions {
        self.server.connect_options(role, &self.name)
    }

    /// A connection as a role.
    pub(crate) async fn connect(&self, role: &str) -> PgConnection {
        PgConnection::connect_with(&self.options(role)).await.unwrap()
    }

    /// Drops the database and leaves the server. A test that fails before leaves the database to a later run.
    pub(crate) async fn remove(self) {
        drop_database(&mut admin(&self.server).await, &self.name).await;
        self.server.close().await.unwrap();
    }
}

async fn admin(server: &LocalServer) -> PgConnection {
    PgConnection::connect_with(&server.connect_options(SUPERUSER, "postgres")).await.unwrap()
}

async fn drop_database(admin: &mut PgConnection, name: &str) {
    sqlx::query(AssertSqlSafe(format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")))
        .execute(admin)
        .await
        .unwrap();
}
