//! Sending spans to an OpenTelemetry collector.

use std::{sync::Arc, time::Duration};

use opentelemetry_otlp::{ExporterBuildError, SpanExporter, WithExportConfig};
use opentelemetry_sdk::{
    Resource,
    error::{OTelSdkError, OTelSdkResult},
    trace::{SdkTracerProvider, SpanData, SpanExporter as ExportSpans},
};
use secrecy::{ExposeSecret, SecretString};
use tokio::runtime::Handle;

const PATH: &str = "/v1/traces";

/// A provider that sends batches of spans to a collector, given its base address.
pub(super) fn provider(endpoint: &SecretString) -> Result<SdkTracerProvider, ExporterBuildError> {
    crate::outbound::install_tls();
    let base = endpoint.expose_secret().trim_end_matches('/').trim_end_matches(PATH);
    let exporter = SpanExporter::builder().with_http().with_endpoint(format!("{base}{PATH}")).build()?;
    let exporter = OnRuntime { exporter: Arc::new(exporter), runtime: Handle::current() };
    let resource = Resource::builder()
        .with_service_name("forebay")
        .with_attribute(opentelemetry::KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .build();
    Ok(SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource).build())
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
