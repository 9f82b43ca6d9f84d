//! Sending spans to an OpenTelemetry collector.

use std::{collections::HashMap, sync::Arc, time::Duration};

use base64::{Engine, engine::general_purpose::STANDARD};
use opentelemetry_otlp::{ExporterBuildError, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::{
    Resource,
    error::{OTelSdkError, OTelSdkResult},
    trace::{SdkTracerProvider, SpanData, SpanExporter as ExportSpans},
};
use secrecy::{ExposeSecret, SecretString};
use tokio::runtime::Handle;
use url::{Url, form_urlencoded};

const PATH: &str = "/v1/traces";

/// A provider that sends batches of spans to a collector, given its base address.
pub(super) fn provider(endpoint: &SecretString) -> Result<SdkTracerProvider, ExporterBuildError> {
    crate::outbound::install_tls();
    let (address, credential) = without_credential(endpoint.expose_secret());
    let base = address.trim_end_matches('/').trim_end_matches(PATH);
    let mut builder = SpanExporter::builder().with_http().with_endpoint(format!("{base}{PATH}"));
    if let Some(credential) = credential {
        let header = credential.expose_secret().to_owned();
        builder = builder.with_headers(HashMap::from([("authorization".to_owned(), header)]));
    }
    let exporter = builder.build()?;
    let exporter = OnRuntime { exporter: Arc::new(exporter), runtime: Handle::current() };
    let resource = Resource::builder()
        .with_service_name("forebay")
        .with_attribute(opentelemetry::KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .build();
    Ok(SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource).build())
}

/// The address without user and password, and these as the header that they are sent in: the HTTP client's log tells whom it is
/// connected to, with all that stands before the `@`.
fn without_credential(endpoint: &str) -> (String, Option<SecretString>) {
    let Ok(mut url) = Url::parse(endpoint) else { return (endpoint.to_owned(), None) };
    if url.username().is_empty() && url.password().is_none() {
        return (endpoint.to_owned(), None);
    }
    let pair = format!("{}:{}", decoded(url.username()), decoded(url.password().unwrap_or_default()));
    // Both refuse addresses without a host only, which have no user either.
    if url.set_username("").is_err() || url.set_password(None).is_err() {
        return (endpoint.to_owned(), None);
    }
    (url.into(), Some(format!("Basic {}", STANDARD.encode(pair)).into()))
}

/// What stands percent-encoded before the `@`; a `+` is one there.
fn decoded(text: &str) -> String {
    let form = format!("text={}", text.replace('+', "%2B"));
    form_urlencoded::parse(form.as_bytes()).next().map(|(_, text)| text.into_owned()).unwrap_or_default()
}

/// The SDK exports from a thread of its own, where the HTTP client finds no runtime: this gives it ours.
#[derive(Debug)]
struct OnRuntime {
    exporter: Arc<SpanExporter>,
    runtime: Handle,
}

impl ExportSpans for OnRuntime {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let exporter = self.exporter.clone();
        let sending = self.runtime.spawn(async move { exporter.export(batch).await });
        sending.await.unwrap_or_else(|error| Err(OTelSdkError::InternalFailure(error.to_string())))
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        // Called once, while the provider is built and nobody else holds the exporter.
        if let Some(exporter) = Arc::get_mut(&mut self.exporter) {
            exporter.set_resource(resource);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_and_password_of_an_address_go_into_a_header() {
        let (address, header) = without_credential("http://me:s%40c+ret@collector:4318/v1/traces");
        assert_eq!(address, "http://collector:4318/v1/traces");
        let header = header.unwrap();
        let pair = STANDARD.decode(header.expose_secret().strip_prefix("Basic ").unwrap()).unwrap();
        assert_eq!(pair, b"me:s@c+ret");
        let (address, header) = without_credential("http://collector:4318");
        assert!(address == "http://collector:4318" && header.is_none());
    }
}
