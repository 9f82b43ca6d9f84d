//! Listing a project, and comparing it with the copy as it comes.

use std::collections::{HashSet, VecDeque};

use domain::issue_key::IssueKey;
use uuid::Uuid;

use super::{CensusProject, Copied, Found, Listed, ProjectState, advance, run::RollCall, settle::LOOK_UP};
use crate::{
    error::{Error, Result},
    ports::{IssueName, TenantTx},
};

/// Rows of the copy in memory at a time.
pub(super) const COPY_PAGE: i64 = 5_000;

impl RollCall<'_> {
    /// Lists a live project and compares it with the copy.
    pub(super) async fn list(&mut self, mut project: CensusProject) -> Result<()> {
        let mut tx = self.tx().await?;
        self.hold(tx.as_mut(), &format!("listing {}", project.key)).await?;
        tx.note_census_project(self.lease, &project).await?;
        tx.drop_candidates(self.lease, project.project_id).await?;
        tx.commit().await?;
        self.projects.retain(|known| known.project_id != project.project_id);
        match self.compare(&mut project).await {
            Ok(()) => project.state = ProjectState::Listed,
            // The site refuses this project, or shows it only in part: the others are still asked.
            Err(error @ (Error::Invalid(_) | Error::Upstream { retryable: false, .. })) => {
                project.state = ProjectState::Failed;
                project.error = Some(error.to_string());
            }
            Err(error) => return Err(error),
        }
        let mut tx = self.tx().await?;
        self.hold(tx.as_mut(), &format!("listing {}", project.key)).await?;
        if project.state == ProjectState::Failed {
            tx.drop_candidates(self.lease, project.project_id).await?;
        }
        tx.note_census_project(self.lease, &project).await?;
        tx.commit().await?;
        self.projects.push(project);
        Ok(())
    }

    async fn compare(&mut self, project: &mut CensusProject) -> Result<()> {
        let mut copy = self.copy_of(project.project_id).await?;
        let (mut listed, mut copied) = (VecDeque::new(), VecDeque::new());
        let (mut cursor, mut listed_ended) = (None, false);
        while !(listed_ended && copy.ended && listed.is_empty() && copied.is_empty()) {
            if listed.is_empty() && !listed_ended {
                let page = self.site.roll_call(self.dialect, &project.jira_id, cursor.as_deref()).await?;
                project.listed += page.issues.len() as u64;
                for issue in page.issues {
                    listed.push_back(read_name(issue)?);
                }
                if page.ends_early {
                    return Err(refused("the site ended the list although it says that there is more"));
                }
                listed_ended = page.next.is_none();
                cursor = page.next;
            }
            if copied.is_empty() && !copy.ended {
                let mut tx = self.tx().await?;
                copied = copy.page(tx.as_mut(), project.project_id).await?;
                project.present += copied.len() as u64;
            }
            let mut found = Found::default();
            advance(&mut listed, listed_ended, &mut copied, copy.ended, &mut found);
            self.take_down(project, found).await?;
        }
        Ok(())
    }

    async fn copy_of(&self, project: Uuid) -> Result<CopySide> {
        let mut tx = self.tx().await?;
        let prefixes = tx.key_prefixes(project).await?;
        let ended = prefixes.is_empty();
        let prefixes =
            prefixes.into_iter().map(|name| Prefix { name, read: VecDeque::new(), after: Some(0) });
        Ok(CopySide { prefixes: prefixes.collect(), ended })
    }

    /// Notes candidates, and fetches what the copy does not have.
    async fn take_down(&mut self, project: &mut CensusProject, found: Found) -> Result<()> {
        let mut tx = self.tx().await?;
        self.hold(tx.as_mut(), &format!("listing {}", project.key)).await?;
        project.absent += found.absent.len() as u64;
        tx.add_candidates(self.lease, self.instance.id, project.project_id, &found.absent).await?;
        // A page that came twice, or out of order, names much that the copy has.
        let known: HashSet<i64> = match found.unknown.is_empty() {
            true => HashSet::new(),
            false => {
                let known = tx.known_so(self.instance.id, project.project_id, &found.unknown).await?;
                known.into_iter().collect()
            }
        };
        tx.commit().await?;
        let mut missing: Vec<i64> = found.unknown.into_iter().map(|issue| issue.id).collect();
        missing.retain(|id| !known.contains(id));
        missing.sort_unstable();
        missing.dedup();
        for ids in missing.chunks(LOOK_UP) {
            let looked = self.look_for(ids).await?;
            project.unsettled += looked.unanswered.len() as u64;
            project.fetched += looked.shown.len() as u64;
            self.store(looked.shown, looked.read_at, &format!("listing {}", project.key)).await?;
        }
        Ok(())
    }
}

/// The copy's side of the merge: present issues of a project in the order of their numbers.
struct CopySide {
    prefixes: Vec<Prefix>,
    ended: bool,
}

/// Issues whose keys begin with one project's key.
struct Prefix {
    name: String,
    read: VecDeque<Copied>,
    /// Where its next page begins; `None` after the last.
    after: Option<i64>,
}

impl CopySide {
    /// The next issues: as many as are certain to be next.
    async fn page(&mut self, tx: &mut dyn TenantTx, project: Uuid) -> Result<VecDeque<Copied>> {
        let mut page = VecDeque::new();
        while page.len() < COPY_PAGE as usize {
            for prefix in &mut self.prefixes {
                if let (Some(after), true) = (prefix.after, prefix.read.is_empty()) {
                    let rows = tx.copied_issues(project, &prefix.name, after, COPY_PAGE).await?;
                    prefix.after = rows.last().map(|row| row.number);
                    prefix.read = rows.into();
                }
            }
            let first = self
                .prefixes
                .iter_mut()
                .filter(|prefix| !prefix.read.is_empty())
                .min_by_key(|prefix| prefix.read.front().map(|row| row.number));
            match first {
                Some(prefix) => page.extend(prefix.read.pop_front()),
                None => {
                    self.ended = true;
                    break;
                }
            }
        }
        Ok(page)
    }
}

fn read_name(issue: IssueName) -> Result<Listed> {
    let id = issue.id.parse().map_err(|_| refused("an issue without a numeric id is listed"))?;
    let key: IssueKey = issue.key.parse().map_err(|_| refused("an issue without a key is listed"))?;
    Ok(Listed { number: key.number(), id, key: issue.key })
}

fn refused(message: &str) -> Error {
    Error::Upstream { system: "Jira", message: message.to_owned(), retryable: false }
}
