//! The door for agents: the Model Context Protocol over streamable HTTP and over stdin and stdout, on the official SDK.
//!
//! Six tools, each behind a scope of the caller's key; what the key may not do is not listed. Answers keep to a budget of
//! characters and say what they left out and how to get it. What Jira's users wrote is marked as data.

mod answer;
mod budget;
mod columns;
mod errors;
mod hosts;
mod lines;
mod resources;
mod server;
#[cfg(test)]
mod tests;
mod tools;

use std::sync::Arc;

use application::Services;
use rmcp::{
    ServiceExt,
    service::ServerInitializeError,
    transport::{
        stdio_pipes,
        streamable_http_server::{
            StreamableHttpServerConfig, StreamableHttpService, session::never::NeverSessionManager,
        },
    },
};
use secrecy::SecretString;
use tokio::io::DuplexStream;
use tokio_util::sync::CancellationToken;

pub use server::Server;

/// The door over HTTP; a tower service for `Router::nest_service`.
pub type HttpService = StreamableHttpService<Server, NeverSessionManager>;

/// The door over streamable HTTP. The layer in front of it authenticates and puts an [`application::Caller`] into the
/// request's extensions.
///
/// There are no sessions: every request stands by itself and is answered with one JSON document, so any process can answer
/// any request, each with the rights its own key has now. Clients of the protocol's versions with sessions are served as
/// well, for in those a server need not hand out a session id.
///
/// Only requests to the host of `public_url` or to this machine by a loopback name are answered, and from a browser only
/// those of pages from there. Once `stop` is cancelled no call is begun; those that were begun are finished.
pub fn http_service(services: Services, public_url: &str, stop: CancellationToken) -> HttpService {
    let config = StreamableHttpServerConfig::default()
        .with_legacy_session_mode(false)
        .with_json_response(true)
        .with_allowed_hosts(hosts::allowed_hosts(public_url))
        .with_allowed_origins(hosts::allowed_origins(public_url));
    let server = Server::for_requests(services, stop);
    StreamableHttpService::new(move || Ok(server.clone()), Arc::new(NeverSessionManager::default()), config)
}

/// Why the door over stdin and stdout broke.
#[derive(Debug, thiserror::Error)]
pub enum StdioError {
    /// The other side does not speak the protocol, or the pipe broke.
    #[error("the MCP session could not begin: {0}")]
    Begin(#[source] Box<ServerInitializeError>),
    /// The session's task died: a fault of ours.
    #[error("the MCP session broke: {0}")]
    Broken(#[source] tokio::task::JoinError),
}

/// Serves one client over stdin and stdout on behalf of the holder of a key, which each call looks up anew, until stdin ends and all calls are answered. Nothing else
/// may write to stdout meanwhile.
///
/// # Errors
/// [`StdioError`].
pub async fn serve_stdio(services: Services, key: SecretString) -> Result<(), StdioError> {
    serve(Server::for_key(services, key), stdio_pipes()).await
}

async fn serve<R, W>(server: Server, (read, write): (R, W)) -> Result<(), StdioError>
where
    R: tokio::io::AsyncRead + Send + Unpin + 'static,
    W: tokio::io::AsyncWrite + Send + Unpin + 'static,
{
    let (pipe, between) = lines::between(read, write);
    let ended = session(server, pipe).await;
    between.finish().await;
    ended
}

async fn session(server: Server, pipe: (DuplexStream, DuplexStream)) -> Result<(), StdioError> {
    let session = match server.clone().serve(pipe).await {
        Ok(session) => session,
        // A client that leaves before it says hello is no fault.
        Err(ServerInitializeError::ConnectionClosed(_)) => return Ok(()),
        Err(error) => return Err(StdioError::Begin(Box::new(error))),
    };
    session.waiting().await.map_err(StdioError::Broken)?;
    server.finish().await;
    Ok(())
}
