//! Looking at issues by id, outside of any page.

use std::collections::HashSet;

use chrono::{DateTime, Utc};

use crate::{
    error::{Error, Result},
    ingest::{FieldRoles, Reader, read_text},
    instances::{self, Dialect, Instance},
    issues::IssueBundle,
    ports::{IssueText, JiraSite, Patience, TenantTx},
    services::Services,
    tenant_context::TenantContext,
};
use domain::ids::TenantId;

/// What became of issues that were asked for by id.
#[derive(Clone, Debug, Default)]
pub(crate) struct Looked {
    pub(crate) shown: Vec<IssueText>,
    /// The site has no answer just now.
    pub(crate) unanswered: Vec<String>,
    pub(crate) gone: Vec<String>,
}

/// Issues by id (at most a hundred, jira-facts 1.4), whole. What is in no answer is asked for once more: on Data Center on its own,
/// since a search leaves out what is archived and lags, on Cloud together with what else was left out.
pub(crate) async fn look_for(site: &dyn JiraSite, dialect: Dialect, ids: &[String]) -> Result<Looked> {
    let mut fetched = site.issues(dialect, ids).await?;
    let id_of = |issue: &IssueText| issue.id().map(str::to_owned);
    let mut answered: HashSet<String> = fetched.issues.iter().filter_map(id_of).collect();
    answered.extend(fetched.retry.iter().cloned());
    let unseen: Vec<String> = ids.iter().filter(|id| !answered.contains(*id)).cloned().collect();
    // Whoever was asked for alone has had the whole answer; an answer about many may have been a short one.
    let portion = match dialect {
        Dialect::V2 => 1,
        Dialect::V3 => ids.len().max(1),
    };
    for portion in unseen.chunks(portion).filter(|_| ids.len() > 1) {
        let again = site.issues(dialect, portion).await?;
        answered.extend(again.issues.iter().filter_map(id_of));
        answered.extend(again.retry.iter().cloned());
        fetched.issues.extend(again.issues);
        fetched.retry.extend(again.retry);
    }
    // An answer without an id may be about any of them.
    let nameless = fetched.issues.iter().any(|issue| issue.id().is_none());
    let absent: Vec<String> = ids.iter().filter(|id| !answered.contains(*id)).cloned().collect();
    let mut looked = Looked { shown: fetched.issues, unanswered: fetched.retry, gone: Vec::new() };
    match nameless {
        true => looked.unanswered.extend(absent),
        false => looked.gone = absent,
    }
    Ok(looked)
}

/// One issue, fetched whole by the account that is expected; `None` when it is not visible. See [`read_fetched`].
pub async fn fetch_one(
    services: &Services,
    tenant: TenantId,
    instance: &Instance,
    jira_id: &str,
) -> Result<Option<IssueText>> {
    let mut tx = services.db.tenant(&TenantContext::whole(tenant)).await?;
    let connected = instances::connect_within(services, tx.as_mut(), instance, Patience::Long).await?;
    drop(tx);
    let dialect = connected.identified(services, tenant, instance).await?;
    let mut looked = look_for(connected.site.as_ref(), dialect, &[jira_id.to_owned()]).await?;
    if !looked.unanswered.is_empty() {
        return Err(Error::Upstream {
            system: "Jira",
            message: format!("the issue {jira_id} cannot be read just now"),
            retryable: true,
        });
    }
    Ok(looked.shown.pop())
}

/// Reads a fetched issue for the transaction that is to store it: who was erased is asked there. `read_at` is when it was
/// asked for at the site; without one it counts as the newest.
pub async fn read_fetched(
    services: &Services,
    tx: &mut dyn TenantTx,
    instance: &Instance,
    issue: IssueText,
    read_at: Option<DateTime<Utc>>,
) -> Result<IssueBundle> {
    let roles = FieldRoles::from_fields(&tx.fields_with_roles(instance.id).await?);
    let erased = tx.erased_people(instance.id).await?;
    let secrets = services.secrets.as_ref();
    let reader = Reader::new(instance.dialect, &roles, secrets, &erased);
    let id = issue.id().unwrap_or("without an id").to_owned();
    let bundle = read_text(&reader, issue).map_err(|reject| Error::Upstream {
        system: "Jira",
        message: format!("the issue {id} cannot be read: {}", reject.reason),
        retryable: false,
    })?;
    Ok(IssueBundle { read_at, ..bundle })
}
