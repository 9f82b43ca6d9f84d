//! The check itself, at each place where an address can come in: the URL (a literal address never meets a resolver), the
//! names that it resolves to at the moment of connecting, and each redirect.

use std::{error::Error as StdError, io, net::IpAddr, sync::Arc};

use async_trait::async_trait;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

use super::networks::{AllowedNetworks, METADATA};

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

/// Why an address is not called. Names the host as it was given, and never what it resolves to, nor whether it does: that would tell a
/// tenant how the inside is laid out.
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
        /// What kind of address it is, which the host itself says.
        kind: &'static str,
    },
    /// A name that leads to nothing but such addresses.
    #[error("{}", leads_nowhere(host))]
    LeadsInside {
        /// The host as given.
        host: String,
    },
    /// A name that leads nowhere, now. The text is that of [`Refused::LeadsInside`].
    #[error("{}", leads_nowhere(host))]
    LeadsNowhere {
        /// The host as given.
        host: String,
    },
}

fn leads_nowhere(host: &str) -> String {
    format!(
        "`{host}` leads to no address that Forebay calls for a tenant; use a name that has a public address, or let the operator \
         allow the network with FOREBAY_ALLOW_PRIVATE_NETWORKS"
    )
}

impl Refused {
    /// Whether it may be otherwise in a moment.
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::LeadsNowhere { .. })
    }
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
    /// address by then. What a name leads to is looked at when it is connected to, every time, and not here: whoever may give
    /// addresses could find out which names there are inside.
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

    /// Those addresses of a name that may be called.
    fn permitted(&self, name: &str, addresses: Vec<IpAddr>) -> Result<Vec<IpAddr>, Refused> {
        let (permitted, refused): (Vec<_>, Vec<_>) =
            addresses.into_iter().partition(|address| self.allowed.refusal(*address).is_none());
        match (permitted.is_empty(), refused.is_empty()) {
            (false, _) => Ok(permitted),
            (true, false) => Err(Refused::LeadsInside { host: name.to_owned() }),
            (true, true) => Err(Refused::LeadsNowhere { host: name.to_owned() }),
        }
    }
}

/// What is connected to is what was checked: there is no second look-up between.
impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = self.clone();
        Box::pin(async move {
            let addresses = guard.lookup.lookup(name.as_str()).await.map_err(|error| {
                tracing::debug!(%error, host = name.as_str(), "a name could not be resolved");
                Refused::LeadsNowhere { host: name.as_str().to_owned() }
            })?;
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
