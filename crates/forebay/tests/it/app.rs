//! A Forebay of its own for each test: a database cloned from a migrated template, and the real binary in front of it.

use std::{
    fs::File,
    io::{BufRead, BufReader, Write},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant},
};

use infrastructure::{local_server::LocalServer, postgres::roles};
use reqwest::{Method, StatusCode};
use serde_json::Value;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor, PgConnection};

/// The program under test.
pub const BINARY: &str = env!("CARGO_BIN_EXE_forebay");
/// Every test's master key: roles belong to the server that tests share, and their passwords follow from it.
pub const MASTER_KEY: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
const TEMPLATE: &str = "forebay_template";

/// The folder that all test processes share.
fn shared_folder() -> PathBuf {
    // Root's server runs as another user, who must be able to enter the folder.
    std::env::temp_dir().join(format!("forebay-tests-{}", env!("CARGO_PKG_VERSION")))
}

/// A database of one test.
pub struct TestDatabase {
    server: Option<LocalServer>,
    name: String,
}

impl TestDatabase {
    /// A migrated database without rows.
    pub async fn migrated() -> Self {
        Self::create(Some(TEMPLATE)).await
    }

    /// A database that no migration has seen.
    pub async fn empty() -> Self {
        Self::create(None).await
    }

    async fn create(template: Option<&str>) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let server = LocalServer::open(&shared_folder()).await.unwrap();
        let name = format!("t_{}_{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let mut admin = server.connect_options(server.superuser(), "postgres").connect().await.unwrap();
        if template.is_some() {
            ensure_template(&server, &mut admin).await;
        }
        let from = template.map(|template| format!(" TEMPLATE {template}")).unwrap_or_default();
        run(&mut admin, &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await;
        run(&mut admin, &format!("CREATE DATABASE {name}{from}")).await;
        if template.is_some() {
            // A copy has the tables, and not the rights to the database itself.
            let mut copy = server.connect_options(server.superuser(), &name).connect().await.unwrap();
            roles::ensure_database(&mut copy).await.unwrap();
            copy.close().await.unwrap();
        }
        Self { server: Some(server), name }
    }

    /// Its address, as the owner of everything.
    pub fn url(&self) -> String {
        url(self.server(), &self.name)
    }

    /// A connection as a role.
    pub async fn connect(&self, role: &str) -> PgConnection {
        self.server().connect_options(role, &self.name).connect().await.unwrap()
    }

    /// A connection that sees everything.
    pub async fn superuser(&self) -> PgConnection {
        self.connect(self.server().superuser()).await
    }

    fn server(&self) -> &LocalServer {
        self.server.as_ref().unwrap()
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let Some(server) = self.server.take() else { return };
        let name = self.name.clone();
        // A thread of its own, because a test's runtime cannot wait while it is dropping things.
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                let mut admin =
                    server.connect_options(server.superuser(), "postgres").connect().await.unwrap();
                run(&mut admin, &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await;
                admin.close().await.unwrap();
                server.close().await.unwrap();
            });
        });
        if dropping.join().is_err() {
            eprintln!("a test database was not dropped");
        }
    }
}

fn url(server: &LocalServer, database: &str) -> String {
    server.url(server.superuser()).replacen("/forebay?", &format!("/{database}?"), 1)
}

async fn run(connection: &mut PgConnection, sql: &str) {
    connection.execute(AssertSqlSafe(sql.to_owned())).await.unwrap();
}

/// The template is made by the first process that needs it, for these very migrations.
async fn ensure_template(server: &LocalServer, admin: &mut PgConnection) {
    let lock = File::create(shared_folder().join("template.lock")).unwrap();
    lock.lock().unwrap();
    let stamp = shared_folder().join("template.stamp");
    let wanted = migrations_stamp();
    if std::fs::read_to_string(&stamp).is_ok_and(|found| found == wanted) {
        return;
    }
    run(admin, &format!("DROP DATABASE IF EXISTS {TEMPLATE} WITH (FORCE)")).await;
    run(admin, &format!("CREATE DATABASE {TEMPLATE}")).await;
    let output = forebay(&url(server, TEMPLATE)).args(["migrate", "up"]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    std::fs::write(stamp, wanted).unwrap();
}

fn migrations_stamp() -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../migrations");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.iter().map(|file| std::fs::read_to_string(file).unwrap()).collect()
}

/// The binary with a database, and nothing of the tester's own environment.
pub fn forebay(database_url: &str) -> Command {
    let mut command = Command::new(BINARY);
    for variable in ["REDIS_URL", "FOREBAY_TENANT", "FOREBAY_API_KEY", "FOREBAY_PUBLIC_URL", "FOREBAY_LISTEN"]
    {
        command.env_remove(variable);
    }
    command.env("DATABASE_URL", database_url).env("FOREBAY_MASTER_KEY", MASTER_KEY);
    // Those of tests bear more than Jira Cloud, and no test is to wait for a ceiling that it does not look at.
    command.env("FOREBAY_JIRA_REQUESTS_PER_MINUTE", "100000");
    // Sandboxes, mirrors and webhook receivers of tests are all on this machine.
    command.env("FOREBAY_ALLOW_PRIVATE_NETWORKS", "127.0.0.0/8");
    command
}

/// A port that nobody uses just now.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A served Forebay with a tenant `acme` and a key that may do everything.
pub struct TestApp {
    pub database: TestDatabase,
    pub url: String,
    pub key: String,
    port: u16,
    pub http: reqwest::Client,
    server: Child,
}

impl TestApp {
    /// Serves, with a worker in the same process.
    pub async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// Serves with more environment.
    pub async fn start_with(environment: &[(&str, &str)]) -> Self {
        Self::start_as(&["serve", "--with-worker"], environment).await
    }

    /// Serves, and leaves the jobs to others.
    pub async fn start_without_worker() -> Self {
        Self::start_without_worker_with(&[]).await
    }

    /// The same with more environment.
    pub async fn start_without_worker_with(environment: &[(&str, &str)]) -> Self {
        Self::start_as(&["serve"], environment).await
    }

    async fn start_as(arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        let database = TestDatabase::migrated().await;
        let port = free_port();
        let url = format!("http://127.0.0.1:{port}");
        let mut command = forebay(&database.url());
        command.envs(environment.iter().copied());
        let server = serve(command, port, arguments);
        let mut app = Self { database, url, key: String::new(), port, http: client(), server };
        app.cli(&["tenant", "create", "acme"]);
        app.key = app.key_for("acme", "read,write,sql,ai,admin");
        app.until_ready().await;
        app
    }

    async fn until_ready(&self) {
        let began = Instant::now();
        while began.elapsed() < Duration::from_secs(30) {
            if self
                .http
                .get(format!("{}/health/ready", self.url))
                .send()
                .await
                .is_ok_and(|a| a.status().is_success())
            {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("the server is not ready after 30 s");
    }

    /// Runs a command of the same Forebay; it must succeed.
    pub fn cli(&self, arguments: &[&str]) -> String {
        let output = self.output(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs a command with `--json`.
    pub fn json(&self, arguments: &[&str]) -> Value {
        let text = self.cli(&[arguments, &["--json"]].concat());
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{arguments:?}: {error}: {text}"))
    }

    /// Runs a command, whatever comes of it.
    pub fn output(&self, arguments: &[&str]) -> Output {
        self.command().args(arguments).output().unwrap()
    }

    /// A command of the same Forebay.
    pub fn command(&self) -> Command {
        let mut command = forebay(&self.database.url());
        command.env("FOREBAY_LISTEN", format!("127.0.0.1:{}", self.port));
        command
    }

    /// A key of a tenant.
    pub fn key_for(&self, tenant: &str, scopes: &str) -> String {
        self.cli(&["key", "create", "--tenant", tenant, "--scopes", scopes]).trim().to_owned()
    }

    /// A sandbox of `acme` with generated issues.
    pub fn sandbox(&self, name: &str, issues: u32) {
        self.cli(&["instance", "add", "--tenant", "acme", "--name", name, "--kind", "sandbox"]);
        if issues > 0 {
            self.cli(&[
                "sandbox",
                "seed",
                name,
                "--tenant",
                "acme",
                "--issues",
                &issues.to_string(),
                "--seed",
                "7",
            ]);
        }
    }

    /// Adds a service project to a sandbox of `acme`.
    pub fn service_desk(&self, sandbox: &str, requests: u32) {
        let requests = requests.to_string();
        self.cli(&[
            "sandbox",
            "service-desk",
            sandbox,
            "--tenant",
            "acme",
            "--requests",
            &requests,
            "--seed",
            "7",
        ]);
    }

    /// Waits for the lists of a mirror that are read in rounds beside its sync.
    pub async fn until_rosters_are_read(&self, mirror: &str) {
        let path = format!("/v1/instances/{mirror}/freshness");
        let desks = self.get(&format!("/jira/{mirror}/rest/servicedeskapi/servicedesk")).await;
        let expected = if desks.json["size"].as_u64().is_some_and(|size| size > 0) { 8 } else { 6 };
        eventually(
            async || self.get(&path).await.ok(),
            |freshness| {
                let lists = freshness["reference"].as_array().unwrap();
                lists.len() >= expected && lists.iter().all(|list| list["finished"] == true)
            },
        )
        .await;
    }

    /// A mirror of a sandbox, over HTTP, with its webhook registered; not yet synced.
    pub fn mirror(&self, name: &str, sandbox: &str, kind: &str) {
        let url = format!("{}/jira/{sandbox}", self.url);
        let added = [
            "instance",
            "add",
            "--tenant",
            "acme",
            "--name",
            name,
            "--kind",
            kind,
            "--url",
            &url,
            "--email",
            "me@x.org",
            "--token-env",
            "TEST_TOKEN",
        ];
        let output = self.command().args(added).env("TEST_TOKEN", &self.key).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        self.cli(&["instance", "test", name, "--tenant", "acme"]);
    }

    /// Asks with the app's own key.
    pub async fn get(&self, path: &str) -> Answer {
        self.ask(Method::GET, path, Some(&self.key), None).await
    }

    /// Posts JSON with the app's own key.
    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.ask(Method::POST, path, Some(&self.key), Some(body)).await
    }

    /// Puts JSON with the app's own key.
    pub async fn put(&self, path: &str, body: Value) -> Answer {
        self.ask(Method::PUT, path, Some(&self.key), Some(body)).await
    }

    /// Asks as anyone.
    pub async fn ask(&self, method: Method, path: &str, key: Option<&str>, body: Option<Value>) -> Answer {
        let mut request = self.http.request(method, format!("{}{path}", self.url));
        if let Some(key) = key {
            request = request.bearer_auth(key);
        }
        if path.contains("/rest/servicedeskapi/") {
            // Much of it is experimental.
            request = request.header("x-experimentalapi", "opt-in");
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        Answer::of(request.send().await.unwrap()).await
    }

    /// Attaches a file by Jira's own REST, as a multipart form.
    pub async fn upload(&self, path: &str, filename: &str, bytes: Vec<u8>) -> Answer {
        self.upload_as(&self.key, path, filename, bytes).await
    }

    /// The same as whoever has that key.
    pub async fn upload_as(&self, key: &str, path: &str, filename: &str, bytes: Vec<u8>) -> Answer {
        const BORDER: &str = "border-of-a-test";
        let head = format!(
            "--{BORDER}\r\ncontent-disposition: form-data; name=\"file\"; filename=\"{filename}\"\r\n\
             content-type: text/plain\r\n\r\n"
        );
        let body = [head.into_bytes(), bytes, format!("\r\n--{BORDER}--\r\n").into_bytes()].concat();
        let request = self
            .http
            .post(format!("{}{path}", self.url))
            .bearer_auth(key)
            .header("x-atlassian-token", "no-check")
            .header("content-type", format!("multipart/form-data; boundary={BORDER}"))
            .body(body);
        Answer::of(request.send().await.unwrap()).await
    }

    /// Tells the server to stop, and waits until it has; answers whether it ended cleanly.
    pub fn stop(&mut self) -> bool {
        signal(&self.server, "TERM");
        self.server.wait().unwrap().success()
    }
}

impl Drop for TestApp {
    fn drop(&mut self) {
        // The connections must be gone before the database can go.
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// An answer over HTTP.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: reqwest::header::HeaderMap,
    pub json: Value,
    pub text: String,
}

impl Answer {
    async fn of(answer: reqwest::Response) -> Self {
        let (status, headers) = (answer.status(), answer.headers().clone());
        let text = answer.text().await.unwrap();
        Self { status, headers, json: serde_json::from_str(&text).unwrap_or(Value::Null), text }
    }

    /// The JSON of a success.
    #[track_caller]
    pub fn ok(self) -> Value {
        assert!(self.status.is_success(), "{}: {}", self.status, self.text);
        self.json
    }
}

/// A test that speaks to one API with the app's own key: paths are those below where it is.
pub trait AtDoor {
    /// Where the API is.
    const BASE: &'static str;

    fn app(&self) -> &TestApp;

    async fn ask(&self, method: Method, path: &str, body: Option<Value>) -> Answer {
        self.app().ask(method, &format!("{}/{path}", Self::BASE), Some(&self.app().key), body).await
    }

    async fn get(&self, path: &str) -> Answer {
        self.ask(Method::GET, path, None).await
    }

    async fn post(&self, path: &str, body: Value) -> Answer {
        self.ask(Method::POST, path, Some(body)).await
    }

    async fn put(&self, path: &str, body: Value) -> Answer {
        self.ask(Method::PUT, path, Some(body)).await
    }

    async fn delete(&self, path: &str) -> Answer {
        self.ask(Method::DELETE, path, None).await
    }
}

/// An HTTP client that does not follow redirects.
#[expect(clippy::disallowed_methods, reason = "a test's own client speaks to what the test started")]
pub fn client() -> reqwest::Client {
    infrastructure::outbound::install_tls();
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(Duration::from_secs(60))
        .build()
        .unwrap()
}

/// Starts a long-running command; its log comes out with the test's own output if the test fails.
pub fn serve(mut command: Command, port: u16, arguments: &[&str]) -> Child {
    command.args(arguments).env("FOREBAY_LISTEN", format!("127.0.0.1:{port}")).env("FOREBAY_LOG", "warn");
    let mut child = command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let stderr = child.stderr.take().unwrap();
    std::thread::spawn(move || {
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            let _ = writeln!(std::io::stderr(), "[server] {line}");
        }
    });
    child
}

/// Sends a signal by its name.
pub fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill").args([&format!("-{name}"), &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
}

/// Asks until the answer is as wanted; fails after 90 seconds with the last one.
pub async fn eventually<T: std::fmt::Debug, F: Future<Output = T>>(
    mut ask: impl FnMut() -> F,
    wanted: impl Fn(&T) -> bool,
) -> T {
    let began = Instant::now();
    loop {
        let found = ask().await;
        if wanted(&found) {
            return found;
        }
        // As long as a machine under load may need: this only bounds how long a failure takes.
        assert!(began.elapsed() < Duration::from_secs(90), "still {found:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
