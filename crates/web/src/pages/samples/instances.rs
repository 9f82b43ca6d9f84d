//! Instances: on their way, up to date, failed, never synced, and a sandbox.

use application::{
    instances::{Dialect, Instance, InstanceKind},
    sync::{
        RunCounts, RunKind, RunState, SyncRun, SyncSchedule, SyncStatus,
        census::{Census, CensusState},
        freshness::{Freshness, InstanceFreshness, ListRead},
        reference::{ReferenceList, ReferenceRead},
    },
};
use chrono::TimeDelta;
use domain::ids::InstanceId;
use uuid::Uuid;

use super::{HOSTILE, instance, now, rendered, shell};
use crate::pages::{
    freshness::FreshnessPanel,
    instance::{InstancePage, Notice},
    instances::InstancesPage,
    shell::Section,
};

/// A backfill on its way.
pub(in crate::pages) fn run() -> SyncRun {
    SyncRun {
        id: Uuid::from_u128(9),
        instance_id: InstanceId(Uuid::from_u128(7)),
        kind: RunKind::Backfill,
        state: RunState::Running,
        step: "issues, newest first".into(),
        done: 41_200,
        total: Some(98_314),
        counts: RunCounts {
            issues: 41_200,
            comments: 120_331,
            changelog_items: 604_112,
            worklogs: 9_041,
            requests: 871,
            retries: 3,
            rejected: 0,
            throttled_ms: 0,
        },
        worked_ms: 0,
        error: None,
        started_at: now() - TimeDelta::seconds(312),
        updated_at: now() - TimeDelta::seconds(1),
        finished_at: None,
        checkpoint: None,
    }
}

fn status(run: Option<SyncRun>) -> SyncStatus {
    SyncStatus {
        instance: "acme".into(),
        instance_id: InstanceId(Uuid::from_u128(7)),
        issues: 41_200,
        watermark: Some(now() - TimeDelta::minutes(6)),
        last_proof: Some(now() - TimeDelta::seconds(50)),
        run,
        schedule: SyncSchedule::default(),
    }
}

pub(super) fn pages() -> Vec<(&'static str, String)> {
    let cloud = instance("acme", "Acme Cloud", InstanceKind::Cloud);
    let sandbox = instance("play", "play", InstanceKind::Sandbox);
    let never = SyncStatus { issues: 0, watermark: None, last_proof: None, ..status(None) };
    let ended = |state, error: Option<&str>| SyncRun {
        state,
        kind: RunKind::Poll,
        total: None,
        done: 12,
        error: error.map(str::to_owned),
        finished_at: Some(now() - TimeDelta::seconds(50)),
        started_at: now() - TimeDelta::seconds(53),
        step: String::new(),
        ..run()
    };
    let page = |instance: &Instance, status: &SyncStatus, notice: Notice| {
        let shell = shell(Section::Instances, &instance.display_name);
        rendered(InstancePage::new(shell, instance, status, true, notice, now()))
    };
    let list = |listed| rendered(InstancesPage::new(shell(Section::Instances, "Instances"), listed, now()));
    let hostile = Instance {
        name: HOSTILE.into(),
        display_name: HOSTILE.into(),
        base_url: HOSTILE.into(),
        account_id: Some(HOSTILE.into()),
        time_zone: Some(HOSTILE.into()),
        ..cloud.clone()
    };
    let hostile_run = || SyncRun { step: HOSTILE.into(), error: Some(HOSTILE.into()), total: None, ..run() };
    let legacy = Instance {
        dialect: Dialect::V2,
        ..instance("legacy", "Legacy Data Center", InstanceKind::DataCenter)
    };
    let failed = || ended(RunState::Failed, Some("jira: 401 Unauthorized: the API token was refused"));
    let everything = vec![
        (cloud.clone(), status(Some(run()))),
        (legacy.clone(), status(Some(failed()))),
        (instance("ops", "Operations", InstanceKind::Server), status(Some(ended(RunState::Succeeded, None)))),
        (instance("new-site", "new-site", InstanceKind::Cloud), never.clone()),
        (sandbox.clone(), SyncStatus { issues: 2000, ..never.clone() }),
    ];
    vec![
        ("instances", list(everything)),
        ("instances-empty", list(Vec::new())),
        ("instances-hostile", list(vec![(hostile.clone(), status(Some(hostile_run())))])),
        ("instance-backfill", page(&cloud, &status(Some(run())), Notice::None)),
        ("instance-fresh", page(&cloud, &status(Some(ended(RunState::Succeeded, None))), Notice::None)),
        ("instance-held", held(&cloud, "too much is gone: PAY (150 of 150)")),
        ("instance-held-hostile", held(&cloud, HOSTILE)),
        (
            "instance-failed",
            page(
                &legacy,
                &status(Some(failed())),
                Notice::Refused("`legacy` is being synced already.".into()),
            ),
        ),
        ("instance-requested", page(&cloud, &never, Notice::Requested)),
        ("instance-sandbox", page(&sandbox, &SyncStatus { issues: 2000, ..never }, Notice::None)),
        ("instance-hostile", page(&hostile, &status(Some(hostile_run())), Notice::Refused(HOSTILE.into()))),
    ]
}

/// A mirror whose census is held, with what is proved of it.
fn held(instance: &Instance, told: &str) -> String {
    let row = |project: &str, collection: &str| Freshness {
        project: project.into(),
        collection: collection.into(),
        watermark: Some(now()),
        polled_at: Some(now()),
        census_at: Some(now() - TimeDelta::hours(3)),
        checked_at: None,
        rows_checked: 0,
        rows_differing: 2,
        source_rows: Some(1_200),
        copy_rows: Some(1_200),
    };
    let freshness = InstanceFreshness {
        rows: vec![row(told, "issues"), row(told, "comments"), row("OPS", "issues")],
        requests_24h: 4_100,
        rejected: 3,
        reference: vec![ReferenceRead {
            list: ReferenceList::FieldOptions,
            began_at: now(),
            after: None,
            shown: 0,
            refused: 5,
            finished: true,
            read_at: Some(now() - TimeDelta::hours(1)),
            note: Some("the site does not show this to our account".into()),
            worked: chrono::TimeDelta::zero(),
        }],
        lists: vec![ListRead { list: "rosters".into(), read_at: Some(now() - TimeDelta::minutes(20)) }],
    };
    let census = Census {
        id: Uuid::from_u128(8),
        instance_id: instance.id,
        state: CensusState::Held,
        accepted_by: None,
        step: String::new(),
        requests: 12,
        error: Some(told.into()),
        started_at: now(),
        updated_at: now(),
        finished_at: None,
        projects: Vec::new(),
    };
    let shell = shell(Section::Instances, &instance.display_name);
    let page = InstancePage::new(shell, instance, &status(None), true, Notice::None, now());
    rendered(page.proven_by(Some(FreshnessPanel::new(&freshness, Some(&census), now()))))
}
