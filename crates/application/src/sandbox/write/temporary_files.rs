//! Files that are sent to a desk first, and attached to a request then.

use chrono::TimeDelta;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    attachments::{LARGEST_ATTACHMENT, MOST_ATTACHMENTS, NewAttachment, attach},
    writing::{Writing, require_written_here},
};
use crate::{
    actions::Action,
    caller::Caller,
    error::{Error, Result},
    instances::Instance,
    lookups,
    service_desks::TemporaryFile,
    services::Services,
    tenant_context::TenantContext,
};

/// How long they are kept.
const KEPT: TimeDelta = TimeDelta::days(1);

/// Keeps files until they are attached to a request of the desk, for a day; answers each one's id and name.
///
/// # Errors
/// [`Error::NotFound`] without the desk; [`Error::Invalid`] (field `file`) for none, too many, and too large ones.
pub async fn keep_files(
    services: &Services,
    caller: &Caller,
    instance: &str,
    desk: &str,
    files: Vec<NewAttachment>,
) -> Result<Vec<(Uuid, String)>> {
    let mut write = Writing::begin(services, caller, Action::KeepFile, instance).await?;
    let desk = write.desk(desk).await?;
    if !(1..=MOST_ATTACHMENTS).contains(&files.len()) {
        return Err(Error::invalid("file", format!("Send between 1 and {MOST_ATTACHMENTS} files.")));
    }
    if let Some(large) = files.iter().find(|file| file.bytes.len() > LARGEST_ATTACHMENT) {
        let message = format!("'{}' is larger than {LARGEST_ATTACHMENT} bytes.", large.filename);
        return Err(Error::invalid("file", message));
    }
    let site = write.instance.id;
    let now = services.clock.now();
    let mut kept = Vec::with_capacity(files.len());
    for file in files {
        let file = TemporaryFile {
            id: Uuid::new_v4(),
            project_id: desk.project_id.clone(),
            filename: file.filename,
            mime_type: file.mime_type,
            bytes: file.bytes,
            created: now,
        };
        write.tx.keep_file(site, &file, now - KEPT).await?;
        kept.push((file.id, file.filename));
    }
    let names: Vec<&String> = kept.iter().map(|(_, name)| name).collect();
    write.finish(&desk.project_key, Value::Null, json!({ "files": names })).await?;
    Ok(kept)
}

/// Attaches kept files to an issue of their desk's project; answers them as the issue shows them.
///
/// # Errors
/// [`Error::NotFound`] without the issue; [`Error::Invalid`] (field `temporaryAttachmentIds`) for files that are not kept, or were sent
/// to another desk.
pub async fn attach_kept_files(
    services: &Services,
    caller: &Caller,
    instance: &str,
    issue: &str,
    ids: &[Uuid],
) -> Result<Vec<Value>> {
    caller.permit(Action::AddAttachment)?;
    let site = lookups::instance(services, caller, instance).await?;
    require_written_here(&site, Action::AddAttachment)?;
    let row = lookups::issue(services, caller, Some(site.id), issue).await?;
    let project = row.raw["fields"]["project"]["id"].as_str().unwrap_or_default();
    let mut found = services.db.tenant(&caller.context()).await?.kept_files(site.id, ids).await?;
    found.retain(|file| file.project_id == project);
    if let Some(missing) = ids.iter().find(|id| found.iter().all(|file| file.id != **id)) {
        let message = format!("There is no temporary attachment '{missing}' at this service desk.");
        return Err(Error::invalid("temporaryAttachmentIds", message));
    }
    let files = found.into_iter().map(|file| NewAttachment {
        filename: file.filename,
        mime_type: file.mime_type,
        bytes: file.bytes,
    });
    let attached = attach(services, caller, instance, issue, files.collect()).await?;
    forget(services, caller, &site, ids).await?;
    Ok(attached)
}

async fn forget(services: &Services, caller: &Caller, site: &Instance, ids: &[Uuid]) -> Result<()> {
    let mut tx = services.db.tenant(&TenantContext::whole(caller.tenant)).await?;
    tx.forget_files(site.id, ids).await?;
    tx.commit().await
}
