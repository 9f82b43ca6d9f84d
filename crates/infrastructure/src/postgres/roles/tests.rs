mod gaps;

use std::fs;

use sqlx::{Connection, postgres::PgConnectOptions};

use super::*;
use crate::{
    crypto::MasterKey,
    local_server::{DATABASE, LocalServer, SUPERUSER, testing::TestFolder},
    postgres::migrate,
};

fn passwords() -> RolePasswords {
    RolePasswords::derive(&Keyring::new(MasterKey::generate(), Vec::new()))
}

async fn connect(options: &PgConnectOptions) -> PgConnection {
    PgConnection::connect_with(options).await.unwrap()
}

async fn run_sql(connection: &mut PgConnection, sql: &str) {
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(connection).await.unwrap();
}

/// On a server of its own: roles belong to a server, not to a database.
#[tokio::test(flavor = "multi_thread")]
async fn ten_at_once_make_roles_that_sign_in_with_their_passwords_only() {
    let folder = TestFolder::new("roles");
    let server = LocalServer::open(folder.path()).await.unwrap();
    let keyring = std::sync::Arc::new(Keyring::new(MasterKey::generate(), Vec::new()));
    let tasks: Vec<_> = (0..10)
        .map(|number| {
            // Half of them through another database, where advisory locks do not meet.
            let owner =
                server.connect_options(SUPERUSER, if number % 2 == 0 { DATABASE } else { "postgres" });
            let keyring = keyring.clone();
            tokio::spawn(async move {
                ensure_roles(&mut connect(&owner).await, &RolePasswords::derive(&keyring)).await.unwrap();
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }

    let mut owner = connect(&server.connect_options(SUPERUSER, DATABASE)).await;
    ensure_database(&mut owner).await.unwrap();
    ensure_database(&mut owner).await.unwrap();
    fs::write(
        folder.path().join("postgres/pg_hba.conf"),
        "local all postgres trust\nlocal all all scram-sha-256\n",
    )
    .unwrap();
    run_sql(&mut owner, "SELECT pg_reload_conf()").await;

    let passwords = RolePasswords::derive(&keyring);
    for (role, timeout) in [(APP, "30s"), (READ, "15s"), (PLATFORM, "30s"), (QUEUE, "0")] {
        let options = server.connect_options(role, DATABASE);
        assert!(PgConnection::connect_with(&options.clone().password("wrong")).await.is_err());
        let mut connection = connect(&options.password(passwords.of(role).unwrap().expose_secret())).await;
        let shown: String =
            sqlx::query_scalar("SHOW statement_timeout").fetch_one(&mut connection).await.unwrap();
        assert_eq!(shown, timeout, "{role}");
    }
    assert!(passwords.of(DEFINER).is_none());

    // A role that somebody gave too much is brought back; another key means another password.
    run_sql(
        &mut owner,
        "ALTER ROLE forebay_app SUPERUSER BYPASSRLS CREATEDB; ALTER ROLE forebay_definer LOGIN",
    )
    .await;
    let rotated = self::passwords();
    ensure_roles(&mut owner, &rotated).await.unwrap();
    let (loose, login): (i64, bool) = sqlx::query_as(
        "SELECT count(*) FILTER (WHERE rolsuper OR rolbypassrls OR rolcreatedb OR rolcreaterole OR rolinherit),
                bool_or(rolcanlogin) FILTER (WHERE rolname = 'forebay_definer')
         FROM pg_roles WHERE rolname LIKE 'forebay%'",
    )
    .fetch_one(&mut owner)
    .await
    .unwrap();
    assert_eq!((loose, login), (0, false));
    let options = server.connect_options(APP, DATABASE);
    let with = |passwords: &RolePasswords| options.clone().password(passwords.app.expose_secret());
    assert!(PgConnection::connect_with(&with(&passwords)).await.is_err());
    connect(&with(&rotated)).await;
    drop(owner);
    server.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_who_may_not_is_told_what_a_superuser_must_run_and_then_may() {
    let folder = TestFolder::new("owner");
    let server = LocalServer::open(folder.path()).await.unwrap();
    let mut admin = connect(&server.connect_options(SUPERUSER, DATABASE)).await;
    run_sql(&mut admin, r#"CREATE ROLE "data owner" LOGIN"#).await;
    run_sql(&mut admin, r#"ALTER DATABASE forebay OWNER TO "data owner""#).await;

    let owner = server.connect_options("data owner", DATABASE);
    let mut connection = connect(&owner).await;
    let refusal = ensure_roles(&mut connection, &passwords()).await.unwrap_err();
    assert!(matches!(refusal, Error::Conflict(_)));
    let message = refusal.to_string();
    let (_, remedy) = message.split_once("let a superuser run: ").unwrap();
    assert_eq!(remedy, r#"ALTER ROLE "data owner" CREATEROLE;"#);

    run_sql(&mut admin, remedy).await;
    ensure_roles(&mut connection, &passwords()).await.unwrap();
    ensure_roles(&mut connection, &passwords()).await.unwrap();
    // Somebody else's database is not the owner's to close, until its owner, or a superuser, has.
    let mut elsewhere = connect(&server.connect_options("data owner", "postgres")).await;
    let refusal = ensure_database(&mut elsewhere).await.unwrap_err().to_string();
    let (_, remedy) = refusal.split_once("let a superuser run: ").unwrap();
    run_sql(&mut connect(&server.connect_options(SUPERUSER, "postgres")).await, remedy).await;
    ensure_database(&mut elsewhere).await.unwrap();
    elsewhere.close().await.unwrap();
    // And what the roles are for works without a superuser, there and back.
    let queue = server.connect_options(QUEUE, DATABASE);
    assert!(migrate::up(&mut connection, &passwords(), &queue).await.unwrap() > 0);
    assert_eq!(border_gaps(&mut connect(&server.connect_options(APP, DATABASE)).await).await.unwrap(), []);
    assert!(!open_functions(&mut connection).await.unwrap().is_empty(), "that takes a superuser");
    migrate::down(&mut connection, u32::MAX).await.unwrap();
    drop((admin, connection));
    server.close().await.unwrap();
}

/// The same in all tests on the shared server, so that they do not take each other's passwords away.
pub(crate) fn test_passwords() -> RolePasswords {
    RolePasswords::derive(&Keyring::new(MasterKey::parse(&"7".repeat(64)).unwrap(), Vec::new()))
}
