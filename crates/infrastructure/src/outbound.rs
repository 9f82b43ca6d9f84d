//! HTTP to the outside: the one place where clients are built.
//!
//! A tenant chooses where instances and webhooks are, so what it names must not make this server call inside: only public
//! addresses are called, and what the operator allows ([`AllowedNetworks`]). The address that is connected to is the one that
//! is checked, so a name that resolves to another one later gains nothing. What the operator configures (PostgreSQL, Redis,
//! OTLP) is not held to this.

mod guard;
mod networks;

use std::{fmt, sync::Arc, time::Duration};

use application::{
    error::{Error, Result},
    webhooks::Deliveries,
};
use async_trait::async_trait;
use reqwest::{Client, redirect};
use url::Url;

pub use guard::{Lookup, Refused};
pub use networks::{AllowedNetworks, NotANetwork};

use guard::{Guard, SystemLookup, refusal_in};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const READ_TIMEOUT: Duration = Duration::from_secs(30);
const TIMEOUT: Duration = Duration::from_secs(60);
/// Connections are kept for the next request; one whose other side has gone without a word is noticed.
const KEEPALIVE: Duration = Duration::from_secs(30);
const DELIVERY_TIMEOUT: Duration = Duration::from_secs(20);
const USER_AGENT: &str = concat!("forebay/", env!("CARGO_PKG_VERSION"));
const MAX_REDIRECTS: usize = 5;

/// Chooses the cryptography behind TLS, for the whole process. Calling it again changes nothing.
pub fn install_tls() {
    // Fails when one is installed already, which is as good.
    let _installed = rustls::crypto::ring::default_provider().install_default();
}

/// The way out: a client that is only handed to those who name where they go.
#[derive(Clone)]
pub struct Outbound {
    http: Client,
    guard: Guard,
}

impl fmt::Debug for Outbound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Outbound")
    }
}

impl Outbound {
    /// The way out, to public addresses and to these.
    ///
    /// # Errors
    /// [`Error::Internal`] when the system's certificates cannot be used.
    pub fn new(allowed: AllowedNetworks) -> Result<Self> {
        Self::with_lookup(allowed, Arc::new(SystemLookup))
    }

    /// The same with a resolver of one's own.
    ///
    /// # Errors
    /// As [`Outbound::new`].
    pub fn with_lookup(allowed: AllowedNetworks, lookup: Arc<dyn Lookup>) -> Result<Self> {
        let guard = Guard::new(allowed, lookup);
        Ok(Self { http: build(&guard)?, guard })
    }

    /// The client, for requests to the host of this URL: a literal address is checked here, a name whenever it is connected
    /// to.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn client_for(&self, url: &Url) -> Result<&Client, Refused> {
        self.guard.check(url)?;
        Ok(&self.http)
    }

    /// Checks an address that somebody wants to be called later, and what its name resolves to now.
    ///
    /// # Errors
    /// [`Error::Invalid`] with this field, what was refused, and the remedy.
    pub async fn check(&self, field: &str, url: &str) -> Result<()> {
        let url =
            Url::parse(url).map_err(|error| Error::invalid(field, format!("is no address: {error}")))?;
        self.guard.check(&url).map_err(|refused| Error::invalid(field, refused.to_string()))
    }
}

/// 5 s to connect, 30 s without a byte, 60 s in all, gzip, HTTP/2 where the other side speaks it, and redirects within one host only: one that leads elsewhere is answered as it came,
/// so that no credential and no request goes where nobody sent it. Proxies of the environment are not used: they would
/// connect for us, to addresses that nobody checked.
#[expect(clippy::disallowed_methods, reason = "the one place where clients are built")]
fn build(guard: &Guard) -> Result<Client> {
    install_tls();
    let redirects = guard.clone();
    Client::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .read_timeout(READ_TIMEOUT)
        .timeout(TIMEOUT)
        .tcp_keepalive(KEEPALIVE)
        .gzip(true)
        .user_agent(USER_AGENT)
        .no_proxy()
        .dns_resolver(guard.clone())
        .redirect(redirect::Policy::custom(move |attempt| {
            if let Err(refused) = redirects.check(attempt.url()) {
                return attempt.error(refused);
            }
            let stays = attempt.previous().last().is_some_and(|from| is_same_host(from, attempt.url()));
            if stays && attempt.previous().len() <= MAX_REDIRECTS { attempt.follow() } else { attempt.stop() }
        }))
        .build()
        .map_err(Error::internal)
}

/// Same host and port, and never from https to http.
fn is_same_host(from: &Url, to: &Url) -> bool {
    let upgrade = from.scheme() == "http" && to.scheme() == "https";
    from.host() == to.host() && (from.origin() == to.origin() || upgrade && from.port() == to.port())
}

/// Delivers a sandbox's webhooks.
#[derive(Clone, Debug)]
pub struct WebhookDeliveries {
    outbound: Outbound,
}

impl WebhookDeliveries {
    /// Delivers this way.
    pub fn new(outbound: Outbound) -> Self {
        Self { outbound }
    }
}

#[async_trait]
impl Deliveries for WebhookDeliveries {
    async fn check_address(&self, url: &str) -> Result<()> {
        self.outbound.check("url", url).await
    }

    async fn post(&self, url: &str, headers: &[(&'static str, String)], body: Vec<u8>) -> Result<u16> {
        let failed = |retryable, message| Error::Upstream { system: "webhook receiver", retryable, message };
        let url = Url::parse(url).map_err(|error| failed(false, format!("its address is none: {error}")))?;
        let http = self.outbound.client_for(&url).map_err(|refused| failed(false, refused.to_string()))?;
        let mut request = http.post(url).timeout(DELIVERY_TIMEOUT).body(body);
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        // The body of the answer says nothing to us, and is not read.
        let response = request.send().await.map_err(|error| {
            let passing = !error.is_builder() && refusal_in(&error).is_none_or(Refused::is_passing);
            failed(passing, describe(error))
        })?;
        Ok(response.status().as_u16())
    }
}

/// What went wrong, with its causes and without the address, which may hold a secret.
fn describe(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut message = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(error) = cause {
        message = format!("{message}: {error}");
        cause = error.source();
    }
    message
}

#[cfg(test)]
mod tests;
