//! The SDK's HTTP: our client, so that OpenSSL is the only crypto.

use std::sync::Arc;
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use dns01_provider_http as http;
use reqwest::Method;
use reqwest::header::{HeaderName, HeaderValue};

/// Hands out connections of one client.
#[derive(Clone, Debug)]
pub(crate) struct Connector(pub Arc<http::Client>);

impl HttpClient for Connector {
    fn http_connector(&self, settings: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        // only what talks to the machine's surroundings (instance metadata, containers) asks
        // for less than a whole request takes over the internet
        let limit = match (settings.connect_timeout(), settings.read_timeout()) {
            (connect, Some(read)) => self.0.timeout().min(connect.unwrap_or_default() + read),
            (_, None) => self.0.timeout(),
        };
        SharedHttpConnector::new(Connection {
            client: Arc::clone(&self.0),
            limit,
        })
    }
}

/// Sends single requests, each within a limit.
#[derive(Debug)]
struct Connection {
    client: Arc<http::Client>,
    limit: Duration,
}

impl HttpConnector for Connection {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (client, limit) = (Arc::clone(&self.client), self.limit);
        HttpConnectorFuture::new(async move {
            let request = ours(request).map_err(|source| ConnectorError::user(source.into()))?;
            let host = request.url().host_str().unwrap_or("?").to_owned();
            match tokio::time::timeout(limit, client.exchange(request)).await {
                Ok(Ok(answer)) => theirs(&answer).map_err(|source| ConnectorError::user(source.into())),
                Ok(Err(error)) => Err(failed(error)),
                Err(_) => Err(failed(http::Error::Timeout { host, after: limit })),
            }
        })
    }
}

/// The SDK decides by the kind whether it tries again.
fn failed(error: http::Error) -> ConnectorError {
    match error {
        http::Error::Timeout { .. } => ConnectorError::timeout(error.into()),
        http::Error::Unresolved { .. } | http::Error::Connect { .. } | http::Error::Broken { .. } => {
            ConnectorError::io(error.into())
        }
        other => ConnectorError::other(other.into(), None),
    }
}

/// A part that HTTP has no form for.
#[derive(Debug, thiserror::Error)]
#[error("{0} is not HTTP")]
struct NotHttp(&'static str);

fn ours(request: HttpRequest) -> Result<reqwest::Request, NotHttp> {
    let url = request.uri().parse().map_err(|_| NotHttp("the address"))?;
    let method = Method::from_bytes(request.method().as_bytes()).map_err(|_| NotHttp("the method"))?;
    let mut ours = reqwest::Request::new(method, url);
    for (name, value) in request.headers() {
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| NotHttp("a header"))?;
        let mut value = HeaderValue::from_str(value).map_err(|_| NotHttp("a header"))?;
        // tokens and signatures: kept out of Debug and of HTTP/2's compression table
        value.set_sensitive(true);
        ours.headers_mut().append(name, value);
    }
    let body = request.body().bytes().ok_or(NotHttp("the body"))?;
    if !body.is_empty() {
        *ours.body_mut() = Some(body.to_vec().into());
    }
    Ok(ours)
}

fn theirs(answer: &http::Answer) -> Result<HttpResponse, NotHttp> {
    let status = StatusCode::try_from(answer.status().as_u16()).map_err(|_| NotHttp("the status"))?;
    let mut theirs = HttpResponse::new(status, SdkBody::from(answer.body()));
    for (name, value) in answer.headers() {
        // what is not text, no SDK reads
        if let Ok(value) = value.to_str() {
            theirs
                .headers_mut()
                .append(name.as_str().to_owned(), value.to_owned());
        }
    }
    Ok(theirs)
}
