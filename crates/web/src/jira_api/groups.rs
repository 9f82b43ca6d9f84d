//! Groups and who is in them (jira-facts 10.4). A mirror has what the site shows to its account: groups, and their members where that
//! account may see them. What it does not know it says so, instead of taking it for nothing.

use application::{
    Error, Scope,
    instances::{Dialect, Instance, InstanceKind},
    issues::Follower,
    reference::{Group, MemberPage},
    sandbox,
};
use axum::{
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};
use url::form_urlencoded::byte_serialize;

use super::{
    answer,
    body::Body,
    page::Window,
    params::Params,
    people::{self, escaped},
    refusal::Refusal,
    rosters::only,
    server,
    site::Site,
};

const PAGE: usize = 50;
const LARGEST_PAGE: usize = 1_000;

/// Members on a page, at most, as at Jira.
const LARGEST_MEMBER_PAGE: usize = 50;

/// Groups that are suggested unless more are asked for, as at Jira.
const SUGGESTED: usize = 20;

/// What a member shows.
const OF_MEMBER: [&str; 9] =
    ["self", "accountId", "accountType", "key", "name", "displayName", "active", "timeZone", "avatarUrls"];

/// The groups of the site.
async fn groups(site: &Site) -> Result<Vec<Group>, Refusal> {
    let instance = site.instance(Scope::Read).await?;
    let found = site.transaction().await?.groups(instance.id).await?;
    if found.is_empty() && instance.kind != InstanceKind::Sandbox {
        let message = "the groups of the site are not known to the mirror: its account may not browse them; ask the site itself";
        return Err(Error::Unsupported(message.into()).into());
    }
    Ok(found)
}

/// The group that a question names, by `groupId` or by `groupname`.
async fn named(site: &Site, params: &Params) -> Result<Group, Refusal> {
    let wanted = name_of(params)?;
    let found = groups(site).await?;
    let is_named = |group: &&Group| group.name.to_lowercase() == wanted.to_lowercase();
    let by_id = found.iter().find(|group| group.group_id == wanted);
    let group = by_id.or_else(|| found.iter().find(is_named)).cloned();
    Ok(group.ok_or_else(|| Error::not_found("group", wanted))?)
}

fn name_of(params: &Params) -> Result<&str, Refusal> {
    let given = ["groupId", "groupname"].iter().find_map(|name| params.text(name));
    given.map(str::trim).filter(|name| !name.is_empty()).ok_or_else(|| {
        Refusal::bad_request("Either the groupId or the groupname query parameter must be provided.")
    })
}

/// The group as lists show it; Server and Data Center have no ids of groups.
fn shown(instance: &Instance, group: &Group) -> Value {
    match instance.dialect {
        Dialect::V3 => json!({ "name": group.name, "groupId": group.group_id }),
        Dialect::V2 => json!({ "name": group.name }),
    }
}

/// The same with its address.
fn addressed(site: &Site, instance: &Instance, group: &Group) -> Value {
    let (param, value) = match instance.dialect {
        Dialect::V3 => ("groupId", &group.group_id),
        Dialect::V2 => ("groupname", &group.name),
    };
    let value: String = byte_serialize(value.as_bytes()).collect();
    let mut group = shown(instance, group);
    group["self"] = Value::String(site.api_url(&format!("group?{param}={value}")));
    group
}

/// `GET group/bulk`.
pub(super) async fn bulk(site: Site, params: Params) -> Result<Response, Refusal> {
    let window = Window::of(&params, PAGE, LARGEST_PAGE)?;
    let instance = site.instance(Scope::Read).await?;
    let (ids, names) = (params.list("groupId"), params.list("groupName"));
    let mut found = groups(&site).await?;
    found.retain(|group| {
        (ids.is_empty() && names.is_empty())
            || ids.contains(&group.group_id)
            || names.iter().any(|name| name.to_lowercase() == group.name.to_lowercase())
    });
    let found = found.iter().map(|group| shown(&instance, group)).collect();
    Ok(answer::ok(&window.bean(&site, &params, "group/bulk", found)))
}

/// `GET group`, with the first of its members where they are asked for.
pub(super) async fn one(site: Site, params: Params) -> Result<Response, Refusal> {
    let group = named(&site, &params).await?;
    let expanded = params.list("expand").iter().any(|part| part.starts_with("users"));
    Ok(answer::ok(&whole(&site, &group, expanded).await?))
}

async fn whole(site: &Site, group: &Group, with_members: bool) -> Result<Value, Refusal> {
    let instance = site.instance(Scope::Read).await?;
    let mut answer = addressed(site, &instance, group);
    answer["expand"] = json!("users");
    if group.members_known {
        let page = MemberPage { with_inactive: true, offset: 0, limit: PAGE as i64 };
        let (members, total) =
            site.transaction().await?.members_of(instance.id, &group.group_id, page).await?;
        let members = if with_members { served(site, members).await? } else { Vec::new() };
        let last = members.len().saturating_sub(1);
        answer["users"] = json!({
            "size": total, "items": members, "max-results": PAGE, "start-index": 0, "end-index": last,
        });
    }
    Ok(answer)
}

/// Members as the site serves them.
async fn served(site: &Site, members: Vec<Follower>) -> Result<Vec<Value>, Refusal> {
    let own = server::sandbox_account(site).await?;
    let is_own = |account: &str| {
        own.as_ref().filter(|own| ["accountId", "key"].iter().any(|member| own[*member] == account))
    };
    let mut shown = Vec::with_capacity(members.len());
    for member in members {
        let user = match (member.raw, is_own(&member.account)) {
            (Some(raw), _) => raw,
            (None, Some(own)) => own.clone(),
            (None, None) => json!({ "accountId": member.account }),
        };
        shown.push(only(&people::with_address(site, user), &OF_MEMBER));
    }
    Ok(shown)
}

/// `GET group/member`.
pub(super) async fn members(site: Site, params: Params) -> Result<Response, Refusal> {
    let window = Window::of(&params, PAGE, LARGEST_MEMBER_PAGE)?;
    let instance = site.instance(Scope::Read).await?;
    let group = named(&site, &params).await?;
    require_members(&group)?;
    let page = MemberPage {
        with_inactive: params.text("includeInactiveUsers") == Some("true"),
        offset: i64::try_from(window.start).unwrap_or(i64::MAX),
        limit: i64::try_from(window.size).unwrap_or(0),
    };
    let (found, total) = site.transaction().await?.members_of(instance.id, &group.group_id, page).await?;
    let found = served(&site, found).await?;
    let total = usize::try_from(total).unwrap_or(usize::MAX);
    Ok(answer::ok(&window.bean_of(&site, &params, "group/member", (found, total))))
}

fn require_members(group: &Group) -> Result<(), Refusal> {
    if group.members_known {
        return Ok(());
    }
    let message = format!(
        "the members of `{}` were not read yet, or are not shown to the mirror; ask the site itself",
        group.name
    );
    Err(Error::Unsupported(message).into())
}

/// `GET user/groups`.
pub(super) async fn of_user(site: Site, params: Params) -> Result<Response, Refusal> {
    let wanted = ["accountId", "key", "username"].iter().find_map(|name| params.text(name));
    let Some(wanted) = wanted.filter(|account| !account.is_empty()) else {
        return Err(Refusal::bad_request("The accountId query parameter must be provided."));
    };
    let user = people::by_account(&site, wanted).await?.ok_or_else(|| Error::not_found("user", wanted))?;
    Ok(answer::ok(&Value::Array(groups_of(&site, &user).await?)))
}

/// The groups of a user as served.
async fn groups_of(site: &Site, user: &Value) -> Result<Vec<Value>, Refusal> {
    let instance = site.instance(Scope::Read).await?;
    // Of a mirror whose groups nobody knows, nobody's are known.
    groups(site).await?;
    let account = ["accountId", "key", "name"].iter().find_map(|member| user[*member].as_str());
    let found = site.transaction().await?.groups_of(instance.id, account.unwrap_or_default()).await?;
    Ok(found.iter().map(|group| addressed(site, &instance, group)).collect())
}

/// Shows a user's groups with them, where they are asked for.
pub(super) async fn expand(site: &Site, params: &Params, user: &mut Value) -> Result<(), Refusal> {
    if params.list("expand").iter().any(|part| part == "groups") {
        let found = groups_of(site, user).await?;
        user["groups"] = json!({ "size": found.len(), "items": found });
    }
    Ok(())
}

/// `GET groups/picker`.
pub(super) async fn picker(site: Site, params: Params) -> Result<Response, Refusal> {
    Ok(answer::ok(&found(&site, &params).await?))
}

/// Groups with the text in their names, without those that are excluded; of one person where it is named.
async fn found(site: &Site, params: &Params) -> Result<Value, Refusal> {
    let instance = site.instance(Scope::Read).await?;
    let most =
        params.integer("maxResults")?.map_or(SUGGESTED, |most| usize::try_from(most).unwrap_or(SUGGESTED));
    let (excluded, excluded_ids) = (params.list("exclude"), params.list("excludeId"));
    let text = params.text("query").unwrap_or_default().trim().to_lowercase();
    let mut found = groups(site).await?;
    let account = ["accountId", "userName"].iter().find_map(|name| params.text(name));
    if let Some(account) = account.filter(|account| !account.is_empty()) {
        let own = site.transaction().await?.groups_of(instance.id, account).await?;
        found.retain(|group| own.contains(group));
    }
    found.retain(|group| {
        group.name.to_lowercase().contains(&text)
            && !excluded.contains(&group.name)
            && !excluded_ids.contains(&group.group_id)
    });
    let total = found.len();
    found.truncate(most);
    let shown: Vec<Value> = found
        .iter()
        .map(|group| {
            let mut entry = shown(&instance, group);
            entry["html"] = Value::String(highlighted(&group.name, &text));
            entry["labels"] = json!([]);
            entry
        })
        .collect();
    let header = format!("Showing {} of {total} matching groups", shown.len());
    Ok(json!({ "header": header, "total": total, "groups": shown }))
}

/// The name as HTML, what was asked for in bold. Lower case may be longer than what it is of: then nothing is.
fn highlighted(name: &str, text: &str) -> String {
    let lower = name.to_lowercase();
    let place = lower.find(text).filter(|_| !text.is_empty() && lower.len() == name.len());
    let parts = place.and_then(|from| {
        let to = from + text.len();
        Some((name.get(..from)?, name.get(from..to)?, name.get(to..)?))
    });
    match parts {
        Some((before, met, after)) => format!("{}<b>{}</b>{}", escaped(before), escaped(met), escaped(after)),
        None => escaped(name),
    }
}

/// `GET groupuserpicker`.
pub(super) async fn with_people(site: Site, params: Params) -> Result<Response, Refusal> {
    if params.text("query").is_none() {
        return Err(Refusal::bad_request("The query parameter must be provided."));
    }
    let users = people::picked(&site, &params).await?;
    let groups = found(&site, &params).await?;
    Ok(answer::ok(&json!({ "users": users, "groups": groups })))
}

/// `POST group`.
pub(super) async fn create(site: Site, body: Body) -> Result<Response, Refusal> {
    let name = body.text("name")?.unwrap_or_default();
    let made = sandbox::create_group(&site.state.services, &site.caller, &site.name, name).await?;
    Ok(answer::json(StatusCode::CREATED, &whole(&site, &made, false).await?))
}

/// `DELETE group`.
pub(super) async fn remove(site: Site, params: Params) -> Result<Response, Refusal> {
    let group = name_of(&params)?;
    sandbox::delete_group(&site.state.services, &site.caller, &site.name, group).await?;
    Ok(StatusCode::OK.into_response())
}

/// `POST group/user`.
pub(super) async fn add_member(site: Site, params: Params, body: Body) -> Result<Response, Refusal> {
    let user = match body.text("accountId")? {
        Some(account) => account,
        None => body.text("name")?.unwrap_or_default(),
    };
    let group = set_member(&site, &params, user, true).await?;
    Ok(answer::json(StatusCode::CREATED, &whole(&site, &group, false).await?))
}

/// `DELETE group/user`.
pub(super) async fn remove_member(site: Site, params: Params) -> Result<Response, Refusal> {
    let user = params.text("accountId").or_else(|| params.text("username")).unwrap_or_default();
    set_member(&site, &params, user, false).await?;
    Ok(StatusCode::OK.into_response())
}

async fn set_member(site: &Site, params: &Params, user: &str, member: bool) -> Result<Group, Refusal> {
    let group = name_of(params)?;
    if user.is_empty() {
        return Err(Refusal::bad_request("The accountId of the user must be provided."));
    }
    let services = &site.state.services;
    Ok(sandbox::set_group_member(services, &site.caller, &site.name, group, (user, member)).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_typed_is_bold_wherever_it_stands() {
        assert_eq!(highlighted("jira-Users", "user"), "jira-<b>User</b>s");
        assert_eq!(highlighted("R&D", ""), "R&amp;D");
        assert_eq!(highlighted("İx", "x"), "İx", "lower case is longer here");
    }
}
