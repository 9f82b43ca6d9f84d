//! What the tables note, and when it is announced.

use application::{
    TenantContext,
    audit::{NewAuditEntry, Outcome},
    events::{Announcement, Event},
    instances::{Dialect, InstanceKind},
    issues::Presence,
    ports::{Database, TenantTx},
    reference::ReferenceRecords,
};
use domain::ids::{EntityKind, InstanceId, TenantId};
use infrastructure::{
    cache::{self, CacheSettings},
    crypto::{ChangeCipher, Keyring},
    postgres::{PoolSettings, roles},
};
use serde_json::json;
use sqlx::{Executor, Row, postgres::PgListener};
use uuid::Uuid;

use crate::{
    bundles::{at, changed, issue, project, user},
    database::TestDatabase,
    vanished::sprint,
};

/// A database and a session that hears what is announced.
struct Heard {
    base: TestDatabase,
    tenant: TenantId,
    instance: InstanceId,
    listener: PgListener,
    cipher: ChangeCipher,
}

impl Heard {
    async fn start() -> Self {
        let cipher = Keyring::parse(&"07".repeat(32).into()).unwrap().change_cipher();
        let mut base = TestDatabase::create().await;
        let (nobody, _) = cache::connect(None, CacheSettings::default()).await;
        base.db = base.db.announcing_to(nobody, cipher.clone());
        let (tenant, instance) = base.mirror().await;
        let options = base.options(roles::APP);
        let pool = sqlx::postgres::PgPoolOptions::new().max_connections(1).connect_lazy_with(options);
        let mut listener = PgListener::connect_with(&pool).await.unwrap();
        listener.listen("forebay_changes").await.unwrap();
        Self { base, tenant, instance, listener, cipher }
    }

    /// What was announced since the last look, as anybody hears it.
    async fn payloads(&mut self) -> Vec<String> {
        // Notifications come in the order of commits, so the last one ends the list.
        self.listener.execute("SELECT pg_notify('forebay_changes', 'end')").await.unwrap();
        let mut payloads = Vec::new();
        loop {
            let notification = self.listener.recv().await.unwrap();
            if notification.payload() == "end" {
                return payloads;
            }
            payloads.push(notification.payload().to_owned());
        }
    }

    /// The same, as a process hears it that has the master key.
    async fn events(&mut self) -> Vec<Event> {
        let payloads = self.payloads().await;
        let events = |payload: &String| {
            self.cipher.open(payload).map_or(vec![Event::EverythingChanged], |said| said.events())
        };
        payloads.iter().flat_map(events).collect()
    }

    async fn commit(&mut self, write: impl AsyncFnOnce(&mut dyn TenantTx)) -> Vec<Event> {
        let mut tx = self.base.begin(self.tenant).await;
        write(tx.as_mut()).await;
        tx.commit().await.unwrap();
        self.events().await
    }

    fn issue(&self, id: u32, keys: &[&str]) -> Event {
        Event::IssueChanged {
            tenant: self.tenant,
            instance: self.instance,
            issue: self.instance.issue(&id.to_string()),
            keys: keys.iter().map(|key| (*key).to_owned()).collect(),
        }
    }

    fn everything_there(&self) -> Event {
        Event::InstanceChanged { tenant: self.tenant, instance: self.instance }
    }
}

#[tokio::test]
async fn issues_announce_what_became_of_them_and_by_which_keys_they_are_known() {
    let mut heard = Heard::start().await;
    let instance = heard.instance;
    let (first, second) = (issue(1, "PAY-1"), issue(2, "PAY-2"));
    let page = [first.clone(), second.clone()];
    // A page brings its reference data along, which may be shown anywhere.
    let events = heard
        .commit(async |tx| {
            tx.upsert_issues(instance, &page).await.unwrap();
        })
        .await;
    assert_eq!(events[0], heard.everything_there());

    let events = heard
        .commit(async |tx| {
            tx.upsert_issues(instance, &page).await.unwrap();
        })
        .await;
    assert_eq!(events, [], "what did not change is not announced");

    let edited = changed(&first, 1, |bundle| bundle.issue.summary = "New".into());
    let events = heard
        .commit(async |tx| {
            tx.upsert_issues(instance, &[edited]).await.unwrap();
        })
        .await;
    assert_eq!(events, [heard.issue(1, &["PAY-1"])]);

    // Two issues that swap their keys.
    let swapped = [
        changed(&first, 2, |bundle| bundle.issue.key = "PAY-2".parse().unwrap()),
        changed(&second, 2, |bundle| bundle.issue.key = "PAY-1".parse().unwrap()),
    ];
    let mut events = heard
        .commit(async |tx| {
            tx.upsert_issues(instance, &swapped).await.unwrap();
        })
        .await;
    events.retain(|event| matches!(event, Event::IssueChanged { keys, .. } if keys.len() == 2));
    events.sort_by_key(|event| format!("{event:?}"));
    let mut wanted = [heard.issue(1, &["PAY-2", "PAY-1"]), heard.issue(2, &["PAY-1", "PAY-2"])];
    wanted.sort_by_key(|event| format!("{event:?}"));
    assert_eq!(events, wanted);

    // One that is not in the page loses its key to one that is.
    let thief = changed(&issue(3, "PAY-1"), 3, |_| {});
    let events = heard
        .commit(async |tx| {
            tx.upsert_issues(instance, &[thief]).await.unwrap();
        })
        .await;
    assert!(events.contains(&heard.issue(2, &["PAY-1"])) && events.contains(&heard.issue(3, &["PAY-1"])));

    let gone = ["1".to_owned()];
    let events = heard
        .commit(async |tx| {
            tx.set_presence(instance, &gone, Presence::Deleted).await.unwrap();
        })
        .await;
    assert_eq!(events, [heard.issue(1, &["PAY-2"])]);
    heard.base.remove().await;
}

#[tokio::test]
async fn a_large_page_is_announced_as_a_whole() {
    let mut heard = Heard::start().await;
    let instance = heard.instance;
    let reference = issue(1, "PAY-1").reference;
    heard.commit(async |tx| tx.upsert_reference(instance, &reference, false).await.unwrap()).await;
    let page = |count: u32| (1..=count).map(|n| issue(n, &format!("PAY-{n}"))).collect::<Vec<_>>();
    let events = heard
        .commit(async |tx| {
            tx.upsert_issues(instance, &page(100)).await.unwrap();
        })
        .await;
    assert_eq!(events.len(), 100, "a page of a sync is named one by one");
    let many: Vec<_> = page(1_000).iter().map(|bundle| changed(bundle, 1, |_| {})).collect();
    let events = heard
        .commit(async |tx| {
            tx.upsert_issues(instance, &many).await.unwrap();
        })
        .await;
    assert_eq!(events, [heard.everything_there()]);
    heard.base.remove().await;
}

#[tokio::test]
async fn a_rollback_announces_nothing() {
    let mut heard = Heard::start().await;
    let mut tx = heard.base.begin(heard.tenant).await;
    tx.upsert_issues(heard.instance, &[issue(1, "PAY-1")]).await.unwrap();
    drop(tx);
    assert_eq!(heard.events().await, []);
    // Nor does the connection carry it over into the next transaction.
    for _ in 0..8 {
        assert_eq!(heard.commit(async |_| ()).await, []);
    }
    heard.base.remove().await;
}

#[tokio::test]
async fn people_and_reference_data_announce_what_issues_show_of_them() {
    let mut heard = Heard::start().await;
    let instance = heard.instance;
    let people = |name: &str, hash: &str, active: bool| {
        let shown = user("ann", name);
        let raw = json!({ "accountId": "ann", "displayName": name, "active": active });
        let hash = Some(hash.to_owned());
        let ann = application::reference::UserRecord { active: Some(active), email_hash: hash, raw, ..shown };
        ReferenceRecords { users: vec![ann], ..ReferenceRecords::default() }
    };
    let mut store = async |records: ReferenceRecords| {
        heard.commit(async |tx| tx.upsert_reference(instance, &records, true).await.unwrap()).await
    };
    assert_eq!(store(people("Ann", "1", true)).await, [], "nobody can have looked up who was not there");
    let account = instance.derive(EntityKind::User, "ann");
    let moved = store(people("Ann", "2", true)).await;
    assert!(matches!(moved[..], [Event::UserChanged { user, .. }] if user == account), "{moved:?}");
    for shown in [people("Ann", "2", false), people("Anna", "2", false)] {
        let renamed = store(shown).await;
        assert!(matches!(renamed[..], [Event::InstanceChanged { .. }]), "{renamed:?}");
    }
    let sprints = |name: &str| ReferenceRecords { sprints: vec![sprint(7, name)], ..Default::default() };
    for shown in [sprints("One"), sprints("Two")] {
        assert_eq!(store(shown.clone()).await.len(), 1, "issues show sprints");
        assert_eq!(store(shown).await, []);
    }
    let projects = ReferenceRecords { projects: vec![project("PAY")], ..ReferenceRecords::default() };
    assert_eq!(store(projects.clone()).await.len(), 1);
    assert_eq!(store(projects).await, []);
    // Some hundred people, some of whom have other names: one statement, and one event.
    let crowd = |name: &str| ReferenceRecords {
        users: (0..400).map(|n| user(&format!("u{n}"), if n < 3 { name } else { "Same" })).collect(),
        ..ReferenceRecords::default()
    };
    assert_eq!(store(crowd("Old")).await, []);
    let renamed = store(crowd("New")).await;
    assert!(matches!(renamed[..], [Event::InstanceChanged { .. }]), "{renamed:?}");
    heard.base.remove().await;
}

#[tokio::test]
async fn instances_announce_what_is_looked_up_of_them_and_nothing_else() {
    let mut heard = Heard::start().await;
    let (tenant, instance) = (heard.tenant, heard.instance);
    let registry = Event::RegistryChanged { tenant };
    let identity =
        async |tx: &mut dyn TenantTx| tx.note_identity(instance, "abc", None, Dialect::V3).await.unwrap();
    assert_eq!(heard.commit(identity).await, [registry.clone(), heard.everything_there()]);
    assert_eq!(heard.commit(identity).await, [], "every sync notes the same again");

    let sandbox = heard.base.instance(tenant, "demo", InstanceKind::Sandbox).await;
    assert_eq!(heard.events().await, std::slice::from_ref(&registry));
    let counting = heard
        .commit(async |tx| {
            tx.take_sandbox_ids(sandbox, 5).await.unwrap();
        })
        .await;
    assert_eq!(counting, []);
    let entry = NewAuditEntry {
        instance: None,
        actor: "system".into(),
        action: "add_comment",
        target: "PAY-1".into(),
        outcome: Outcome::Succeeded,
        payload: json!({}),
        request_id: String::new(),
        at: at(0),
    };
    assert_eq!(heard.commit(async |tx| tx.record(entry).await.unwrap()).await, []);

    let removed = heard.commit(async |tx| tx.remove_instance(instance).await.unwrap()).await;
    // Which says that names of instances differ as well.
    assert!(removed.contains(&Event::TenantChanged { tenant }), "{removed:?}");
    heard.base.refresh_metrics().await;
    assert_eq!(heard.events().await, [Event::MetricsRefreshed]);
    heard.base.remove().await;
}

#[tokio::test]
async fn a_removed_tenant_is_announced_whoever_removes_it() {
    let mut heard = Heard::start().await;
    let mut tx = heard.base.begin(heard.tenant).await;
    tx.upsert_issues(heard.instance, &[issue(1, "PAY-1")]).await.unwrap();
    tx.commit().await.unwrap();
    heard.events().await;
    let mut operator = heard.base.superuser().await;
    operator.execute("BEGIN").await.unwrap();
    sqlx::query("DELETE FROM tenants WHERE id = $1")
        .bind(heard.tenant.0)
        .execute(&mut operator)
        .await
        .unwrap();
    let noted: String = sqlx::query_scalar("SELECT forebay.announce_changes($1)")
        .bind(Uuid::new_v4())
        .fetch_one(&mut operator)
        .await
        .unwrap();
    operator.execute("COMMIT").await.unwrap();
    let noted = Announcement { id: Uuid::new_v4(), noted };
    assert!(noted.events().contains(&Event::TenantChanged { tenant: heard.tenant }));
    // By hand it cannot be sealed, so it is not said what changed.
    assert_eq!(heard.events().await, [Event::EverythingChanged]);
    heard.base.remove().await;
}

#[tokio::test]
async fn who_listens_without_the_master_key_does_not_learn_what_changed() {
    let mut heard = Heard::start().await;
    let mut tx = heard.base.begin(heard.tenant).await;
    tx.upsert_issues(heard.instance, &[issue(1, "PAY-1")]).await.unwrap();
    tx.commit().await.unwrap();
    // A process that was started without a cipher, and a transaction made by hand.
    let plain = heard.base.database(PoolSettings::default()).await;
    let mut tx = plain.tenant(&TenantContext::whole(heard.tenant)).await.unwrap();
    tx.upsert_issues(heard.instance, &[issue(2, "PAY-2")]).await.unwrap();
    tx.commit().await.unwrap();
    let mut operator = heard.base.superuser().await;
    operator.execute("BEGIN; UPDATE issues SET summary = 'x'").await.unwrap();
    operator.execute("SELECT forebay.announce_changes(gen_random_uuid()); COMMIT").await.unwrap();
    let payloads = heard.payloads().await;
    assert_eq!(payloads.len(), 3, "{payloads:?}");
    let ids = [heard.tenant.0, heard.instance.0, heard.instance.issue("1").0];
    for payload in &payloads {
        let has_id = ids.iter().any(|id| payload.contains(&id.simple().to_string()));
        assert!(
            !has_id && !payload.contains("PAY") && !payload.contains(&heard.tenant.to_string()),
            "{payload}"
        );
    }
    plain.close().await;
    heard.base.remove().await;
}

/// What look-ups read. A table that joins them must note its changes, and stand here.
const READ_BY_LOOKUPS: [&str; 14] = [
    "components",
    "custom_fields",
    "field_options",
    "issue_link_types",
    "issue_types",
    "issues",
    "jira_instances",
    "priorities",
    "projects",
    "resolutions",
    "sprints",
    "statuses",
    "users",
    "versions",
];

#[tokio::test]
async fn every_table_that_is_looked_up_notes_its_changes() {
    let base = TestDatabase::create().await;
    let rows = base
        .superuser()
        .await
        .fetch_all(
            "SELECT c.relname::text, t.tgname::text FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
             WHERE t.tgname IN ('note_addition', 'note_change') AND t.tgenabled = 'O'",
        )
        .await
        .unwrap();
    let noting: Vec<(String, String)> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    for table in READ_BY_LOOKUPS {
        let notes = |trigger: &str| noting.iter().any(|(on, name)| on == table && name == trigger);
        assert!(notes("note_change"), "{table} does not note what changes");
        // Nobody can have looked up an account that was not there, and absences are not kept.
        assert!(table == "users" || notes("note_addition"), "{table} does not note what is added");
    }
    base.remove().await;
}
