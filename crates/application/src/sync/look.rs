//! Looking at one issue, outside of any run.

use chrono::{DateTime, Utc};

use crate::{
    error::{Error, Result},
    ingest::{FieldRoles, Reader, read_text},
    instances::{self, Instance},
    issues::IssueBundle,
    ports::{IssueText, JiraSite, TenantTx},
    services::Services,
};
use domain::ids::TenantId;

/// One issue, fetched whole; `None` when it is not visible. See [`read_fetched`].
pub async fn fetch_one(
    services: &Services,
    tenant: TenantId,
    instance: &Instance,
    jira_id: &str,
) -> Result<Option<IssueText>> {
    let site = instances::connect(services, tenant, instance).await?;
    fetch_from(site.as_ref(), instance, jira_id).await
}

/// The same, from a site that is connected already.
pub(crate) async fn fetch_from(
    site: &dyn JiraSite,
    instance: &Instance,
    jira_id: &str,
) -> Result<Option<IssueText>> {
    let fetched = site.issues(instance.dialect, &[jira_id.to_owned()]).await?;
    if !fetched.retry.is_empty() {
        return Err(Error::Upstream {
            system: "Jira",
            message: format!("the issue {jira_id} cannot be read just now"),
            retryable: true,
        });
    }
    Ok(fetched.issues.into_iter().next())
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
