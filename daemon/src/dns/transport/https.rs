//! Questions over HTTPS (RFC 8484).

use std::{collections::HashMap, error::Error, io, path::PathBuf, time::Duration};

use reqwest::{
    Certificate, Client,
    header::{ACCEPT, CONTENT_TYPE, HeaderValue},
    redirect, tls,
};
use tokio::sync::Mutex;

use super::{Answer, Endpoint, Failure, Malformation, Question, malformed, undivided};
use crate::types::DnsName;

/// RFC 8484 6.
const DNS_MESSAGE: HeaderValue = HeaderValue::from_static("application/dns-message");
/// RFC 8484 4.1: "a DNS ID of 0 in every DNS request", so that caches between know equal questions.
const ID: u16 = 0;
/// No DNS message is longer (RFC 8484 6).
const MAX_BODY: usize = 65_535;
/// Longer than the longest pause between two looks, so that one wait needs one connection.
const IDLE_CONNECTION: Duration = Duration::from_secs(30);
/// A silent connection is probed while a question waits on it.
const PROBE_INTERVAL: Duration = Duration::from_secs(2);
/// Resolvers that were asked, above which their clients are made anew: names may lead to new addresses for ever.
const MAX_CLIENTS: usize = 64;

/// One client for each resolver: it holds where the resolver's name leads.
#[derive(Debug, Default)]
pub(super) struct Clients {
    ca_file: Option<PathBuf>,
    made: Mutex<HashMap<Endpoint, Client>>,
}

impl Clients {
    pub(super) fn new(ca_file: Option<PathBuf>) -> Self {
        Clients {
            ca_file,
            made: Mutex::default(),
        }
    }

    /// Asks once. The caller holds the deadline.
    pub(super) async fn exchange(
        &self,
        server: &Endpoint,
        name: Option<&DnsName>,
        path: &str,
        question: &Question,
        edns: bool,
    ) -> Result<Answer, Failure> {
        let message = question.encode(ID, edns).map_err(malformed)?;
        let client = self.client(server, name).await?;
        let address = server.address;
        let url = match name {
            Some(name) => format!("https://{name}:{}{path}", address.port()),
            None => format!("https://{address}{path}"),
        };
        let response = client
            .post(url)
            .header(CONTENT_TYPE, DNS_MESSAGE)
            .header(ACCEPT, DNS_MESSAGE)
            .body(message)
            .send()
            .await
            .map_err(|error| failure(&error))?;
        let status = response.status();
        if !status.is_success() {
            return Err(Failure::Status(status.as_u16()));
        }
        if response.headers().get(CONTENT_TYPE) != Some(&DNS_MESSAGE) {
            return Err(malformed(Malformation::NotDns));
        }
        undivided(&read(response).await?, ID, question)
    }

    async fn client(&self, server: &Endpoint, name: Option<&DnsName>) -> Result<Client, Failure> {
        // held while one is made, so that many questions at once make one
        let mut made = self.made.lock().await;
        if let Some(client) = made.get(server) {
            return Ok(client.clone());
        }
        let (ca_file, server_address, name) = (self.ca_file.clone(), server.address, name.cloned());
        // off the runtime's threads: native-tls reads the system's trust roots, for nearly 0.1 s
        let build = move || {
            let mut roots = Vec::new();
            if let Some(path) = ca_file {
                let unusable = |why: &dyn std::fmt::Display| {
                    Failure::Tls(format!("the trust roots {}: {why}", path.display()))
                };
                let pem = std::fs::read(&path).map_err(|error| unusable(&error))?;
                roots = Certificate::from_pem_bundle(&pem).map_err(|error| unusable(&error))?;
            }
            let mut builder = Client::builder()
                .redirect(redirect::Policy::none())
                .referer(false)
                .tls_version_min(tls::Version::TLS_1_2)
                .tls_certs_merge(roots)
                .pool_idle_timeout(IDLE_CONNECTION)
                .http2_keep_alive_interval(PROBE_INTERVAL)
                .http2_keep_alive_timeout(PROBE_INTERVAL);
            if let Some(name) = name {
                builder = builder.resolve(name.as_str(), server_address);
            }
            builder.build().map_err(|error| failure(&error))
        };
        let client = tokio::task::spawn_blocking(build)
            .await
            .map_err(|error| Failure::Http(error.to_string()))??;
        if made.len() >= MAX_CLIENTS {
            made.clear();
        }
        made.insert(server.clone(), client.clone());
        Ok(client)
    }
}

async fn read(mut response: reqwest::Response) -> Result<Vec<u8>, Failure> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| failure(&error))? {
        if body.len() + chunk.len() > MAX_BODY {
            return Err(malformed(Malformation::NotDns));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// The innermost cause says most, and what quotes it whole says more: why a certificate is not trusted, say. One of
/// the socket is told as for any other channel.
fn failure(error: &reqwest::Error) -> Failure {
    let mut causes = Vec::new();
    let mut next = error.source();
    while let Some(cause) = next {
        causes.push(cause);
        next = cause.source();
    }
    let socket = causes
        .iter()
        .rev()
        .find_map(|cause| cause.downcast_ref::<io::Error>());
    let innermost = causes
        .last()
        .map_or_else(|| error.to_string(), ToString::to_string);
    let quoting = causes
        .iter()
        .map(ToString::to_string)
        .find(|text| text.contains(&innermost));
    let said = quoting.unwrap_or(innermost);
    match socket.map(Failure::of_socket) {
        Some(known @ (Failure::ConnectionRefused | Failure::Unreachable)) => known,
        _ if error.is_connect() => Failure::Tls(said),
        _ => Failure::Http(said),
    }
}
