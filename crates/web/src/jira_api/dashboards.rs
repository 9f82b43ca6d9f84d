//! Dashboards, to be read. They are the whole site's, as filters are (docs/security.md).

use application::{
    Error, Scope,
    instances::{Instance, InstanceKind},
    lookups,
    reference::Roster,
    search::current_user,
};
use axum::{http::StatusCode, response::Response};
use serde_json::{Value, json};

use super::{answer, page::Window, params::Params, refusal::Refusal, site::Site};

const PAGE: usize = 20;
const SEARCH_PAGE: usize = 50;
const LARGEST_PAGE: usize = 100;

/// What a dashboard shows in a search only where it is asked for (OpenAPI `getDashboardsPaginated`).
const EXPANDED: [&str; 4] = ["description", "owner", "editPermissions", "isWritable"];

async fn dashboards(site: &Site, instance: &Instance) -> Result<Vec<Value>, Refusal> {
    let found = lookups::roster(&site.state.services, &site.caller, instance.id, Roster::Dashboards).await?;
    Ok(std::sync::Arc::unwrap_or_clone(found))
}

/// `GET dashboard`.
pub(super) async fn list(site: Site, params: Params) -> Result<Response, Refusal> {
    let window = Window::of(&params, PAGE, LARGEST_PAGE)?;
    let instance = site.instance(Scope::Read).await?;
    let mut found = dashboards(&site, &instance).await?;
    match params.text("filter") {
        None | Some("") => {}
        Some("favourite") => found.retain(|dashboard| dashboard["isFavourite"] == true),
        Some("my") => {
            let own = current_user(&instance);
            require_owners(&found)?;
            found.retain(|dashboard| own.as_ref().is_some_and(|own| is_owner(dashboard, own)));
        }
        Some(other) => {
            let message = format!("'{other}' is no filter of dashboards: name 'favourite' or 'my'.");
            return Err(Refusal::bad_request(message));
        }
    }
    let total = found.len();
    let url = |start: usize| {
        let query = params.with(&[("startAt", start.to_string()), ("maxResults", window.size.to_string())]);
        site.api_url(&format!("dashboard?{query}"))
    };
    let mut page = json!({ "startAt": window.start, "maxResults": window.size, "total": total });
    if window.start > 0 {
        page["prev"] = json!(url(window.start.saturating_sub(window.size)));
    }
    let shown = window.cut(found);
    if !shown.is_empty() && window.start + shown.len() < total {
        page["next"] = json!(url(window.start + shown.len()));
    }
    page["dashboards"] = Value::Array(shown);
    Ok(answer::ok(&page))
}

/// `GET dashboard/search`.
pub(super) async fn search(site: Site, params: Params) -> Result<Response, Refusal> {
    let window = Window::of(&params, SEARCH_PAGE, LARGEST_PAGE)?;
    let instance = site.instance(Scope::Read).await?;
    let order = Order::of(params.text("orderBy"))?;
    let expand = params.list("expand");
    let mut found = match params.text("status") {
        None | Some("" | "active") => dashboards(&site, &instance).await?,
        Some("archived" | "deleted") if instance.kind == InstanceKind::Sandbox => Vec::new(),
        Some("archived" | "deleted") => {
            let message = "dashboard/search with another status than 'active' is not served by Forebay for mirrors: \
                           what is archived or deleted is not copied; ask the site itself";
            return Err(Error::Unsupported(message.into()).into());
        }
        Some(other) => return Err(Refusal::bad_request(format!("'{other}' is no status of dashboards."))),
    };
    let wanted = Wanted::of(&params)?;
    if wanted.owner.is_some() {
        require_owners(&found)?;
    }
    found.retain(|dashboard| wanted.has(dashboard));
    order.sort(&mut found);
    let shown = found.into_iter().map(|dashboard| brief(dashboard, &expand)).collect();
    Ok(answer::ok(&window.bean(&site, &params, "dashboard/search", shown)))
}

/// `GET dashboard/{id}`.
pub(super) async fn one(site: Site) -> Result<Response, Refusal> {
    let wanted = site.param("dashboard");
    if wanted.parse::<i64>().is_err() {
        return Err(Refusal::bad_request(format!("'{wanted}' is no id of a dashboard.")));
    }
    let instance = site.instance(Scope::Read).await?;
    let found = dashboards(&site, &instance).await?.into_iter().find(|dashboard| dashboard["id"] == wanted);
    Ok(answer::ok(&found.ok_or_else(|| {
        Refusal::message(StatusCode::NOT_FOUND, format!("The dashboard with id '{wanted}' does not exist."))
    })?))
}

/// A Server lists dashboards without their owners, so that a copy of it cannot choose by them.
fn require_owners(dashboards: &[Value]) -> Result<(), Refusal> {
    let is_told = |dashboard: &Value| dashboard["owner"].is_object() || dashboard["systemDashboard"] == true;
    if dashboards.iter().all(is_told) {
        return Ok(());
    }
    let message = "dashboards by owner are not served by Forebay for this mirror: the site lists them without; ask the site itself";
    Err(Error::Unsupported(message.into()).into())
}

fn is_owner(dashboard: &Value, account: &str) -> bool {
    ["accountId", "key", "name"].into_iter().any(|member| dashboard["owner"][member] == account)
}

fn brief(mut dashboard: Value, expand: &[String]) -> Value {
    if let Some(members) = dashboard.as_object_mut() {
        members.retain(|name, _| !EXPANDED.contains(&name.as_str()) || expand.contains(name));
    }
    dashboard
}

/// Which dashboards a search asks for.
struct Wanted {
    /// A part of the name, in any case.
    name: Option<String>,
    owner: Option<String>,
    group_name: Option<String>,
    group_id: Option<String>,
    project: Option<String>,
}

impl Wanted {
    fn of(params: &Params) -> Result<Self, Refusal> {
        let text = |name: &str| params.text(name).filter(|text| !text.trim().is_empty()).map(str::to_owned);
        if text("groupname").is_some() && text("groupId").is_some() {
            return Err(Refusal::bad_request("Name a group by 'groupname' or by 'groupId', not by both."));
        }
        if text("accountId").is_some() && text("owner").is_some() {
            return Err(Refusal::bad_request("Name an owner by 'accountId' or by 'owner', not by both."));
        }
        Ok(Self {
            name: text("dashboardName").map(|name| name.to_lowercase()),
            owner: text("accountId").or_else(|| text("owner")),
            group_name: text("groupname"),
            group_id: text("groupId"),
            project: params.integer("projectId")?.map(|project| project.to_string()),
        })
    }

    fn has(&self, dashboard: &Value) -> bool {
        let name = dashboard["name"].as_str().unwrap_or_default().to_lowercase();
        let shares = dashboard["sharePermissions"].as_array().map_or(&[][..], Vec::as_slice);
        let shared = |wanted: &Option<String>, of: &str, member: &str| {
            wanted.as_ref().is_none_or(|wanted| {
                shares.iter().any(|share| share[of][member].as_str() == Some(wanted.as_str()))
            })
        };
        self.name.as_ref().is_none_or(|part| name.contains(part))
            && self.owner.as_ref().is_none_or(|owner| is_owner(dashboard, owner))
            && shared(&self.group_name, "group", "name")
            && shared(&self.group_id, "group", "groupId")
            && shared(&self.project, "project", "id")
    }
}

/// In which order a search answers.
struct Order {
    by: &'static str,
    descending: bool,
}

impl Order {
    /// What can be sorted by, and the member that it is.
    const MEMBERS: [(&'static str, &'static str); 6] = [
        ("description", "description"),
        ("favorite_count", "popularity"),
        ("id", "id"),
        ("is_favorite", "isFavourite"),
        ("name", "name"),
        ("owner", "owner"),
    ];

    fn of(asked: Option<&str>) -> Result<Self, Refusal> {
        let asked = asked.filter(|asked| !asked.trim().is_empty()).unwrap_or("name");
        // A plus comes as the space that it is in a query string.
        let (descending, name) = match asked.strip_prefix('-') {
            Some(name) => (true, name),
            None => (false, asked.trim_start_matches(['+', ' '])),
        };
        let found = Self::MEMBERS.iter().find(|(known, _)| *known == name);
        let &(_, by) = found
            .ok_or_else(|| Refusal::bad_request(format!("Dashboards cannot be ordered by '{asked}'.")))?;
        Ok(Self { by, descending })
    }

    fn sort(&self, dashboards: &mut [Value]) {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_lowercase();
        dashboards.sort_by_key(|dashboard| match self.by {
            "id" => (dashboard["id"].as_str().and_then(|id| id.parse().ok()).unwrap_or(0), String::new()),
            "popularity" => (dashboard["popularity"].as_i64().unwrap_or(0), String::new()),
            "isFavourite" => (i64::from(dashboard["isFavourite"] == true), String::new()),
            "owner" => (0, text(&dashboard["owner"]["displayName"])),
            by => (0, text(&dashboard[by])),
        });
        if self.descending {
            dashboards.reverse();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_shows_owners_where_they_are_asked_for() {
        let dashboard = json!({ "id": "1", "name": "N", "isFavourite": true, "owner": { "accountId": "x" } });
        assert_eq!(brief(dashboard.clone(), &[]), json!({ "id": "1", "name": "N", "isFavourite": true }));
        assert_eq!(brief(dashboard.clone(), &["owner".into()]), dashboard);
    }

    #[test]
    fn an_order_has_a_name_and_a_direction() {
        let mut list: Vec<Value> =
            [("2", "b"), ("10", "A")].map(|(id, name)| json!({ "id": id, "name": name })).to_vec();
        let ids = |list: &[Value]| list.iter().map(|one| one["id"].clone()).collect::<Vec<_>>();
        Order::of(None).unwrap().sort(&mut list);
        assert_eq!(ids(&list), ["10", "2"], "by name, in any case");
        Order::of(Some("id")).unwrap().sort(&mut list);
        assert_eq!(ids(&list), ["2", "10"]);
        Order::of(Some("-id")).unwrap().sort(&mut list);
        assert_eq!(ids(&list), ["10", "2"]);
        assert!(Order::of(Some("colour")).is_err());
    }

    #[test]
    fn a_server_that_tells_no_owners_is_not_asked_for_them() {
        assert!(require_owners(&[json!({ "id": "1", "name": "N" })]).is_err());
        assert!(
            require_owners(&[json!({ "systemDashboard": true }), json!({ "owner": { "key": "x" } })]).is_ok()
        );
    }

    #[test]
    fn a_dashboard_is_found_by_whom_it_is_shared_with() {
        let shared =
            json!({ "name": "Ops", "sharePermissions": [{ "type": "group", "group": { "name": "staff" } }] });
        let wanted = |query| Wanted::of(&Params::parse(query));
        assert!(wanted("groupname=staff&dashboardName=op").unwrap().has(&shared));
        assert!(!wanted("groupname=others").unwrap().has(&shared));
        assert!(!wanted("projectId=10").unwrap().has(&shared));
        assert!(wanted("groupname=staff&groupId=1").is_err());
    }
}
