//! The stage of a round: two sources that are served, and a mirror of each with a webhook there; nothing is copied yet.

use std::path::Path;

use application::{
    Scope,
    instances::{self, AuthMethod, Instance, InstanceKind, NewInstance, Push},
    keys, sandbox,
    tenants::Tenant,
};
use reqwest::{Client, Method};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use sqlx::AssertSqlSafe;

use super::{
    super::unsigned,
    compare::Sides,
    house::{House, Redis},
    writers::Source,
};
use crate::{
    commands::sandbox::{refresh, seed_sandbox},
    failure::Failure,
    wiring::Wiring,
};

/// A source and its mirror.
pub(super) struct Pair {
    /// What it is called in reports.
    pub(super) name: &'static str,
    pub(super) source: Instance,
    pub(super) copy: Instance,
    /// Whether it speaks as Server and Data Center do.
    pub(super) is_server: bool,
}

impl Pair {
    pub(super) fn sides(&self, went_back: bool) -> Sides {
        Sides { source: self.source.id, copy: self.copy.id, is_server: self.is_server, went_back }
    }
}

/// Who is where.
pub(super) struct Scene<'a> {
    pub(super) wiring: &'a Wiring,
    pub(super) http: Client,
    pub(super) house: House,
    /// Whose the mirrors are.
    pub(super) tenant: Tenant,
    /// The Cloud site and the Data Center site.
    pub(super) pairs: [Pair; 2],
    /// The key of the sources' owner, and of the mirrors'.
    upstream_key: String,
    mirror_key: String,
}

/// Sets the stage on an empty database. The Data Center site has half as many issues.
pub(super) async fn set<'a>(
    wiring: &'a Wiring,
    http: Client,
    folder: &Path,
    redis: Option<Redis>,
    seed: u64,
    issues: u64,
) -> Result<Scene<'a>, Failure> {
    let mut house = House::new(folder.to_owned(), wiring.settings.listen().port(), redis);
    let mut platform = wiring.services.db.platform().await?;
    let upstream = platform.create_tenant("upstream").await?;
    let tenant = platform.create_tenant("acme").await?;
    platform.commit().await?;
    let upstream_key = key(wiring, &upstream).await?;
    let mirror_key = key(wiring, &tenant).await?;
    let add = async |name| {
        let new = unsigned(name, InstanceKind::Sandbox);
        instances::add_instance(&wiring.services, &Wiring::operator(&upstream), new).await
    };
    let cloud = add("cloud").await?;
    seed_sandbox(wiring, &upstream, &cloud, issues, seed, &mut |_| {}).await?;
    let server = add("server").await?;
    sandbox::speak_as_server(&wiring.services, upstream.id, &server).await?;
    let (upstream, server) = wiring.instance(Some(&upstream.name), &server.name).await?;
    seed_sandbox(wiring, &upstream, &server, issues.div_ceil(2), seed, &mut |_| {}).await?;
    refresh(wiring).await?;
    house.serve(&http).await?;
    let token = SecretString::from(upstream_key.clone());
    let cloud_copy = mirror(wiring, &tenant, &cloud, "cloud-copy", InstanceKind::Cloud, &token).await?;
    let server_copy =
        mirror(wiring, &tenant, &server, "server-copy", InstanceKind::DataCenter, &token).await?;
    let pairs = [
        Pair { name: "cloud", source: cloud, copy: cloud_copy, is_server: false },
        Pair { name: "server", source: server, copy: server_copy, is_server: true },
    ];
    Ok(Scene { wiring, http, house, tenant, pairs, upstream_key, mirror_key })
}

async fn mirror(
    wiring: &Wiring,
    tenant: &Tenant,
    source: &Instance,
    name: &str,
    kind: InstanceKind,
    token: &SecretString,
) -> Result<Instance, Failure> {
    let new = NewInstance {
        url: Some(source.base_url.clone()),
        auth: AuthMethod::Pat,
        token: Some(token.clone()),
        ..unsigned(name, kind)
    };
    let operator = Wiring::operator(tenant);
    let mirror = instances::add_instance(&wiring.services, &operator, new).await?;
    let tested = instances::test_instance(&wiring.services, &operator, name, Push::Register).await?;
    match tested.webhook_problem {
        Some(problem) => Err(Failure::new(format!("no webhook could be registered at {name}: {problem}"))),
        None => Ok(mirror),
    }
}

async fn key(wiring: &Wiring, tenant: &Tenant) -> Result<String, Failure> {
    let spec = keys::KeySpec { name: "converge".into(), scopes: Scope::ALL.to_vec(), ..Default::default() };
    let (_, key) = keys::create_key(&wiring.services, &Wiring::operator(tenant), spec).await?;
    Ok(key.expose_secret().to_owned())
}

impl Scene<'_> {
    /// What the writers at a source need to know.
    pub(super) async fn source(&self, pair: &Pair) -> Result<Source, Failure> {
        let mut owner = self.wiring.access.owner().await?;
        let mut texts = async |sql: &str| {
            sqlx::query_scalar(AssertSqlSafe(sql.to_owned()))
                .bind(pair.source.id.0)
                .fetch_all(&mut owner)
                .await
        };
        // People of a Server are assigned by the name they sign in with. By id, so that the same seed makes the same choices.
        let accounts: Vec<String> = texts(
            "SELECT coalesce(raw_jsonb ->> 'name', account_id) FROM users WHERE instance_id = $1 ORDER BY account_id LIMIT 20",
        )
        .await?;
        let source = Source {
            http: self.http.clone(),
            url: format!("{}/jira/{}", self.house.url(), pair.source.name),
            key: self.upstream_key.clone(),
            is_server: pair.is_server,
            accounts: accounts.into(),
        };
        Ok(source)
    }

    /// The issues of a source, by id.
    pub(super) async fn issues(&self, pair: &Pair) -> Result<Vec<String>, Failure> {
        let mut owner = self.wiring.access.owner().await?;
        let sql =
            "SELECT jira_id FROM issues WHERE instance_id = $1 AND presence = 'present' ORDER BY jira_number";
        Ok(sqlx::query_scalar(sql).bind(pair.source.id.0).fetch_all(&mut owner).await?)
    }

    /// Asks at one of our own doors, which do nothing wrong, as the owner of the sources.
    pub(super) async fn ask_source(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Value, Failure> {
        self.ask(&self.upstream_key, method, path, body).await
    }

    /// As the owner of the mirrors.
    pub(super) async fn ask_mirror(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Value, Failure> {
        self.ask(&self.mirror_key, method, path, body).await
    }

    async fn ask(
        &self,
        key: &str,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Value, Failure> {
        let mut request = self.http.request(method, format!("{}{path}", self.house.url())).bearer_auth(key);
        if let Some(body) = body {
            request = request.json(body);
        }
        let failed = |error: reqwest::Error| Failure::new(format!("{path}: {}", error.without_url()));
        let answer = request.send().await.map_err(failed)?;
        let status = answer.status();
        let text = answer.text().await.map_err(failed)?;
        if !status.is_success() {
            return Err(Failure::new(format!("{path} was answered {status}: {text}")).hint(self.house.look()));
        }
        Ok(serde_json::from_str(&text).unwrap_or(Value::Null))
    }
}
