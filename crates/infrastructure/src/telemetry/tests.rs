//! Logs, traces and metrics, as operators see them.

use std::sync::{Arc, Mutex};

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use super::*;

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_json_line_carries_the_ids_of_the_spans_around_it() {
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::registry().with(log_layer(true, move || writer.clone()));
    tracing::subscriber::with_default(subscriber, || {
        let _request = tracing::info_span!("request", request_id = "r-1", tenant = "acme").entered();
        let _sync = tracing::info_span!("sync", instance = "cloud").entered();
        tracing::info!(issues = 3, "page stored");
    });
    let bytes = lines.0.lock().unwrap().clone();
    let line: Value = serde_json::from_slice(&bytes).unwrap();
    assert_eq!((&line["message"], &line["issues"]), (&"page stored".into(), &3.into()));
    assert_eq!(line["spans"][0]["request_id"], "r-1");
    assert_eq!(line["spans"][0]["tenant"], "acme");
    assert_eq!(line["spans"][1]["instance"], "cloud");
}

/// One test for what is global to the process.
#[tokio::test(flavor = "multi_thread")]
async fn spans_reach_the_collector_and_metrics_are_rendered() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}/", listener.local_addr().unwrap());
    let collector = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = Vec::new();
        while !request.windows(12).any(|bytes| bytes == b"page of acme") {
            let mut chunk = [0; 4096];
            let read = stream.read(&mut chunk).await.unwrap();
            assert!(read > 0, "{}", String::from_utf8_lossy(&request));
            request.extend_from_slice(&chunk[..read]);
        }
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.unwrap();
        request
    });

    let options = |filter: &str| TelemetryOptions {
        json: true,
        filter: filter.to_owned(),
        otlp_endpoint: Some(endpoint.as_str().into()),
    };
    let error = init(options("infrastructure=loud")).unwrap_err().to_string();
    assert!(error.contains("the log filter is wrong"), "{error}");

    // Traces do not depend on what is logged.
    let telemetry = init(options("off")).unwrap();
    tracing::info_span!("sync", detail = "page of acme").in_scope(|| {});
    metrics::counter!("forebay_test_total", "kind" => "a").increment(2);
    metrics::histogram!("forebay_test_seconds").record(0.02);
    let text = telemetry.metrics().render();
    assert!(text.contains(r#"forebay_test_total{kind="a"} 2"#), "{text}");
    assert!(text.contains(r#"forebay_test_seconds_bucket{le="0.025"} 1"#), "{text}");
    assert_eq!(text, telemetry.render());

    assert!(matches!(init(options("off")), Err(TelemetryError::Logs(_))));
    drop(telemetry);
    let request = collector.await.unwrap();
    let text = String::from_utf8_lossy(&request);
    assert!(text.starts_with("POST /v1/traces HTTP/1.1"), "{text}");
    assert!(text.contains("service.name") && text.contains("forebay"), "{text}");
}
