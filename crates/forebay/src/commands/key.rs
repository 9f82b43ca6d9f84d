//! `forebay key`

use application::{
    Error, Scope, TenantContext,
    keys::{self, ApiKey, KeyChange, KeySpec, KeyState, Policy, PolicyText},
    tenants::Tenant,
};
use chrono::{DateTime, Duration, NaiveDate, NaiveTime, Utc};
use domain::ids::KeyId;
use secrecy::ExposeSecret;
use serde_json::json;

use crate::{
    cli::{KeyCommand, KeyLimits},
    failure::Failure,
    output,
    wiring::Wiring,
};

/// Keys that end within this time are pointed out.
const SOON: Duration = Duration::days(14);

pub(super) async fn run(wiring: &Wiring, command: &KeyCommand, as_json: bool) -> Result<(), Failure> {
    match command {
        KeyCommand::Create { tenant, scopes, name, limits } => {
            create(wiring, tenant.tenant.as_deref(), scopes, name, limits, as_json).await
        }
        KeyCommand::List { tenant } => list(wiring, tenant.tenant.as_deref(), as_json).await,
        KeyCommand::Show { id } => {
            let key = find(wiring, id).await?;
            show(&key, wiring.now(), as_json)
        }
        KeyCommand::Update { id, scopes, name, limits } => {
            update(wiring, id, scopes.as_deref(), name.clone(), limits, as_json).await
        }
        KeyCommand::Revoke { id } => revoke(wiring, id, as_json).await,
    }
}

async fn create(
    wiring: &Wiring,
    tenant: Option<&str>,
    scopes: &[String],
    name: &str,
    limits: &KeyLimits,
    as_json: bool,
) -> Result<(), Failure> {
    let spec = KeySpec {
        name: name.to_owned(),
        scopes: parse_scopes(scopes)?,
        policy: narrowed(Policy::default(), limits)?,
        expires_at: end(limits, wiring.now())?.flatten(),
    };
    let tenant = wiring.tenant(tenant).await?;
    let (made, key) = keys::create_key(&wiring.services, &Wiring::operator(&tenant), spec).await?;
    if as_json {
        return output::json(&json!({
            "id": made.id, "tenant": tenant.name, "name": made.name, "scopes": made.scopes, "policy": made.policy,
            "expires_at": made.expires_at, "key": key.expose_secret(),
        }));
    }
    output::line(key.expose_secret())?;
    output::note("keep it: it is not shown again");
    output::note(&format!("its id is {0}: `forebay key show {0}`, `forebay key revoke {0}`", made.id));
    warn_of_unknown_projects(wiring, &tenant, &made.policy).await?;
    if made.scopes.contains(&Scope::Sql) && !made.policy.projects.is_everything() {
        output::note("a key that is limited to projects is refused at the SQL door, whatever its scopes");
    }
    Ok(())
}

async fn list(wiring: &Wiring, tenant: Option<&str>, as_json: bool) -> Result<(), Failure> {
    let keys = match tenant {
        Some(name) => {
            let tenant = wiring.tenant(Some(name)).await?;
            wiring.services.db.tenant(&TenantContext::whole(tenant.id)).await?.keys().await?
        }
        None => wiring.services.db.platform().await?.every_key().await?,
    };
    if as_json {
        return output::json(&keys);
    }
    let now = wiring.now();
    let ending = keys
        .iter()
        .filter(|key| {
            key.state(now) == KeyState::Active && key.expires_at.is_some_and(|end| end - now <= SOON)
        })
        .count();
    let expired = keys.iter().filter(|key| key.state(now) == KeyState::Expired).count();
    let rows: Vec<_> = keys.into_iter().map(|key| row(key, now)).collect();
    output::table(&["ID", "NAME", "KEY", "SCOPES", "LIMITS", "STATE", "EXPIRES", "LAST USED"], &rows)?;
    if ending > 0 {
        output::note(&format!("{ending} of them end within {} days", SOON.num_days()));
    }
    if expired > 0 {
        output::note(&format!(
            "{expired} of them have expired: `forebay key update ID --expires-in 90d` revives one"
        ));
    }
    Ok(())
}

/// A key may be made before the instance it is limited to, and a name may be mistyped: both are told, neither is refused.
async fn warn_of_unknown_projects(wiring: &Wiring, tenant: &Tenant, policy: &Policy) -> Result<(), Failure> {
    let PolicyText { projects, .. } = policy.clone().into();
    let mut tx = wiring.services.db.tenant(&TenantContext::whole(tenant.id)).await?;
    let instances = tx.instances().await?;
    for project in &projects {
        let Some((name, _)) = project.split_once('/') else { continue };
        if !instances.iter().any(|instance| instance.name == name) {
            output::note(&format!(
                "warning: tenant {} has no instance `{name}`, so that `{project}` opens nothing now",
                tenant.name
            ));
        }
    }
    Ok(())
}

fn row(key: ApiKey, now: DateTime<Utc>) -> Vec<String> {
    let scopes: Vec<_> = key.scopes.iter().map(|scope| scope.as_str()).collect();
    vec![
        key.id.to_string(),
        key.name.clone(),
        format!("fb_{}_…", key.prefix),
        scopes.join(","),
        limits_of(&key.policy),
        key.state(now).as_str().into(),
        time(key.expires_at),
        time(key.last_used_at),
    ]
}

fn limits_of(policy: &Policy) -> String {
    let PolicyText { projects, actions, tools, rate } = policy.clone().into();
    let mut parts: Vec<String> = [("projects", projects), ("actions", actions), ("tools", tools)]
        .into_iter()
        .filter(|(_, names)| !names.is_empty())
        .map(|(what, names)| format!("{what}={}", names.join(",")))
        .collect();
    parts.extend(rate.map(|rate| format!("rate={rate}/min")));
    if parts.is_empty() { "-".into() } else { parts.join(" ") }
}

fn time(at: Option<DateTime<Utc>>) -> String {
    at.map_or("-".into(), |at| at.format("%Y-%m-%d %H:%M").to_string())
}

fn show(key: &ApiKey, now: DateTime<Utc>, as_json: bool) -> Result<(), Failure> {
    if as_json {
        return output::json(key);
    }
    let scopes: Vec<_> = key.scopes.iter().map(|scope| scope.as_str()).collect();
    let rows = [
        ("id", key.id.to_string()),
        ("name", key.name.clone()),
        ("key", format!("fb_{}_…", key.prefix)),
        ("scopes", scopes.join(",")),
        ("limits", limits_of(&key.policy)),
        ("state", key.state(now).as_str().into()),
        ("created", time(Some(key.created_at))),
        ("last used", time(key.last_used_at)),
        ("expires", time(key.expires_at)),
        ("revoked", time(key.revoked_at)),
    ];
    let rows: Vec<_> = rows.into_iter().map(|(name, value)| vec![name.to_owned(), value]).collect();
    output::table(&["", ""], &rows)
}

async fn update(
    wiring: &Wiring,
    id: &str,
    scopes: Option<&[String]>,
    name: Option<String>,
    limits: &KeyLimits,
    as_json: bool,
) -> Result<(), Failure> {
    if name.is_none() && scopes.is_none() && limits.is_empty() {
        return Err(Failure::new("nothing to change was named")
            .hint("name what to change: --name, --scopes, --projects, --actions, --tools, --rate, --expires-in or --expires-at"));
    }
    let key = find(wiring, id).await?;
    let change = KeyChange {
        name,
        scopes: scopes.map(parse_scopes).transpose()?,
        policy: Some(narrowed(key.policy.clone(), limits)?),
        expires_at: end(limits, wiring.now())?,
    };
    let changed =
        keys::update_key(&wiring.services, &Wiring::operator_of(key.tenant), key.id, change).await?;
    show(&changed, wiring.now(), as_json)
}

async fn revoke(wiring: &Wiring, id: &str, as_json: bool) -> Result<(), Failure> {
    let key = find(wiring, id).await?;
    let revoked = keys::revoke_key(&wiring.services, &Wiring::operator_of(key.tenant), key.id).await?;
    if as_json {
        return output::json(&json!({ "id": key.id, "revoked": revoked }));
    }
    output::note(if revoked { "revoked" } else { "it was revoked already" });
    Ok(())
}

/// The key of that id, whosever it is.
async fn find(wiring: &Wiring, id: &str) -> Result<ApiKey, Failure> {
    let wanted: KeyId = id
        .parse()
        .map_err(|_| Error::invalid("id", format!("`{id}` is no key id; `forebay key list` shows them")))?;
    let keys = wiring.services.db.platform().await?.every_key().await?;
    Ok(keys.into_iter().find(|key| key.id == wanted).ok_or_else(|| Error::not_found("key", id))?)
}

fn parse_scopes(scopes: &[String]) -> Result<Vec<Scope>, Error> {
    scopes.iter().map(|scope| scope.trim().parse()).collect()
}

/// A policy with the parts replaced that the flags name.
fn narrowed(policy: Policy, limits: &KeyLimits) -> Result<Policy, Error> {
    let mut text = PolicyText::from(policy);
    let named = |names: &Vec<String>| names.iter().map(|name| name.trim().to_owned()).collect();
    if let Some(projects) = &limits.projects {
        text.projects = named(projects);
    }
    if let Some(actions) = &limits.actions {
        text.actions = named(actions);
    }
    if let Some(tools) = &limits.tools {
        text.tools = named(tools);
    }
    if let Some(rate) = &limits.rate {
        text.rate = match rate.as_str() {
            "*" | "never" => None,
            number => Some(number.parse().map_err(|_| {
                Error::invalid(
                    "--rate",
                    format!("`{number}` is no number of requests a minute; `*` is no limit"),
                )
            })?),
        };
    }
    text.try_into()
}

/// When the key is to end: `None` where the flags say nothing of it, `Some(None)` for never.
fn end(limits: &KeyLimits, now: DateTime<Utc>) -> Result<Option<Option<DateTime<Utc>>>, Error> {
    match (limits.expires_in.as_deref(), limits.expires_at.as_deref()) {
        (None, None) => Ok(None),
        (Some("never"), _) | (_, Some("never")) => Ok(Some(None)),
        (Some(time), _) => duration(time)
            .and_then(|time| now.checked_add_signed(time))
            .map(|end| Some(Some(end)))
            .ok_or_else(|| {
                Error::invalid(
                    "--expires-in",
                    format!("`{time}` is no time; write 30m, 12h, 90d, 8w or never"),
                )
            }),
        (None, Some(moment)) => moment_of(moment).map(|end| Some(Some(end))).ok_or_else(|| {
            Error::invalid(
                "--expires-at",
                format!("`{moment}` is no moment; write 2027-01-31 or 2027-01-31T12:00:00Z"),
            )
        }),
    }
}

fn duration(text: &str) -> Option<Duration> {
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let number: i64 = number.parse().ok().filter(|number| *number > 0)?;
    match unit {
        "m" => Duration::try_minutes(number),
        "h" => Duration::try_hours(number),
        "d" => Duration::try_days(number),
        "w" => Duration::try_weeks(number),
        _ => None,
    }
}

/// A day is meant to its end.
fn moment_of(text: &str) -> Option<DateTime<Utc>> {
    if let Ok(day) = text.parse::<NaiveDate>() {
        return Some(day.succ_opt()?.and_time(NaiveTime::MIN).and_utc());
    }
    DateTime::parse_from_rfc3339(text).ok().map(|moment| moment.with_timezone(&Utc))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_people_write_them() {
        assert_eq!(duration("90d"), Some(Duration::days(90)));
        assert_eq!(duration("8w"), Some(Duration::weeks(8)));
        assert_eq!(duration("30m"), Some(Duration::minutes(30)));
        for wrong in ["", "d", "90", "-1d", "0h", "1y", "9999999999999999d", "1é"] {
            assert_eq!(duration(wrong), None, "{wrong}");
        }
        assert_eq!(moment_of("2027-01-31").unwrap().to_rfc3339(), "2027-02-01T00:00:00+00:00");
        assert_eq!(moment_of("2027-01-31T12:00:00+01:00").unwrap().to_rfc3339(), "2027-01-31T11:00:00+00:00");
        assert_eq!(moment_of("tomorrow"), None);
    }
}
