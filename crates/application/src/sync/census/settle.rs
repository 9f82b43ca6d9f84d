//! What becomes of issues that are not listed: looked for by id, held by the brake, or written down.

use chrono::{DateTime, Utc};
use serde_json::Value;
use uuid::Uuid;

use super::{
    CensusProject, ProjectState,
    listing::COPY_PAGE,
    run::{RollCall, named},
};
use crate::{
    error::{Error, Result},
    ingest::{Reader, read_text},
    issues::{IssueBundle, Presence, UpsertCounts},
    ports::{IssueText, ProjectRoll, TenantTx},
    sync::{
        freshness::Proof,
        look::look_for,
        memory::bytes_of,
        presence::{self, Standing},
        work::STORE_TRIES,
    },
};

/// Issues looked up by id at once (jira-facts 1.4).
pub(super) const LOOK_UP: usize = 100;
/// No more than so many are looked for a second time.
const AGAIN: u64 = 200;
/// Rows written in one transaction.
const WRITE: i64 = 2_000;

/// What became of issues that were asked for by id.
#[derive(Default)]
pub(super) struct Looked {
    pub(super) shown: Vec<IssueText>,
    /// The site has no answer just now.
    pub(super) unanswered: Vec<i64>,
    pub(super) gone: Vec<i64>,
    /// When they were asked for.
    pub(super) read_at: DateTime<Utc>,
}

impl RollCall<'_> {
    /// Issues by id: see [`look_for`].
    pub(super) async fn look_for(&self, ids: &[i64]) -> Result<Looked> {
        let names: Vec<String> = ids.iter().map(i64::to_string).collect();
        let read_at = self.now();
        let looked = look_for(self.site.as_ref(), self.dialect, &names).await?;
        let numbers = |ids: Vec<String>| ids.iter().filter_map(|id| id.parse().ok()).collect();
        Ok(Looked {
            shown: looked.shown,
            unanswered: numbers(looked.unanswered),
            gone: numbers(looked.gone),
            read_at,
        })
    }

    /// Stores issues as every sync does. One that is in the archive is noted as that. Somebody else may be storing some of them, or
    /// giving one of their keys to another issue: whoever the database turns away for that tries again.
    pub(super) async fn store(
        &mut self,
        issues: Vec<IssueText>,
        read_at: DateTime<Utc>,
        step: &str,
    ) -> Result<()> {
        if issues.is_empty() {
            return Ok(());
        }
        for tries in 1..STORE_TRIES {
            match self.try_to_store(issues.clone(), read_at, step).await {
                Err(error @ (Error::Unavailable(_) | Error::Busy { .. })) => {
                    tracing::info!(%error, tries, "issues could not be stored and are tried again");
                }
                stored => return stored,
            }
        }
        self.try_to_store(issues, read_at, step).await
    }

    async fn try_to_store(
        &mut self,
        issues: Vec<IssueText>,
        read_at: DateTime<Utc>,
        step: &str,
    ) -> Result<()> {
        let _apart = self.services.sync.memory.apart(bytes_of(&issues)).await;
        let mut tx = self.tx().await?;
        self.hold(tx.as_mut(), step).await?;
        let erased = tx.erased_people(self.instance.id).await?;
        let secrets = self.services.secrets.as_ref();
        let reader = Reader::new(self.dialect, &self.roles, secrets, &erased);
        let (mut bundles, mut archived) = (Vec::with_capacity(issues.len()), Vec::new());
        for issue in issues {
            let shown = issue.id().map_or(Value::Null, Value::from);
            match read_text(&reader, issue) {
                Ok(bundle) => {
                    archived.extend(bundle.issue.archived.then(|| bundle.issue.jira_id.clone()));
                    bundles.push(IssueBundle { read_at: Some(read_at), ..bundle });
                }
                Err(reject) => {
                    tx.reject(self.instance.id, reject.jira_id.as_deref(), &reject.reason, &shown).await?;
                }
            }
        }
        let stored = tx.upsert_issues(self.instance.id, &bundles).await?;
        self.changed |= UpsertCounts { rejected: 0, ..stored } != UpsertCounts::default();
        if !archived.is_empty() {
            self.changed |= tx.set_presence(self.instance.id, &archived, Presence::Archived).await? > 0;
        }
        tx.commit().await
    }

    /// Projects that are in the copy and not among the live ones: what the site says of them is believed, and the issues of
    /// those that it does not speak of are candidates, all of them.
    pub(super) async fn add_those_without_a_listing(&mut self, roll: &ProjectRoll) -> Result<()> {
        let mut tx = self.tx().await?;
        let copied = tx.projects_with_issues(self.instance.id).await?;
        drop(tx);
        let among = |list: &[Value], id: &str| named(list).any(|(other, _)| other == id);
        for (project_id, jira_id, key) in copied {
            if self
                .projects
                .iter()
                .any(|known| known.project_id == project_id && known.state != ProjectState::Listing)
            {
                continue;
            }
            let standing = match () {
                () if among(&roll.archived, &jira_id) => Standing::Archived,
                () if among(&roll.trashed, &jira_id) => Standing::Trashed,
                () if among(&roll.live, &jira_id) => continue,
                () => Standing::Unlisted,
            };
            let project = self.project(&jira_id, &key, standing);
            match standing {
                Standing::Unlisted => self.suspect_all(project).await?,
                _ => self.retire(project).await?,
            }
        }
        Ok(())
    }

    async fn suspect_all(&mut self, mut project: CensusProject) -> Result<()> {
        let mut after = 0;
        self.projects.retain(|known| known.project_id != project.project_id);
        let step = format!("{} is not listed any more", project.key);
        let mut tx = self.tx().await?;
        self.hold(tx.as_mut(), &step).await?;
        tx.note_census_project(self.lease, &project).await?;
        tx.drop_candidates(self.lease, project.project_id).await?;
        tx.commit().await?;
        loop {
            let mut tx = self.tx().await?;
            self.hold(tx.as_mut(), &step).await?;
            let added = tx.add_all_as_candidates(self.lease, project.project_id, after, COPY_PAGE).await?;
            if let Some((last, count)) = added {
                after = last;
                project.present += count;
                project.absent += count;
            } else {
                project.state = ProjectState::Listed;
                tx.note_census_project(self.lease, &project).await?;
            }
            tx.commit().await?;
            if added.is_none() {
                self.projects.push(project);
                return Ok(());
            }
        }
    }

    /// A project that the site itself lists as archived or trashed.
    async fn retire(&mut self, mut project: CensusProject) -> Result<()> {
        self.projects.retain(|known| known.project_id != project.project_id);
        loop {
            let mut tx = self.tx().await?;
            self.hold(tx.as_mut(), &format!("{} is {}", project.key, project.standing.as_str())).await?;
            let written = tx.write_all_gone(project.project_id, project.standing.presence(), WRITE).await?;
            project.gone += written;
            if written == 0 {
                tx.set_project_presence(project.project_id, project.standing.presence()).await?;
                project.present = project.gone;
                project.absent = project.gone;
                project.state = ProjectState::Settled;
                tx.note_census_project(self.lease, &project).await?;
                self.prove(tx.as_mut(), &project).await?;
            }
            tx.commit().await?;
            self.changed |= written > 0;
            if written == 0 {
                self.projects.push(project);
                return Ok(());
            }
        }
    }

    /// Looks for the candidates of a project by id, until none is left or the brake stops it.
    pub(super) async fn confirm(&mut self, index: usize) -> Result<()> {
        let mut project = self.projects[index].clone();
        let mut after = 0;
        project.state = loop {
            let mut tx = self.tx().await?;
            let ids = tx.candidates(self.lease, project.project_id, after, LOOK_UP as i64).await?;
            drop(tx);
            let Some(last) = ids.last() else { break ProjectState::Confirmed };
            after = *last;
            let looked = self.look_for(&ids).await?;
            let kept: Vec<i64> = ids.iter().copied().filter(|id| !looked.gone.contains(id)).collect();
            project.unsettled += looked.unanswered.len() as u64;
            project.fetched += looked.shown.len() as u64;
            project.gone += looked.gone.len() as u64;
            let step = format!("looking for issues of {}", project.key);
            self.store(looked.shown, looked.read_at, &step).await?;
            let mut tx = self.tx().await?;
            self.hold(tx.as_mut(), &step).await?;
            tx.settle_candidates(self.lease, &looked.gone, &kept).await?;
            tx.note_census_project(self.lease, &project).await?;
            tx.commit().await?;
            if !self.accepted && self.settings.stops(project.gone, project.present) {
                break ProjectState::Held;
            }
            if self.is_time() {
                break ProjectState::Listed;
            }
        };
        self.replace(index, project).await
    }

    async fn replace(&mut self, index: usize, project: CensusProject) -> Result<()> {
        let mut tx = self.tx().await?;
        self.hold(tx.as_mut(), &format!("looking for issues of {}", project.key)).await?;
        tx.note_census_project(self.lease, &project).await?;
        tx.commit().await?;
        self.projects[index] = project;
        Ok(())
    }

    /// Many small losses are one large loss.
    pub(super) async fn hold_the_site_if_much_is_gone(&mut self) -> Result<()> {
        let sum = |count: fn(&CensusProject) -> u64| {
            let believed = |p: &&CensusProject| !matches!(p.standing, Standing::Archived | Standing::Trashed);
            self.projects.iter().filter(believed).map(count).sum::<u64>()
        };
        if self.accepted || !self.settings.stops(sum(|p| p.gone), sum(|p| p.present)) {
            return Ok(());
        }
        for index in 0..self.projects.len() {
            let project = &self.projects[index];
            if project.state == ProjectState::Confirmed && project.gone > 0 {
                let held = CensusProject { state: ProjectState::Held, ..project.clone() };
                self.replace(index, held).await?;
            }
        }
        Ok(())
    }

    /// Whoever was gone for a moment is there again by now, and unchanged, so that reading it wrote nothing. Where few are gone they are
    /// looked for once more before that is written down; many are not gone for a moment.
    async fn look_once_more(&mut self, project: &mut CensusProject) -> Result<()> {
        if project.gone == 0 || project.gone > AGAIN {
            return Ok(());
        }
        let mut tx = self.tx().await?;
        let ids = tx.gone_candidates(self.lease, project.project_id, AGAIN as i64).await?;
        drop(tx);
        for ids in ids.chunks(LOOK_UP) {
            let looked = self.look_for(ids).await?;
            let kept: Vec<i64> = ids.iter().copied().filter(|id| !looked.gone.contains(id)).collect();
            if kept.is_empty() {
                continue;
            }
            project.unsettled += looked.unanswered.len() as u64;
            project.gone = project.gone.saturating_sub(kept.len() as u64);
            let step = format!("looking once more for issues of {}", project.key);
            self.store(looked.shown, looked.read_at, &step).await?;
            let mut tx = self.tx().await?;
            self.hold(tx.as_mut(), &step).await?;
            tx.settle_candidates(self.lease, &[], &kept).await?;
            tx.note_census_project(self.lease, project).await?;
            tx.commit().await?;
        }
        Ok(())
    }

    /// Writes down what is gone from a project.
    pub(super) async fn settle(&mut self, index: usize) -> Result<()> {
        let mut project = self.projects[index].clone();
        self.look_once_more(&mut project).await?;
        let mut tx = self.tx().await?;
        let account = self.instance.account_id.as_deref();
        let may_hide = project.gone > 0 && tx.may_hide_issues(project.project_id, account).await?;
        drop(tx);
        let gone = presence::of_gone(project.standing, may_hide);
        loop {
            let mut tx = self.tx().await?;
            self.hold(tx.as_mut(), &format!("settling {}", project.key)).await?;
            let written = tx.write_gone(self.lease, project.project_id, gone, WRITE).await?;
            if written == 0 {
                if project.standing == Standing::Unlisted
                    && tx.project_issue_count(project.project_id).await? == 0
                {
                    tx.set_project_presence(project.project_id, Presence::AccessLost).await?;
                }
                project.state = ProjectState::Settled;
                tx.note_census_project(self.lease, &project).await?;
                self.prove(tx.as_mut(), &project).await?;
            }
            tx.commit().await?;
            self.changed |= written > 0;
            if written == 0 {
                self.projects[index] = project;
                return Ok(());
            }
        }
    }

    /// What is settled without a gap proves that the copy has the issues of the project, and no others.
    pub(super) async fn prove(&self, tx: &mut dyn TenantTx, project: &CensusProject) -> Result<()> {
        if project.unsettled > 0 {
            return Ok(());
        }
        let proof = Proof {
            at: project.compared_at,
            source_rows: (project.standing == Standing::Live).then_some(project.listed),
            copy_rows: tx.project_issue_count(project.project_id).await?,
        };
        tx.note_census_proof(self.instance.id, project.project_id, &proof).await
    }

    /// Issues that lost their keys to others are nobody's candidates, and are looked for here. There is no brake: they are not
    /// shown as present.
    pub(super) async fn look_for_the_unobserved(&mut self) -> Result<()> {
        let mut after = 0;
        loop {
            let mut tx = self.tx().await?;
            let rows = tx.unobserved_issues(self.instance.id, after, LOOK_UP as i64).await?;
            drop(tx);
            let Some((last, _)) = rows.last() else { return Ok(()) };
            after = *last;
            let ids: Vec<i64> = rows.iter().map(|(id, _)| *id).collect();
            let looked = self.look_for(&ids).await?;
            let step = "looking for issues that lost their keys";
            self.store(looked.shown, looked.read_at, step).await?;
            let mut tx = self.tx().await?;
            self.hold(tx.as_mut(), step).await?;
            for id in looked.gone {
                let project = rows.iter().find(|(row, _)| *row == id).map(|(_, project)| *project);
                let standing = self.projects.iter().find(|known| Some(known.project_id) == project);
                let standing = standing.map_or(Standing::Unlisted, |known| known.standing);
                let account = self.instance.account_id.as_deref();
                let may_hide = match project {
                    Some(project) if standing == Standing::Live => {
                        tx.may_hide_issues(project, account).await?
                    }
                    _ => false,
                };
                let presence = presence::of_gone(standing, may_hide);
                tx.set_presence(self.instance.id, &[id.to_string()], presence).await?;
            }
            tx.commit().await?;
        }
    }

    /// Links were stored while issues went and came back, and keys of others while those were moved: they are looked at again.
    pub(super) async fn settle_what_names_others(&mut self) -> Result<()> {
        let mut after = String::new();
        loop {
            let mut tx = self.tx().await?;
            self.hold(tx.as_mut(), "settling keys").await?;
            let last = tx.settle_keys(self.instance.id, &after, WRITE).await?;
            tx.commit().await?;
            let Some(last) = last else { break };
            after = last;
        }
        let mut after = Uuid::nil();
        loop {
            let mut tx = self.tx().await?;
            self.hold(tx.as_mut(), "settling links").await?;
            let last = tx.settle_links(self.instance.id, after, WRITE).await?;
            tx.commit().await?;
            let Some(last) = last else { break };
            after = last;
        }
        let mut after = Uuid::nil();
        loop {
            let mut tx = self.tx().await?;
            self.hold(tx.as_mut(), "settling what issues show of each other").await?;
            let last = tx.settle_neighbours(self.instance.id, after, WRITE).await?;
            tx.commit().await?;
            let Some(last) = last else { return Ok(()) };
            after = last;
        }
    }
}
