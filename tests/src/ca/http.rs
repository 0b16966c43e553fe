//! HTTP(S): routes, the headers that every answer carries, and connections that may be cut.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use hyper::body::Incoming;
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use openssl::error::ErrorStack;
use openssl::pkey::PKey;
use openssl::ssl::{Ssl, SslAcceptor, SslMethod};
use openssl::x509::X509;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_openssl::SslStream;

use super::endpoint::Endpoint;
use super::faults::{self, NoNonce, Reset};
use super::ledger::RequestSeen;
use super::problem::Problem;
use super::retry_after::http_date;
use super::{
    Ca, CaError, ServerIdentity, Site, account, authorization, certificate, challenge, crl, directory,
    finalize, key_change, new_order, order, renewal_info, revocation, terms,
};

/// For a client that connects and says nothing.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

const REPLAY_NONCE: HeaderName = HeaderName::from_static("replay-nonce");

impl Ca {
    fn site(self: &Arc<Self>, base: String) -> Site {
        Site {
            ca: self.clone(),
            base: base.into(),
        }
    }
}

fn router(site: Site) -> Router {
    Router::new()
        .route("/directory", get(directory::directory))
        .route("/terms/{version}", get(terms::terms))
        .route("/terms/agree/{id}", get(terms::page).post(terms::agree))
        .route("/new-nonce", get(directory::new_nonce))
        .route("/new-account", post(account::new_account))
        .route("/account/{id}", post(account::account))
        .route("/orders/{id}", post(account::orders))
        .route("/key-change", post(key_change::key_change))
        .route("/new-order", post(new_order::new_order))
        .route("/order/{id}", post(order::order))
        .route("/authz/{id}", post(authorization::authorization))
        .route("/challenge/{id}/{index}", post(challenge::challenge))
        .route("/finalize/{id}", post(finalize::finalize))
        .route("/cert/{id}", post(certificate::certificate))
        .route("/cert/{id}/{alternate}", post(certificate::alternate))
        .route("/crl", get(crl::crl))
        .route("/revoke-cert", post(revocation::revoke))
        .route("/renewal-info/{id}", get(renewal_info::renewal_info))
        .fallback(async || Problem::not_found("resource"))
        .layer(middleware::from_fn_with_state(site.clone(), around))
        .with_state(site)
}

/// Faults before and after a request, the common headers, and a line in the ledger.
async fn around(State(site): State<Site>, request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    let endpoint = Endpoint::of(&path);
    let agent = request
        .headers()
        .get(header::USER_AGENT)
        .and_then(|value| value.to_str().ok());
    let user_agent = agent.unwrap_or_default().to_owned();
    let is_read = request.method() == hyper::Method::GET;

    let plan = site
        .ca
        .knobs
        .update(|knobs| faults::plan(knobs, &mut site.ca.dice.lock(), endpoint));
    pause(plan.delay).await;
    let answer = match plan.before {
        Some(fault) => {
            faults::spoil(fault, Problem::malformed("spoilt").into_response(), site.ca.now()).await
        }
        None => next.run(request).await,
    };
    // a signature that is not good leaves its reason in the thread's queue of errors, where OpenSSL would find it at
    // the next read of any TLS connection and end that
    drop(ErrorStack::get());
    let mut answer = match plan.after {
        Some(fault) if plan.before.is_none() => faults::spoil(fault, answer, site.ca.now()).await,
        _ => answer,
    };
    // section 6.5: with every answer to a POST, and to newNonce
    if (!is_read || endpoint == Endpoint::NewNonce)
        && answer.extensions().get::<NoNonce>().is_none()
        && let Ok(nonce) = site.ca.nonces.lock().issue()
        && let Ok(nonce) = HeaderValue::try_from(nonce)
    {
        answer.headers_mut().insert(REPLAY_NONCE, nonce);
    }
    answer
        .headers_mut()
        .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // hyper sets none where there is one
    if let Some(Ok(date)) = http_date(site.ca.now()).map(HeaderValue::try_from) {
        answer.headers_mut().insert(header::DATE, date);
    }
    // section 7.1: "a link relation header field to the directory" with everything but the directory
    if endpoint != Endpoint::Directory
        && let Ok(index) = HeaderValue::try_from(format!("<{}>;rel=\"index\"", site.url("/directory")))
    {
        answer.headers_mut().append(header::LINK, index);
    }
    let status = answer.status().as_u16();
    tracing::debug!(?endpoint, path, status, "request answered");
    let seen = RequestSeen {
        at: site.ca.now(),
        endpoint,
        path,
        status,
        tls: site.base.starts_with("https://"),
        user_agent,
    };
    site.ca.state.lock().ledger.request(seen);
    pause(plan.delay_answer).await;
    answer
}

/// A sleep, where there is time to sleep: even none at all costs a timer.
async fn pause(time: Duration) {
    if !time.is_zero() {
        tokio::time::sleep(time).await;
    }
}

/// TLS 1.2 and 1.3 as Mozilla's "intermediate" profile has them.
pub(crate) fn acceptor(identity: &ServerIdentity) -> Result<SslAcceptor, ErrorStack> {
    let mut builder = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls())?;
    builder.set_certificate(&*X509::from_pem(identity.certificate_pem.as_bytes())?)?;
    builder.set_private_key(&*PKey::private_key_from_pem(identity.key_pem.as_bytes())?)?;
    builder.check_private_key()?;
    Ok(builder.build())
}

/// What answers for a CA that listens nowhere.
pub(super) fn offline(ca: &Arc<Ca>, addr: SocketAddr) -> Router {
    router(ca.site(format!("https://{addr}")))
}

/// Listens until the CA stops. Gives the address that was bound.
pub(super) async fn serve(
    ca: &Arc<Ca>,
    listen: SocketAddr,
    tls: Option<SslAcceptor>,
) -> Result<SocketAddr, CaError> {
    let failed = |source| CaError::Listen { addr: listen, source };
    let listener = TcpListener::bind(listen).await.map_err(failed)?;
    let addr = listener.local_addr().map_err(failed)?;
    let scheme = if tls.is_some() { "https" } else { "http" };
    let base = format!("{scheme}://{addr}");
    if tls.is_none() {
        ca.http_base.get_or_init(|| base.clone());
    }
    let router = router(ca.site(base));
    let owner = ca.clone();
    ca.spawn(async move {
        loop {
            match listener.accept().await {
                Ok((stream, _)) => owner.spawn(connection(stream, tls.clone(), router.clone())),
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    // out of descriptors, most likely: let some connections end
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
        }
    });
    Ok(addr)
}

pub(crate) async fn connection(stream: TcpStream, tls: Option<SslAcceptor>, router: Router) {
    let _ = stream.set_nodelay(true);
    let Some(tls) = tls else {
        return speak(stream, router).await;
    };
    let Ok(stream) = Ssl::new(tls.context()).and_then(|ssl| SslStream::new(ssl, stream)) else {
        return;
    };
    let mut stream = Box::pin(stream);
    match tokio::time::timeout(HANDSHAKE_TIMEOUT, stream.as_mut().accept()).await {
        Ok(Ok(())) => speak(stream, router).await,
        Ok(Err(error)) => tracing::debug!(%error, "TLS handshake failed"),
        Err(_) => tracing::debug!("TLS handshake timed out"),
    }
}

async fn speak<S>(stream: S, router: Router)
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let inner = TowerToHyperService::new(router);
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let answer = inner.call(request);
        async move {
            let Ok(answer) = answer.await;
            // an error here makes hyper close the connection without a word
            if answer.extensions().get::<Reset>().is_some() {
                return Err(std::io::Error::from(std::io::ErrorKind::ConnectionReset));
            }
            Ok(answer)
        }
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(stream), service)
        .await;
    if let Err(error) = served {
        tracing::debug!(%error, "connection ended early");
    }
}
