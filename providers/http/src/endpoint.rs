//! Where requests may go.

use dns01_plugin_api::Error;
use url::{Host, Url};

/// Where `http` is taken instead of `https`.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Plain {
    /// On this machine only: what stays here needs no cover.
    #[default]
    Loopback,
    /// Everywhere, because the operator said so.
    Anywhere,
}

impl Plain {
    /// Whether a request may go there: by `https`, or by the `http` that this allows.
    #[must_use]
    pub fn permits(self, url: &Url) -> bool {
        match url.scheme() {
            "https" => true,
            "http" => self == Self::Anywhere || is_loopback(url),
            _ => false,
        }
    }
}

/// Reads the address of an API that is configured as option `key`. Its path ends with a
/// slash, so that [`Url::join`] appends to it.
///
/// # Errors
/// It is no URL, is not covered by TLS, or holds what does not belong there: a user and a
/// password (they would stand in clear in the configuration), a query or a fragment. The
/// message repeats nothing of it but its host.
pub fn endpoint(key: &str, text: &str, plain: Plain) -> Result<Url, Error> {
    let fault = |why: &str| Error::config(format!("option `{key}`: {why}"));
    let mut url = Url::parse(text)
        .ok()
        .filter(|url| url.has_host())
        .ok_or_else(|| fault("is not a URL such as https://api.example.net/v1"))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(fault(
            "must not hold a user or a password: there are options for credentials",
        ));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(fault("must end with its path, without `?` and `#`"));
    }
    if !plain.permits(&url) {
        let host = host_of(&url);
        return Err(fault(&match url.scheme() {
            "http" => {
                format!("{host} is not this machine: https is needed, or credentials would travel in clear")
            }
            other => format!("`{other}` is not https"),
        }));
    }
    if !url.path().ends_with('/') {
        let path = format!("{}/", url.path());
        url.set_path(&path);
    }
    Ok(url)
}

/// Host and port of a URL, for messages: nothing else of it is safe to show.
#[must_use]
pub fn host_of(url: &Url) -> String {
    match (url.host(), url.port()) {
        (None, _) => "?".to_owned(),
        (Some(host), None) => host.to_string(),
        (Some(host), Some(port)) => format!("{host}:{port}"),
    }
}

/// Whether the host of a URL is this machine by its name or address.
pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_https_or_this_machine() {
        for (text, expected) in [
            ("https://api.example.net/v1", "https://api.example.net/v1/"),
            ("https://api.example.net", "https://api.example.net/"),
            ("https://[2001:db8::1]:8443/a/", "https://[2001:db8::1]:8443/a/"),
            ("http://localhost:1", "http://localhost:1/"),
            ("http://127.8.0.1:1/x", "http://127.8.0.1:1/x/"),
            ("http://[::1]:1", "http://[::1]:1/"),
        ] {
            assert_eq!(
                endpoint("base-url", text, Plain::Loopback).unwrap().as_str(),
                expected
            );
        }
        for (text, expected) in [
            ("http://api.example.net/", "https is needed"),
            ("http://192.0.2.1/", "https is needed"),
            ("ftp://api.example.net/", "`ftp` is not https"),
            ("api.example.net", "is not a URL"),
            ("", "is not a URL"),
            ("unix:/run/x", "is not a URL"),
            ("https://me:s3cret@api.example.net/", "must not hold a user"),
            ("https://api.example.net/?key=s3cret", "without `?`"),
        ] {
            let refused = endpoint("base-url", text, Plain::Loopback).unwrap_err();
            let message = refused.message();
            assert!(message.starts_with("option `base-url`: "), "{message}");
            assert!(message.contains(expected), "{text}: {message}");
            assert!(!message.contains("s3cret"), "{message}");
        }
        assert!(endpoint("base-url", "http://192.0.2.1/", Plain::Anywhere).is_ok());
    }
}
