//! Domain events, from the tables to whoever must hear of them.
//!
//! A transaction notes its changes in a setting of its own (`migrations/0026_changes`, `0037_changes_by_statement`). Committing
//! announces them by NOTIFY, inside the transaction, so that they are delivered exactly if it lasts, even when this process
//! dies the next instant; and then tells this process's cache directly, which tells the others over Redis where there is one.
//!
//! Any role of the database may listen, so what is sent is sealed. A notification that cannot be opened (of a transaction
//! made by hand, of another Forebay, of somebody else) stands for everything.

use std::{fmt, sync::Arc, time::Duration};

use application::{Error, Result, events::Announcement, ports::Cache};
use sqlx::{
    PgConnection, Postgres, Transaction,
    postgres::{PgConnectOptions, PgListener, PgPoolOptions},
};
use tokio::task::AbortHandle;
use uuid::Uuid;

use super::errors::convert;
use crate::{cache::LookupCache, crypto::ChangeCipher};

/// The channel of the notifications.
const CHANNEL: &str = "forebay_changes";
/// After so much silence the connection is asked whether it still lives.
const SILENCE: Duration = Duration::from_secs(5);
/// A connection that takes longer is taken for dead.
const PATIENCE: Duration = Duration::from_secs(2);
const RECONNECT: Duration = Duration::from_millis(500);

/// When a commit is on the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Durability {
    /// Before it returns.
    Now,
    /// Some moments later, in the order of the commits.
    Soon,
}

/// Commits transactions and sees to it that their changes are heard of. Without a cache and a cipher others hear only that
/// something changed.
#[derive(Clone, Default)]
pub(super) struct Announcer {
    to: Option<(Arc<dyn Cache>, ChangeCipher)>,
}

impl fmt::Debug for Announcer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Announcer")
    }
}

impl Announcer {
    /// Tells this cache of each commit before the commit returns, and whoever has the same cipher what changed.
    pub(super) fn to(cache: Arc<dyn Cache>, cipher: ChangeCipher) -> Self {
        Self { to: Some((cache, cipher)) }
    }

    /// Makes all of a transaction last, and forgets what it made old.
    pub(super) async fn commit(
        &self,
        mut tx: Transaction<'static, Postgres>,
        durability: Durability,
    ) -> Result<()> {
        // Also the proof that the transaction has not failed: PostgreSQL answers a COMMIT after a failed statement with a
        // ROLLBACK and no error, which would pass for success here if somebody had let that statement's error go.
        let announcement = self.announce(&mut tx, durability).await?;
        let committed = tx.commit().await.map_err(explain);
        // Also when the answer was lost: whether it lasts is not known then, and forgetting harms nobody.
        if let (Some((cache, _)), Some(announcement)) = (&self.to, announcement) {
            cache.announced(&announcement).await;
        }
        committed
    }

    async fn announce(
        &self,
        conn: &mut PgConnection,
        durability: Durability,
    ) -> Result<Option<Announcement>> {
        // `off` holds to the end of the transaction.
        let taken = sqlx::query!(
            "SELECT forebay.take_changes() AS noted,
                    CASE WHEN $1 THEN set_config('synchronous_commit', 'off', true) END AS setting",
            durability == Durability::Soon,
        );
        let noted = taken.fetch_one(&mut *conn).await.map_err(convert)?.noted;
        let Some(noted) = noted else { return Ok(None) };
        let announcement = Announcement { id: Uuid::new_v4(), noted };
        // Nothing stands for everything: it cannot be opened.
        let sealed = self.to.as_ref().and_then(|(_, cipher)| cipher.seal(&announcement)).unwrap_or_default();
        sqlx::query!("SELECT pg_notify($1, $2)", CHANNEL, sealed).execute(conn).await.map_err(convert)?;
        Ok(Some(announcement))
    }
}

fn explain(error: sqlx::Error) -> Error {
    match error {
        sqlx::Error::Io(cause) => {
            tracing::error!(%cause, "the connection was lost during COMMIT");
            Error::Unavailable(
                "the connection to the database was lost while the change was being stored; look whether it was, \
                 before trying again"
                    .into(),
            )
        }
        error => convert(error),
    }
}

/// Listens for as long as it is kept; the cache is deaf from then on.
pub struct ChangeListener {
    task: AbortHandle,
    cache: Arc<LookupCache>,
}

impl fmt::Debug for ChangeListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ChangeListener")
    }
}

impl ChangeListener {
    /// Lets the cache hear what any process commits. While the connection is lost the cache is deaf, and asks the database
    /// every time; afterwards it starts empty.
    pub fn start(options: PgConnectOptions, cache: Arc<LookupCache>, cipher: ChangeCipher) -> Self {
        let hearing = cache.clone();
        let task = tokio::spawn(async move {
            loop {
                if let Err(error) = listen(&options, &cache, &cipher).await {
                    tracing::warn!(
                        error = error.with_causes(),
                        "changes are not heard just now: nothing is cached"
                    );
                }
                cache.is_deaf();
                tokio::time::sleep(RECONNECT).await;
            }
        });
        Self { task: task.abort_handle(), cache: hearing }
    }
}

impl Drop for ChangeListener {
    fn drop(&mut self) {
        self.task.abort();
        self.cache.is_deaf();
    }
}

/// Until the connection is lost.
async fn listen(options: &PgConnectOptions, cache: &LookupCache, cipher: &ChangeCipher) -> Result<()> {
    // Its own connection, and a new one each time: one that listens cannot be shared, nor one that failed be trusted.
    let pool =
        PgPoolOptions::new().max_connections(1).acquire_timeout(PATIENCE).connect_lazy_with(options.clone());
    let mut listener = PgListener::connect_with(&pool).await.map_err(convert)?;
    listener.eager_reconnect(false);
    listener.listen(CHANNEL).await.map_err(convert)?;
    prove(&mut listener).await?;
    cache.hears();
    loop {
        match tokio::time::timeout(SILENCE, listener.try_recv()).await {
            Ok(Ok(Some(notification))) => cache.heard(cipher.open(notification.payload())),
            Ok(Ok(None)) => return Err(Error::Unavailable("the connection was lost".into())),
            Ok(Err(error)) => return Err(convert(error)),
            Err(_) => {
                let alive = sqlx::query("SELECT 1").execute(&mut listener);
                tokio::time::timeout(PATIENCE, alive).await.map_err(|_| silent())?.map_err(convert)?;
            }
        }
    }
}

/// A pooler between us and the database may take LISTEN and deliver nothing: only what comes back proves it.
async fn prove(listener: &mut PgListener) -> Result<()> {
    let probe = format!("forebay_probe_{}", Uuid::new_v4().simple());
    listener.listen(&probe).await.map_err(convert)?;
    sqlx::query("SELECT pg_notify($1, '')").bind(&probe).execute(&mut *listener).await.map_err(convert)?;
    let coming_back = async {
        while let Some(notification) = listener.try_recv().await.map_err(convert)? {
            if notification.channel() == probe {
                return Ok(());
            }
        }
        Err(silent())
    };
    tokio::time::timeout(PATIENCE, coming_back).await.map_err(|_| silent())??;
    listener.unlisten(&probe).await.map_err(convert)
}

fn silent() -> Error {
    Error::Unavailable(
        "the database delivers no notifications; is there a pooler in transaction mode?".into(),
    )
}
