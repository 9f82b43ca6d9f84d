//! What handlers share.

use std::sync::Arc;

use application::Services;

use crate::jira_api::faults::FaultDesk;

/// The state of the web doors.
#[derive(Clone)]
pub struct WebState {
    /// The ports.
    pub services: Services,
    /// Renders the metrics in Prometheus' text format.
    pub metrics: Arc<dyn Fn() -> String + Send + Sync>,
    /// Whether the process is draining: readiness says no, so that a balancer sends nobody new.
    pub draining: Arc<std::sync::atomic::AtomicBool>,
    /// The faults that sandboxes serve in this process.
    pub faults: FaultDesk,
    /// Whether cookies may only travel over TLS: whenever the public address is https.
    pub secure_cookies: bool,
}

impl WebState {
    /// Whether the process is draining.
    pub fn is_draining(&self) -> bool {
        self.draining.load(std::sync::atomic::Ordering::Relaxed)
    }
}
