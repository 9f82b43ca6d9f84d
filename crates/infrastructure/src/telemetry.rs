//! What operators see: logs on standard error, metrics for Prometheus, traces for OpenTelemetry.
//!
//! Every line of the JSON log carries the fields of the spans around it, so the ids of request, tenant and instance
//! stand in it wherever they are known. Traces go out over OTLP/HTTP, and only when an endpoint is named.

pub mod freshness;
mod otlp;

use std::{io, time::Duration};

use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::trace::SdkTracerProvider;
use secrecy::SecretString;
use tokio::task::AbortHandle;
use tracing_subscriber::{
    EnvFilter, Layer, Registry,
    filter::ParseError,
    fmt,
    layer::SubscriberExt,
    util::{SubscriberInitExt, TryInitError},
};

/// Upper bounds of the buckets of metrics named `..._seconds`: from a cached read to a slow page of a sync.
const SECONDS: [f64; 14] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];
/// How often the metrics' own buffers are emptied, whether or not anybody asks for them.
const UPKEEP: Duration = Duration::from_secs(5);

/// How to log and where to send traces.
#[derive(Clone, Debug)]
pub struct TelemetryOptions {
    /// One JSON object a line; otherwise lines for people.
    pub json: bool,
    /// What to log, as in `RUST_LOG`: `info,infrastructure=debug`.
    pub filter: String,
    /// The base address of an OTLP/HTTP collector (`OTEL_EXPORTER_OTLP_ENDPOINT`): `http://host:4318`. It may hold a
    /// password or a token.
    pub otlp_endpoint: Option<SecretString>,
}

/// Why telemetry cannot start.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The filter is not one.
    #[error("the log filter is wrong: {0}; it looks like `info` or `warn,forebay=debug`")]
    Filter(#[from] ParseError),
    /// The endpoint cannot be used.
    #[error("the OTLP endpoint cannot be used: {0}")]
    Otlp(#[from] opentelemetry_otlp::ExporterBuildError),
    /// Logs go somewhere else in this process.
    #[error("logging was started already: {0}")]
    Logs(#[from] TryInitError),
    /// Metrics go somewhere else in this process.
    #[error("metrics were started already: {0}")]
    Metrics(#[from] BuildError),
}

/// Keeps telemetry running; dropped, it sends the spans that are left. Drop it while the runtime still runs.
#[derive(Debug)]
pub struct Telemetry {
    metrics: Metrics,
    upkeep: AbortHandle,
    traces: Option<SdkTracerProvider>,
}

/// The metrics of this process.
#[derive(Clone)]
pub struct Metrics {
    handle: PrometheusHandle,
}

impl Metrics {
    /// All metrics in Prometheus' text format.
    pub fn render(&self) -> String {
        self.handle.render()
    }
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Metrics")
    }
}

/// Starts logs, metrics and traces for the whole process. Needs a multi-threaded tokio runtime around it.
///
/// # Errors
/// [`TelemetryError`], when an option is wrong or it was called before.
pub fn init(options: TelemetryOptions) -> Result<Telemetry, TelemetryError> {
    let traces = options.otlp_endpoint.as_ref().map(otlp::provider).transpose()?;
    let filter = EnvFilter::try_new(&options.filter)?;
    tracing_subscriber::registry()
        .with(log_layer(options.json, io::stderr).with_filter(filter))
        .with(traces.as_ref().map(|provider| {
            // Spans of `trace` and `debug` are for logs; the exporter's own requests would trace themselves for ever.
            let filter = EnvFilter::new("info,hyper=off,reqwest=off,h2=off,opentelemetry=off");
            tracing_opentelemetry::layer().with_tracer(provider.tracer("forebay")).with_filter(filter)
        }))
        .try_init()?;

    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)?
        .install_recorder()?;
    let metrics = Metrics { handle };
    let kept_up = metrics.handle.clone();
    let upkeep = tokio::spawn(async move {
        let mut ticks = tokio::time::interval(UPKEEP);
        loop {
            ticks.tick().await;
            kept_up.run_upkeep();
        }
    });
    Ok(Telemetry { metrics, upkeep: upkeep.abort_handle(), traces })
}

/// Log lines to a writer.
fn log_layer<W>(json: bool, writer: W) -> Box<dyn Layer<Registry> + Send + Sync>
where
    W: for<'a> fmt::MakeWriter<'a> + Send + Sync + 'static,
{
    let layer = fmt::layer().with_writer(writer);
    if json {
        layer.json().flatten_event(true).with_current_span(false).with_span_list(true).boxed()
    } else {
        layer.with_ansi(io::IsTerminal::is_terminal(&io::stderr())).with_target(false).boxed()
    }
}

impl Telemetry {
    /// A handle to the metrics, for whoever serves them.
    pub fn metrics(&self) -> Metrics {
        self.metrics.clone()
    }

    /// All metrics in Prometheus' text format.
    pub fn render(&self) -> String {
        self.metrics.render()
    }
}

impl Drop for Telemetry {
    fn drop(&mut self) {
        self.upkeep.abort();
        if let Some(Err(error)) = self.traces.take().map(|provider| provider.shutdown()) {
            tracing::warn!(%error, "the last traces were not sent");
        }
    }
}

#[cfg(test)]
mod tests;
