//! The check itself, at each place where an address can come in: the URL (a literal address never meets a resolver), the
//! names that it resolves to at the moment of connecting, and each redirect.

use std::{error::Error as StdError, io, net::IpAddr, sync::Arc, time::Duration};

use async_trait::async_trait;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

use super::networks::{AllowedNetworks, METADATA};

/// How long a look-up may take when only a clear error is at stake; connecting looks again.
const EARLY_LOOKUP: Duration = Duration::from_secs(3);
/// Names of metadata services, which may not be resolvable here and are no business of a tenant's anywhere.
const METADATA_NAMES: [&str; 3] = ["metadata.google.internal", "metadata.goog", "metadata"];

/// Resolves names: the system's resolver, or a test's.
#[async_trait]
pub trait Lookup: Send + Sync {
    /// The addresses of a name, in the order in which they should be tried.
    async fn lookup(&self, name: &str) -> io::Result<Vec<IpAddr>>;
}

/// The system's resolver.
pub(super) struct SystemLookup;

#[async_trait]
impl Lookup for SystemLookup {
    async fn lookup(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        Ok(tokio::net::lookup_host((name, 0)).await?.map(|address| address.ip()).collect())
    }
}

/// Why an address is not called. Names the host as it was given, and never what it resolves to: that would tell a tenant
/// how the inside is laid out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Not http or https.
    #[error("must be an http or https address")]
    Scheme,
    /// A user name or password in the address.
    #[error("must not hold a user name or password")]
    UserInfo,
    /// Nothing to call.
    #[error("names no host")]
    NoHost,
    /// An address that tenants may not make Forebay call.
    #[error(
        "`{host}` is {kind}, which Forebay does not call for a tenant; use a public address, or let the operator allow the \
         network with FOREBAY_ALLOW_PRIVATE_NETWORKS"
    )]
    Inside {
        /// The host as given.
        host: String,
        /// What kind of address it is, or leads to.
        kind: &'static str,
    },
}

/// Tells what may be called.
#[derive(Clone)]
pub(super) struct Guard {
    allowed: Arc<AllowedNetworks>,
    lookup: Arc<dyn Lookup>,
}

impl Guard {
    pub(super) fn new(allowed: AllowedNetworks, lookup: Arc<dyn Lookup>) -> Self {
        Self { allowed: Arc::new(allowed), lookup }
    }

    /// Checks what a URL itself says. The url crate has made one of the decimal, octal and hexadecimal spellings of an
    /// address by then.
    pub(super) fn check(&self, url: &Url) -> Result<(), Refused> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(Refused::Scheme);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Refused::UserInfo);
        }
        let kind = match url.host().ok_or(Refused::NoHost)? {
            Host::Ipv4(address) => self.allowed.refusal(address.into()),
            Host::Ipv6(address) => self.allowed.refusal(address.into()),
            Host::Domain(name) => self.refused_name(name),
        };
        match kind {
            Some(kind) => Err(Refused::Inside { host: url.host_str().unwrap_or_default().to_owned(), kind }),
            None => Ok(()),
        }
    }

    fn refused_name(&self, name: &str) -> Option<&'static str> {
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        if METADATA_NAMES.contains(&name.as_str()) {
            return self.allowed.refusal([169, 254, 169, 254].into()).and(Some(METADATA));
        }
        // RFC 6761: these never leave the machine, whatever a resolver says.
        let local = name == "localhost" || name.ends_with(".localhost");
        if local { self.allowed.refusal([127, 0, 0, 1].into()) } else { None }
    }

    /// Checks a URL and what its name resolves to now, for a clear answer to whoever gave it. A name that does not resolve
    /// passes: connecting checks again, every time.
    pub(super) async fn check_early(&self, url: &Url) -> Result<(), Refused> {
        self.check(url)?;
        let Some(Host::Domain(name)) = url.host() else { return Ok(()) };
        match tokio::time::timeout(EARLY_LOOKUP, self.lookup.lookup(name)).await {
            Ok(Ok(addresses)) => self.permitted(name, addresses).map(drop),
            Ok(Err(_)) | Err(_) => Ok(()),
        }
    }

    /// Those addresses of a name that may be called.
    fn permitted(&self, name: &str, addresses: Vec<IpAddr>) -> Result<Vec<IpAddr>, Refused> {
        let mut refused = None;
        let permitted: Vec<IpAddr> = addresses
            .into_iter()
            .filter(|address| {
                let kind = self.allowed.refusal(*address);
                refused = refused.or(kind);
                kind.is_none()
            })
            .collect();
        match refused {
            Some(kind) if permitted.is_empty() => Err(Refused::Inside { host: name.to_owned(), kind }),
            _ => Ok(permitted),
        }
    }
}

/// What is connected to is what was checked: there is no second look-up between.
impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = self.clone();
        Box::pin(async move {
            let addresses = guard.lookup.lookup(name.as_str()).await?;
            let permitted = guard.permitted(name.as_str(), addresses)?;
            // Port 0 stands for the URL's own.
            let addresses: Addrs = Box::new(permitted.into_iter().map(|address| (address, 0).into()));
            Ok(addresses)
        })
    }
}

/// The refusal among the causes of a failed request.
pub(super) fn refusal_in<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a Refused> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(refused) = error.downcast_ref() {
            return Some(refused);
        }
        cause = error.source();
    }
    None
}
