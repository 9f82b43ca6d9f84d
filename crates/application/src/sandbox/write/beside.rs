//! What is done to an issue along with a creation, an edit or a transition and is no field of it: comments, worklogs and links, by the
//! operations of `update`, and properties (jira-facts 6.5).

use serde_json::{Value, json};

use super::{
    comments::{self, CommentChanges, NewComment, Touching},
    desk::pick,
    fields::elements,
    links::{self, NewLink},
    properties,
    worklogs::{self, AdjustEstimate, WorklogChanges},
    writing::Writing,
};
use crate::{
    actions::Action,
    caller::Caller,
    error::{Error, Result},
    ingest::text_of,
};

/// An operation on an issue's comments.
#[derive(Clone, Debug)]
pub enum CommentStep {
    /// Adds one.
    Add(NewComment),
    /// Changes the one with this id.
    Edit(String, CommentChanges),
    /// Deletes the one with this id.
    Remove(String),
}

/// An operation on an issue's worklogs.
#[derive(Clone, Debug)]
pub enum WorklogStep {
    /// Adds one.
    Add(WorklogChanges, AdjustEstimate),
    /// Changes the one with this id.
    Edit(String, WorklogChanges, AdjustEstimate),
    /// Deletes the one with this id.
    Remove(String, AdjustEstimate),
}

/// An operation on an issue's links.
#[derive(Clone, Debug)]
pub enum LinkStep {
    /// A link of this type, from the issue to another one, by key or id.
    To(Value, String),
    /// A link of this type, from another issue to this one.
    From(Value, String),
    /// Links like those that this issue has.
    Copy(String),
    /// Takes the link with this id away.
    Remove(String),
}

/// What is done besides.
#[derive(Clone, Debug, Default)]
pub struct Beside {
    /// To the comments.
    pub comments: Vec<CommentStep>,
    /// To the worklogs.
    pub worklogs: Vec<WorklogStep>,
    /// To the links.
    pub links: Vec<LinkStep>,
    /// Properties to set.
    pub properties: Vec<(String, Value)>,
}

impl Beside {
    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.comments.is_empty()
            && self.worklogs.is_empty()
            && self.links.is_empty()
            && self.properties.is_empty()
    }

    /// Refuses it to a caller who may not do all of it.
    ///
    /// # Errors
    /// [`Error::Forbidden`].
    pub(super) fn permit(&self, caller: &Caller) -> Result<()> {
        let comments = self.comments.iter().map(|step| match step {
            CommentStep::Add(_) => Action::AddComment,
            CommentStep::Edit(..) => Action::EditComment,
            CommentStep::Remove(_) => Action::DeleteComment,
        });
        let worklogs = self.worklogs.iter().map(|step| match step {
            WorklogStep::Add(..) => Action::AddWorklog,
            WorklogStep::Edit(..) => Action::EditWorklog,
            WorklogStep::Remove(..) => Action::DeleteWorklog,
        });
        let links = self.links.iter().map(|step| match step {
            LinkStep::Remove(_) => Action::UnlinkIssues,
            _ => Action::LinkIssues,
        });
        let properties = self.properties.iter().map(|_| Action::SetIssueProperty);
        comments.chain(worklogs).chain(links).chain(properties).try_for_each(|action| caller.permit(action))
    }

    /// Does it to an issue, step by step; answers what the audit log keeps of it, an entry for each step that changed something.
    ///
    /// # Errors
    /// Those of the steps; the write is not to be finished then.
    pub(super) async fn apply(&self, write: &mut Writing<'_>, issue: &str) -> Result<Vec<Value>> {
        let mut done = Vec::new();
        for step in &self.worklogs {
            let row = write.issue(issue).await?;
            done.push(match step {
                WorklogStep::Add(changes, adjust) => {
                    json!({ "worklog added": worklogs::add(write, &row, changes, *adjust).await? })
                }
                WorklogStep::Edit(id, changes, adjust) => {
                    json!({ "worklog edited": worklogs::edit(write, &row, id, changes, *adjust).await?.1 })
                }
                WorklogStep::Remove(id, adjust) => {
                    json!({ "worklog deleted": worklogs::delete(write, &row, id, *adjust).await?.0 })
                }
            });
        }
        for step in &self.links {
            self.link(write, issue, step, &mut done).await?;
        }
        for step in &self.comments {
            let row = write.issue(issue).await?;
            done.push(match step {
                CommentStep::Add(new) => json!({ "comment added": comments::add(write, &row, new).await? }),
                CommentStep::Edit(id, changes) => {
                    json!({ "comment edited": comments::edit(write, &row, id, (changes, Touching::Issue)).await?.1 })
                }
                CommentStep::Remove(id) => {
                    json!({ "comment deleted": comments::delete(write, &row, id, Touching::Issue).await? })
                }
            });
        }
        for (key, value) in &self.properties {
            let row = write.issue(issue).await?;
            properties::set(write, &row, (key, value)).await?;
            done.push(json!({ "property": key, "value": value }));
        }
        Ok(done)
    }

    async fn link(
        &self,
        write: &mut Writing<'_>,
        issue: &str,
        step: &LinkStep,
        done: &mut Vec<Value>,
    ) -> Result<()> {
        let wanted = match step {
            LinkStep::To(kind, other) => vec![between(kind, issue, other)],
            LinkStep::From(kind, other) => vec![between(kind, other, issue)],
            LinkStep::Copy(other) => {
                let source = write.seen(other).await?;
                let own = elements(&source.raw["fields"]["issuelinks"]).iter();
                own.filter_map(|link| like(link, issue)).collect()
            }
            LinkStep::Remove(id) => {
                if !self.has_link(write, issue, id).await? {
                    return Err(Error::not_found("issue link", id));
                }
                done.push(json!({ "link removed": links::remove(write, id).await?.1 }));
                return Ok(());
            }
        };
        for link in wanted {
            if let Some((_, after)) = links::add(write, &link).await? {
                done.push(json!({ "link added": after }));
            }
        }
        Ok(())
    }

    async fn has_link(&self, write: &mut Writing<'_>, issue: &str, link: &str) -> Result<bool> {
        let row = write.seen(issue).await?;
        Ok(pick(elements(&row.raw["fields"]["issuelinks"]).iter(), &json!({ "id": link })).is_some())
    }
}

fn between(kind: &Value, from: &str, to: &str) -> NewLink {
    NewLink { link_type: kind.clone(), inward_issue: from.to_owned(), outward_issue: to.to_owned() }
}

/// The link that another issue shows, of this issue; `None` where it is with this issue.
fn like(link: &Value, issue: &str) -> Option<NewLink> {
    let kind = json!({ "id": link["type"]["id"] });
    match (text_of(&link["outwardIssue"]["id"]), text_of(&link["inwardIssue"]["id"])) {
        (Some(to), _) if to != issue => Some(between(&kind, issue, &to)),
        (None, Some(from)) if from != issue => Some(between(&kind, &from, issue)),
        _ => None,
    }
}
