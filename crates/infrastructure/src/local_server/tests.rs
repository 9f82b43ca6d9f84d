use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
    str::FromStr,
};

use super::{testing::TestFolder, *};

async fn ask(server: &LocalServer, sql: &'static str) -> String {
    let mut connection =
        PgConnection::connect_with(&server.connect_options(SUPERUSER, DATABASE)).await.unwrap();
    sqlx::query_scalar(sql).fetch_one(&mut connection).await.unwrap()
}

fn server_process(data_dir: &Path) -> Option<u32> {
    let text = fs::read_to_string(data_dir.join("postgres/postmaster.pid")).ok()?;
    text.lines().next()?.parse().ok()
}

/// The whole life of a server in one test, because `initdb` takes seconds.
#[tokio::test(flavor = "multi_thread")]
async fn the_life_of_a_server() {
    let folder = TestFolder::new("life");
    let data_dir = folder.path().join("data");

    // A start that was interrupted left a half-written cluster behind.
    fs::create_dir_all(data_dir.join("postgres.new/base")).unwrap();
    let first = LocalServer::open(&data_dir).await.unwrap();
    assert!(first.report().initdb.is_some() && first.report().start.is_some());
    eprintln!("{:?}", first.report());
    assert!(!data_dir.join("postgres.new").exists());
    assert_eq!(ask(&first, "SELECT current_database()").await, DATABASE);
    assert_eq!(ask(&first, "SHOW listen_addresses").await, "");
    assert_eq!(ask(&first, "SHOW server_encoding").await, "UTF8");
    assert_eq!(ask(&first, "SHOW jit").await, "off");
    let mode = fs::metadata(data_dir.join("run")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700, "only the server's user may reach the socket");
    out_of_reach_of_our_terminal(server_process(&data_dir).unwrap());

    // Another process joins, and keeps the server when the first leaves.
    let second = LocalServer::open(&data_dir).await.unwrap();
    assert!(second.report().initdb.is_none() && second.report().start.is_none());
    ask(&second, "SELECT set_config('work_mem', '4MB', false)").await;
    first.close().await.unwrap();
    assert_eq!(ask(&second, "SELECT current_user::text").await, SUPERUSER);
    let through_url = PgConnectOptions::from_str(&second.url(SUPERUSER)).unwrap();
    PgConnection::connect_with(&through_url).await.unwrap();
    drop(second);
    assert_eq!(server_process(&data_dir), None, "the last one stops it");

    // A server that was killed is recovered.
    let third = LocalServer::open(&data_dir).await.unwrap();
    assert!(third.report().initdb.is_none() && third.report().start.is_some());
    let mut idle = PgConnection::connect_with(&third.connect_options(SUPERUSER, DATABASE)).await.unwrap();
    sqlx::query("CREATE TABLE kept AS SELECT 'kept' AS word").execute(&mut idle).await.unwrap();
    let killed = Command::new("kill").args(["-9", &server_process(&data_dir).unwrap().to_string()]).status();
    assert!(killed.unwrap().success());
    let fourth = LocalServer::open(&data_dir).await.unwrap();
    assert!(fourth.report().start.is_some());
    assert_eq!(ask(&fourth, "SELECT word FROM kept").await, "kept");
    drop(third);
    assert!(server_process(&data_dir).is_some());
    fourth.close().await.unwrap();

    // The folder may move, even to where a socket's path would be too long.
    let far = folder.path().join("a folder, with a \"long\" and 'difficult' $name ".repeat(3)).join("data");
    fs::create_dir(far.parent().unwrap()).unwrap();
    fs::rename(&data_dir, &far).unwrap();
    let moved = LocalServer::open(&far).await.unwrap();
    assert_eq!(ask(&moved, "SELECT word FROM kept").await, "kept");
    let socket_dir = moved.socket_dir.clone();
    assert!(socket_dir.starts_with("/tmp"), "{socket_dir:?}");
    moved.close().await.unwrap();

    // What PostgreSQL says when it does not start reaches the operator.
    fs::write(far.join("postgres/postgresql.auto.conf"), "max_connections = many\n").unwrap();
    let error = LocalServer::open(&far).await.unwrap_err().to_string();
    assert!(error.contains("max_connections") && error.contains("postgres.log"), "{error}");
    fs::remove_dir(socket_dir).unwrap();
}

/// Ctrl-C goes to the terminal's session: the server must have one of its own.
fn out_of_reach_of_our_terminal(server: u32) {
    let session = |process: &str| -> Option<String> {
        let text = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
        // After the name in brackets: state, parent, group, session.
        text.rsplit_once(") ")?.1.split(' ').nth(3).map(str::to_owned)
    };
    let Some(ours) = session("self") else { return eprintln!("skipped: no /proc") };
    assert_eq!(session(&server.to_string()), Some(server.to_string()));
    assert_ne!(ours, server.to_string());
}

#[tokio::test]
async fn something_else_in_the_clusters_place_is_left_alone() {
    let folder = TestFolder::new("other");
    let cluster = folder.path().join("postgres");
    fs::create_dir(&cluster).unwrap();
    fs::write(cluster.join("thesis.txt"), "precious").unwrap();
    let error = LocalServer::open(folder.path()).await.unwrap_err();
    assert!(matches!(error, LocalServerError::NotACluster(_)), "{error}");
    assert!(error.to_string().contains("move it away"), "{error}");
    assert!(cluster.join("thesis.txt").exists());
}

#[tokio::test]
async fn a_cluster_of_another_version_is_left_alone() {
    let folder = TestFolder::new("version");
    let cluster = folder.path().join("postgres");
    fs::create_dir(&cluster).unwrap();
    fs::write(cluster.join("PG_VERSION"), "9\n").unwrap();
    if find_binaries().is_ok() {
        give_to_the_servers_account(&cluster);
    }
    let error = LocalServer::open(folder.path()).await.unwrap_err().to_string();
    assert!(error.contains("was made by PostgreSQL 9") && error.contains("install version 9"), "{error}");
}

/// As root, a cluster that belongs to root is refused for that reason first.
fn give_to_the_servers_account(cluster: &Path) {
    let account = Account::for_cluster(&PathBuf::from("/nonexistent")).unwrap();
    account.own(cluster).unwrap();
}

#[test]
fn a_folder_that_postgres_cannot_reach_is_named() {
    let folder = TestFolder::new("closed");
    let data_dir = folder.path().join("closed/data");
    fs::create_dir_all(&data_dir).unwrap();
    fs::set_permissions(data_dir.parent().unwrap(), fs::Permissions::from_mode(0o700)).unwrap();
    let account = Account::for_cluster(&data_dir.join("postgres")).unwrap();
    let reach = account.check_reach(&data_dir);
    if fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0) {
        let error = reach.unwrap_err().to_string();
        assert!(error.contains("closed: `chmod o+x` it"), "{error}");
    } else {
        assert!(reach.is_ok(), "an ordinary user runs PostgreSQL as itself");
    }
}

#[test]
fn a_second_demo_on_the_same_folder_is_told_about_the_first() {
    let folder = TestFolder::new("demo");
    let first = DemoLock::acquire(folder.path()).unwrap();
    let error = DemoLock::acquire(folder.path()).unwrap_err().to_string();
    assert!(error.contains(&format!("process {}", std::process::id())), "{error}");
    assert!(DemoLock::acquire(&folder.path().join("another")).is_ok());
    drop(first);
    assert!(DemoLock::acquire(folder.path()).is_ok());
}
