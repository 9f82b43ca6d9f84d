//! Ctrl-C and SIGTERM, from a process's first moment: what it has opened by then (its own PostgreSQL first of all) is closed again.

use std::future::{Future, pending};

use tokio::signal::unix::{Signal, SignalKind, signal};

/// The signals that ask a process to end. Those that come while nobody waits are kept.
pub(super) struct Signals {
    interrupt: Option<Signal>,
    terminate: Option<Signal>,
}

impl Signals {
    /// From now on neither ends the process by itself.
    pub(super) fn listen() -> Self {
        let listen = |kind, name| match signal(kind) {
            Ok(signal) => Some(signal),
            Err(error) => {
                tracing::warn!(%error, "{name} cannot be listened to");
                None
            }
        };
        Self {
            interrupt: listen(SignalKind::interrupt(), "SIGINT"),
            terminate: listen(SignalKind::terminate(), "SIGTERM"),
        }
    }

    /// Resolves when one has come.
    pub(super) async fn arrived(&mut self) {
        tokio::select! {
            () = received(&mut self.interrupt) => {}
            () = received(&mut self.terminate) => {}
        }
    }

    /// What the future answers; `None` when a signal came before. The future is dropped then.
    pub(super) async fn or<T>(&mut self, future: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            () = self.arrived() => None,
            answer = future => Some(answer),
        }
    }
}

async fn received(signal: &mut Option<Signal>) {
    match signal {
        Some(signal) => drop(signal.recv().await),
        None => pending().await,
    }
}
