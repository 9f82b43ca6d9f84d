//! OAuth 2.0 against a token server over real HTTP.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use application::{
    Error,
    instances::{AuthMethod, Dialect},
    oauth::OauthGrant,
    ports::{Clock, Secrets, SiteConnection},
};
use chrono::{DateTime, TimeDelta, Utc};
use domain::ids::{InstanceId, TenantId};
use infrastructure::crypto::Keyring;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use crate::{
    database::TestDatabase,
    sites::{Asked, Fake, Process, answer, connection, keyring, ok},
};

/// A clock that stands where it is put.
struct Stopped(Mutex<DateTime<Utc>>);

impl Stopped {
    fn at_noon() -> Arc<Self> {
        Arc::new(Self(Mutex::new("2026-11-23T12:00:00Z".parse().unwrap())))
    }

    fn forward(&self, by: TimeDelta) {
        *self.0.lock().unwrap() += by;
    }
}

impl Clock for Stopped {
    fn now(&self) -> DateTime<Utc> {
        *self.0.lock().unwrap()
    }
}

/// A token server with rotating refresh tokens, each good for one use: `refresh-N` gives `access-N` and `refresh-(N+1)`.
async fn token_server() -> Fake {
    let next = AtomicUsize::new(0);
    Fake::start(move |asked: &Asked, _| {
        let present = next.load(Ordering::SeqCst);
        if asked.body["refresh_token"] != json!(format!("refresh-{present}")) {
            return answer(403, &[], json!({"error": "invalid_grant", "error_description": "Unknown or invalid refresh token."}));
        }
        next.store(present + 1, Ordering::SeqCst);
        ok(json!({"access_token": format!("access-{present}"), "refresh_token": format!("refresh-{}", present + 1),
                  "expires_in": 3600, "token_type": "Bearer"}))
    })
    .await
}

/// A site that takes these access tokens.
async fn site_taking(tokens: &'static [&'static str]) -> Fake {
    Fake::start(move |asked, _| match asked.authorization.strip_prefix("Bearer ") {
        Some(token) if tokens.contains(&token) => ok(json!([])),
        _ => answer(401, &[], json!({"code": 401, "message": "Unauthorized"})),
    })
    .await
}

struct Scene {
    base: TestDatabase,
    tenant: TenantId,
    instance: InstanceId,
    keyring: Arc<Keyring>,
    clock: Arc<Stopped>,
}

impl Scene {
    async fn new(token_url: &str) -> Self {
        let base = TestDatabase::create().await;
        let (tenant, instance) = base.mirror().await;
        let scene = Self { base, tenant, instance, keyring: keyring(), clock: Stopped::at_noon() };
        let grant = OauthGrant {
            client_id: "client".into(),
            client_secret: "hush".into(),
            refresh_token: Some("refresh-0".into()),
            token_url: token_url.to_owned(),
            access_token: None,
            expires_at: None,
        };
        scene.keep(&grant).await;
        scene
    }

    async fn keep(&self, grant: &OauthGrant) {
        let sealed = self.keyring.seal(self.instance, &grant.to_text().unwrap()).unwrap();
        let mut tx = self.base.begin(self.tenant).await;
        tx.keep_oauth_grant(self.instance, &sealed).await.unwrap();
        tx.commit().await.unwrap();
    }

    async fn grant(&self) -> Value {
        let sealed =
            self.base.begin(self.tenant).await.lock_oauth_grant(self.instance).await.unwrap().unwrap();
        let opened = self.keyring.open(self.instance, &sealed).unwrap();
        serde_json::from_str(opened.expose_secret()).unwrap()
    }

    async fn process(&self) -> Process {
        Process::start(&self.base, &self.keyring, self.clock.clone()).await
    }

    fn connection(&self, url: &str) -> SiteConnection {
        let connection = connection(self.tenant, self.instance, url);
        SiteConnection { auth_method: AuthMethod::Oauth, email: None, token: None, ..connection }
    }

    async fn problem(&self) -> Option<String> {
        let mut tx = self.base.begin(self.tenant).await;
        tx.instance(&self.instance.to_string()).await.unwrap().unwrap().credential_problem
    }
}

async fn ask(process: &Process, connection: &SiteConnection) -> application::Result<Vec<Value>> {
    process.site(connection).worklogs(Dialect::V3, &["1".to_owned()]).await
}

#[tokio::test]
async fn two_processes_at_once_spend_one_refresh_token() {
    let tokens = token_server().await;
    let scene = Scene::new(&tokens.url).await;
    let site = site_taking(&["access-0"]).await;
    let connection = scene.connection(&site.url);
    let (first, second) = (scene.process().await, scene.process().await);
    let (one, two, three) =
        futures::join!(ask(&first, &connection), ask(&second, &connection), ask(&first, &connection));
    for answered in [one, two, three] {
        answered.unwrap();
    }
    assert_eq!(tokens.asked().len(), 1);
    let asked = &tokens.asked()[0].body;
    assert_eq!((&asked["grant_type"], &asked["client_secret"]), (&json!("refresh_token"), &json!("hush")));
    scene.base.remove().await;
}

#[tokio::test]
async fn the_new_refresh_token_is_stored_before_the_access_token_is_used() {
    let tokens = token_server().await;
    let scene = Scene::new(&tokens.url).await;
    // The process dies between storing and using: its site cannot be reached, and it is gone before it tries again.
    let nowhere = scene.connection("http://127.0.0.1:1");
    let crashed = scene.process().await;
    let stored = async {
        while scene.grant().await["access_token"].is_null() {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    tokio::select! {
        answered = ask(&crashed, &nowhere) => panic!("nobody is there: {answered:?}"),
        () = stored => {}
    }
    drop(crashed);
    let grant = scene.grant().await;
    assert_eq!((&grant["refresh_token"], &grant["access_token"]), (&json!("refresh-1"), &json!("access-0")));

    // Another takes up what was stored, and spends nothing.
    let site = site_taking(&["access-0", "access-1"]).await;
    let connection = scene.connection(&site.url);
    let process = scene.process().await;
    ask(&process, &connection).await.unwrap();
    assert_eq!(tokens.asked().len(), 1);

    // An hour later the token is renewed before it is refused.
    scene.clock.forward(TimeDelta::minutes(59) + TimeDelta::seconds(30));
    ask(&process, &connection).await.unwrap();
    assert_eq!(tokens.asked().len(), 2);
    let used: Vec<_> = site.asked().into_iter().map(|asked| asked.authorization).collect();
    assert_eq!(used, ["Bearer access-0", "Bearer access-1"]);
    scene.base.remove().await;
}

#[tokio::test]
async fn a_token_that_the_site_refuses_is_renewed_once() {
    let tokens = token_server().await;
    let scene = Scene::new(&tokens.url).await;
    let site = site_taking(&["access-1"]).await;
    let connection = scene.connection(&site.url);
    let (first, second) = (scene.process().await, scene.process().await);
    ask(&first, &connection).await.unwrap();
    // The other finds the token that the first was given.
    ask(&second, &connection).await.unwrap();
    assert_eq!(tokens.asked().len(), 2);
    scene.base.remove().await;
}

#[tokio::test]
async fn a_spent_consent_is_noted_at_the_instance_until_another_is_given() {
    let tokens = token_server().await;
    let scene = Scene::new(&tokens.url).await;
    let spent = OauthGrant { refresh_token: Some("long-gone".into()), ..read(scene.grant().await) };
    scene.keep(&spent).await;
    let site = site_taking(&["access-0"]).await;
    let connection = scene.connection(&site.url);
    let process = scene.process().await;
    let Err(Error::ConsentNeeded(message)) = ask(&process, &connection).await else {
        panic!("must be refused")
    };
    assert!(
        message.contains("invalid_grant") && message.contains("forebay instance credential"),
        "{message}"
    );
    assert!(scene.problem().await.unwrap().contains("consent"));
    assert!(site.asked().is_empty());

    scene.keep(&OauthGrant { refresh_token: Some("refresh-0".into()), ..spent }).await;
    ask(&process, &connection).await.unwrap();
    assert_eq!(scene.problem().await, None);
    scene.base.remove().await;
}

#[tokio::test]
async fn a_token_server_that_fails_costs_no_consent() {
    let tokens = Fake::start(|_, _| answer(503, &[], json!({}))).await;
    let scene = Scene::new(&tokens.url).await;
    let site = site_taking(&["access-0"]).await;
    let failed = ask(&scene.process().await, &scene.connection(&site.url)).await;
    assert!(matches!(failed, Err(Error::Upstream { retryable: true, .. })), "{failed:?}");
    assert_eq!(scene.problem().await, None);
    assert_eq!(scene.grant().await["refresh_token"], "refresh-0");
    scene.base.remove().await;
}

#[tokio::test]
async fn a_service_account_needs_no_refresh_token() {
    let tokens = Fake::start(|_, _| ok(json!({"access_token": "access-0", "expires_in": 3600}))).await;
    let scene = Scene::new(&tokens.url).await;
    let grant = OauthGrant { refresh_token: None, ..read(scene.grant().await) };
    scene.keep(&grant).await;
    let site = site_taking(&["access-0"]).await;
    ask(&scene.process().await, &scene.connection(&site.url)).await.unwrap();
    assert_eq!(tokens.asked()[0].body["grant_type"], "client_credentials");
    scene.base.remove().await;
}

fn read(grant: Value) -> OauthGrant {
    OauthGrant::from_text(&grant.to_string().into()).unwrap()
}
