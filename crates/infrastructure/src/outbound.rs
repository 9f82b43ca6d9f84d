//! HTTP to the outside: the one place where clients are built, so that each has time-outs and stays with the host that
//! was asked.

use std::time::Duration;

use application::{
    error::{Error, Result},
    webhooks::Deliveries,
};
use async_trait::async_trait;
use reqwest::{Client, redirect};
use url::Url;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const TIMEOUT: Duration = Duration::from_secs(60);
const DELIVERY_TIMEOUT: Duration = Duration::from_secs(20);
const USER_AGENT: &str = concat!("forebay/", env!("CARGO_PKG_VERSION"));
const MAX_REDIRECTS: usize = 5;

/// Chooses the cryptography behind TLS, for the whole process. Calling it again changes nothing.
pub fn install_tls() {
    // Fails when one is installed already, which is as good.
    let _installed = rustls::crypto::ring::default_provider().install_default();
}

/// A client for calls to other systems: 5 s to connect, 60 s in all, gzip, and redirects within one host only. A
/// redirect elsewhere is answered as it came, so that no credential and no request goes where nobody sent it.
///
/// # Errors
/// [`Error::Internal`] when the system's certificates or resolver cannot be used.
pub fn client() -> Result<Client> {
    install_tls();
    Client::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(TIMEOUT)
        .gzip(true)
        .user_agent(USER_AGENT)
        .redirect(redirect::Policy::custom(|attempt| {
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
    http: Client,
}

impl WebhookDeliveries {
    /// Delivers through this client (see [`client`]).
    pub fn new(http: Client) -> Self {
        Self { http }
    }
}

#[async_trait]
impl Deliveries for WebhookDeliveries {
    async fn post(&self, url: &str, headers: &[(&'static str, String)], body: Vec<u8>) -> Result<u16> {
        let mut request = self.http.post(url).timeout(DELIVERY_TIMEOUT).body(body);
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        let response = request.send().await.map_err(|error| Error::Upstream {
            system: "webhook receiver",
            retryable: !error.is_builder(),
            message: describe(error),
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
