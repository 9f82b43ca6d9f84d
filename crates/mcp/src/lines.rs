//! The lines of the door over stdin and stdout: one that is no JSON is answered as JSON-RPC asks (-32700) instead of with silence.

use serde::de::IgnoredAny;
use serde_json::json;
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader, DuplexStream, duplex},
    sync::mpsc,
    task::JoinHandle,
};

/// Bytes that wait between the pipe and the session.
const BUFFER: usize = 64 * 1024;
/// Lines that wait to be written.
const LINES: usize = 64;
/// JSON-RPC's code for what is no JSON.
const PARSE_ERROR: i32 = -32700;

/// The tasks between a pipe and the session.
pub(crate) struct Between {
    reading: JoinHandle<()>,
    writing: JoinHandle<()>,
}

impl Between {
    /// Waits until everything that was answered is written. The session must have ended.
    pub(crate) async fn finish(self) {
        self.reading.abort();
        // It was aborted, or the pipe broke: either way there is nothing left to do about it.
        let _ = self.reading.await;
        let _ = self.writing.await;
    }
}

/// Stands between a pipe and the session that is to be served over it: answers what the session reads from and writes to.
pub(crate) fn between<R, W>(read: R, write: W) -> ((DuplexStream, DuplexStream), Between)
where
    R: AsyncRead + Send + Unpin + 'static,
    W: AsyncWrite + Send + Unpin + 'static,
{
    let (session_read, feed) = duplex(BUFFER);
    let (session_write, answers) = duplex(BUFFER);
    let (out, lines) = mpsc::channel(LINES);
    let reading = tokio::spawn(forward(read, feed, out.clone()));
    tokio::spawn(collect(answers, out));
    let writing = tokio::spawn(write_out(write, lines));
    ((session_read, session_write), Between { reading, writing })
}

async fn forward<R: AsyncRead + Unpin>(read: R, mut feed: DuplexStream, out: mpsc::Sender<Vec<u8>>) {
    let mut read = BufReader::new(read);
    let mut line = Vec::new();
    while read.read_until(b'\n', &mut line).await.is_ok_and(|bytes| bytes > 0) {
        let passed_on = match serde_json::from_slice::<IgnoredAny>(&line) {
            _ if line.trim_ascii().is_empty() => true,
            Ok(_) => feed.write_all(&line).await.is_ok(),
            Err(error) => out.send(refusal(&error)).await.is_ok(),
        };
        if !passed_on {
            return;
        }
        line.clear();
    }
}

/// An answer to nobody in particular: what has no JSON has no id.
fn refusal(error: &serde_json::Error) -> Vec<u8> {
    let message = format!("Parse error: the line is not JSON ({error})");
    let answer =
        json!({ "jsonrpc": "2.0", "id": null, "error": { "code": PARSE_ERROR, "message": message } });
    format!("{answer}\n").into_bytes()
}

async fn collect(answers: DuplexStream, out: mpsc::Sender<Vec<u8>>) {
    let mut answers = BufReader::new(answers);
    let mut line = Vec::new();
    while answers.read_until(b'\n', &mut line).await.is_ok_and(|bytes| bytes > 0) {
        if out.send(std::mem::take(&mut line)).await.is_err() {
            return;
        }
    }
}

async fn write_out<W: AsyncWrite + Unpin>(mut write: W, mut lines: mpsc::Receiver<Vec<u8>>) {
    while let Some(line) = lines.recv().await {
        if write.write_all(&line).await.is_err() || write.flush().await.is_err() {
            return;
        }
    }
}
