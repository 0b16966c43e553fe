//! Name resolution by the system, with a failure that can be told from others.

use std::io;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// A host has no address, or no resolver says so in time.
#[derive(Debug, thiserror::Error)]
#[error("{name} has no address: {source}")]
pub(crate) struct Unresolved {
    /// The host asked for; the proxy's, if there is one.
    pub name: String,
    source: io::Error,
}

/// getaddrinfo, as libc does it: /etc/hosts, nsswitch.conf and resolv.conf count.
#[derive(Debug)]
pub(crate) struct System;

impl Resolve for System {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let name = name.as_str().to_owned();
            // a port 0 is replaced by the one of the URL
            let found = tokio::net::lookup_host((name.as_str(), 0))
                .await
                .map(Vec::from_iter);
            match found {
                Ok(addresses) => Ok(Box::new(addresses.into_iter()) as Addrs),
                Err(source) => Err(Unresolved { name, source }.into()),
            }
        })
    }
}
