//! To whom the door over HTTP answers: a page of another site must not reach a Forebay on the reader's own machine by
//! giving a name of its own this machine's address (DNS rebinding).

use http::Uri;

const LOOPBACK: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

/// The names in `Host` that are answered; a name without a port stands for every port.
pub(crate) fn allowed_hosts(public_url: &str) -> Vec<String> {
    let public = public_url.parse::<Uri>().ok().and_then(|uri| uri.host().map(str::to_owned));
    public.into_iter().chain(LOOPBACK.map(str::to_owned)).collect()
}

/// The values of `Origin` that are answered; a request without one comes from no browser.
pub(crate) fn allowed_origins(public_url: &str) -> Vec<String> {
    let public = public_url.parse::<Uri>().ok().and_then(|uri| {
        let scheme = uri.scheme_str()?;
        let port = uri.port_u16().unwrap_or(if scheme == "https" { 443 } else { 80 });
        Some(format!("{scheme}://{}:{port}", uri.host()?))
    });
    public.into_iter().chain(LOOPBACK.map(|host| format!("http://{host}:*"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_public_name_and_this_machine_are_answered() {
        assert_eq!(
            allowed_hosts("https://jira.example:8443/forebay"),
            ["jira.example", "localhost", "127.0.0.1", "[::1]"]
        );
        assert_eq!(allowed_origins("https://jira.example")[0], "https://jira.example:443");
        assert_eq!(allowed_origins("http://jira.example:8080")[0], "http://jira.example:8080");
        assert_eq!(allowed_hosts("http://[fd00::1]:80")[0], "[fd00::1]");
    }

    #[test]
    fn without_a_usable_address_only_this_machine_is_answered() {
        assert_eq!(allowed_hosts("not an address"), LOOPBACK);
    }
}
