//! `forebay mcp`: one agent over stdin and stdout.

use application::keys;

use crate::{failure::Failure, wiring::Wiring};

pub(super) async fn run(wiring: &Wiring) -> Result<(), Failure> {
    let key = wiring.settings.api_key.as_ref().ok_or_else(|| {
        Failure::new("FOREBAY_API_KEY is missing: the agent acts with the scopes of a key")
            .hint("make one with `forebay key create --tenant T --scopes read,write,sql` and put it into the client's `env`")
    })?;
    // A key that opens nothing is told now, not to the agent.
    keys::authenticate(&wiring.services, key, "mcp-stdio").await?;
    let _listening = wiring.cache_lookups();
    mcp::serve_stdio(wiring.services.clone(), key.clone())
        .await
        .map_err(|error| Failure::new(error.to_string()))
}
