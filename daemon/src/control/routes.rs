use std::{convert::Infallible, sync::Arc};

use axum::{
    Json, Router,
    body::{Body, to_bytes},
    extract::{Path, Query, State},
    http::{HeaderValue, StatusCode, header::CONTENT_TYPE},
    middleware,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use futures_util::{StreamExt as _, stream::BoxStream};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    challenge::Task,
    engine::AccountTask,
    secret::Secret,
    types::{CaName, CertificateName, InstanceName},
};

use super::{
    handle::{AskError, Handle, PrepareError, ReloadError, RenewError},
    protocol::{
        Accepted, Fault, FaultCode, Names, OnlineWish, PROTOCOL, PROTOCOL_HEADER, RevokeWish, Version,
    },
};

type Daemon = Arc<dyn Handle>;

/// A chain of certificates and a key.
const MAX_CERTIFICATE: usize = 256 << 10;
/// An RSA key of 4096 bits in JSON has under 8 KiB.
const MAX_KEY: usize = 64 << 10;
/// A thousand of the longest names.
const MAX_NAMES: usize = 256 << 10;

/// What a permitted peer may ask.
pub(super) fn routes(daemon: Daemon) -> Router {
    Router::new()
        .route("/v1/version", get(version))
        .route("/v1/status", get(status))
        .route("/v1/renew/{name}", post(renew))
        .route("/v1/providers/{name}/check", post(check))
        .route("/v1/providers/{name}/setup", post(setup))
        .route("/v1/why/{name}", get(why))
        .route("/v1/plan", get(plan))
        .route("/v1/cas", get(cas))
        .route("/v1/revoke", post(revoke))
        .route("/v1/account", get(account))
        .route("/v1/account/{task}", post(change_account))
        .route("/v1/online", post(online))
        .route("/v1/reload", post(reload))
        .fallback(not_found)
        .method_not_allowed_fallback(not_found)
        .layer(middleware::map_response(with_protocol))
        .with_state(daemon)
}

/// What everybody else gets, whatever they ask.
pub(super) fn refusal(text: String) -> Router {
    Router::new()
        .fallback(move || async move { fault(StatusCode::FORBIDDEN, FaultCode::Forbidden, text) })
        .layer(middleware::map_response(with_protocol))
}

async fn with_protocol(mut response: Response) -> Response {
    response
        .headers_mut()
        .insert(PROTOCOL_HEADER, HeaderValue::from(PROTOCOL));
    response
}

async fn version() -> Json<Version> {
    Json(Version {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        protocol: PROTOCOL,
    })
}

async fn status(State(daemon): State<Daemon>) -> Response {
    Json(daemon.status().await).into_response()
}

#[derive(Deserialize)]
struct RenewQuery {
    #[serde(default)]
    wait: bool,
}

async fn renew(
    State(daemon): State<Daemon>,
    Path(name): Path<String>,
    Query(query): Query<RenewQuery>,
) -> Response {
    let Ok(certificate) = name.parse::<CertificateName>() else {
        let text = format!("`{name}` is no certificate's name: `dns01d status` lists them");
        return fault(StatusCode::NOT_FOUND, FaultCode::UnknownCertificate, text);
    };
    match daemon.renew(certificate.clone()).await {
        Ok(steps) if query.wait => lines(steps),
        Ok(_) => (StatusCode::ACCEPTED, Json(Accepted { certificate })).into_response(),
        Err(error) => {
            let (status, code) = match &error {
                RenewError::UnknownCertificate(_) => (StatusCode::NOT_FOUND, FaultCode::UnknownCertificate),
                RenewError::Refused(_) => (StatusCode::CONFLICT, FaultCode::Refused),
                RenewError::Stopping => (StatusCode::SERVICE_UNAVAILABLE, FaultCode::Stopping),
            };
            fault(status, code, error.to_string())
        }
    }
}

/// Each step as it happens.
fn lines<T: Serialize + 'static>(steps: BoxStream<'static, T>) -> Response {
    let lines = Body::from_stream(steps.map(|step| Ok::<_, Infallible>(line(&step))));
    ([(CONTENT_TYPE, "application/x-ndjson")], lines).into_response()
}

fn line(step: &impl Serialize) -> String {
    let mut line = serde_json::to_string(step).expect("a step has only texts and numbers");
    line.push('\n');
    line
}

async fn check(daemon: State<Daemon>, name: Path<String>, names: Body) -> Response {
    prepare(Task::Check, daemon, name, names).await
}

async fn setup(daemon: State<Daemon>, name: Path<String>, names: Body) -> Response {
    prepare(Task::Setup, daemon, name, names).await
}

async fn prepare(task: Task, State(daemon): State<Daemon>, Path(name): Path<String>, body: Body) -> Response {
    let Ok(instance) = name.parse::<InstanceName>() else {
        let text = format!("`{name}` is no provider instance's name: `dns01d provider list` shows them");
        return fault(StatusCode::NOT_FOUND, FaultCode::UnknownProvider, text);
    };
    let names = match to_bytes(body, MAX_NAMES).await {
        Ok(body) => serde_json::from_slice::<Names>(&body).map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    };
    let names = match names {
        Ok(Names { names }) => names,
        Err(error) => {
            let text = format!("the names cannot be read: {error}");
            return fault(StatusCode::BAD_REQUEST, FaultCode::Malformed, text);
        }
    };
    match daemon.prepare(task, instance, names).await {
        Ok(prepared) => Json(prepared).into_response(),
        Err(error) => {
            let (status, code) = match &error {
                PrepareError::UnknownInstance(_) => (StatusCode::NOT_FOUND, FaultCode::UnknownProvider),
                PrepareError::Failed(_) => (StatusCode::BAD_GATEWAY, FaultCode::Provider),
                PrepareError::Stopping => (StatusCode::SERVICE_UNAVAILABLE, FaultCode::Stopping),
            };
            fault(status, code, error.to_string())
        }
    }
}

async fn why(State(daemon): State<Daemon>, Path(name): Path<String>) -> Response {
    let Ok(certificate) = name.parse::<CertificateName>() else {
        let text = format!("`{name}` is no certificate's name: `dns01d status` lists them");
        return fault(StatusCode::NOT_FOUND, FaultCode::UnknownCertificate, text);
    };
    answer(daemon.why(certificate).await)
}

#[derive(Deserialize)]
struct Until {
    #[serde(default)]
    until: Option<Timestamp>,
}

async fn plan(State(daemon): State<Daemon>, Query(Until { until }): Query<Until>) -> Response {
    answer(daemon.plan(until).await)
}

#[derive(Deserialize)]
struct OfCa {
    #[serde(default)]
    ca: Option<CaName>,
}

async fn cas(State(daemon): State<Daemon>, Query(OfCa { ca }): Query<OfCa>) -> Response {
    answer(daemon.cas(ca).await)
}

async fn revoke(State(daemon): State<Daemon>, body: Body) -> Response {
    let wish = match to_bytes(body, MAX_CERTIFICATE).await {
        Ok(body) => serde_json::from_slice::<RevokeWish>(&body).map_err(|error| error.classify()),
        Err(_) => Err(serde_json::error::Category::Io),
    };
    match wish {
        Ok(wish) => match daemon.revoke(wish).await {
            Ok(steps) => lines(steps),
            Err(error) => refused(&error),
        },
        // the error itself may quote a key
        Err(_) => fault(
            StatusCode::BAD_REQUEST,
            FaultCode::Malformed,
            "what is to be revoked cannot be read".to_owned(),
        ),
    }
}

async fn online(State(daemon): State<Daemon>, body: Body) -> Response {
    let wish = match to_bytes(body, MAX_NAMES).await {
        Ok(body) => serde_json::from_slice::<OnlineWish>(&body).map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    };
    match wish {
        Ok(wish) => match daemon.look(wish).await {
            Ok(found) => lines(found),
            Err(error) => refused(&error),
        },
        Err(error) => {
            let text = format!("the names cannot be read: {error}");
            fault(StatusCode::BAD_REQUEST, FaultCode::Malformed, text)
        }
    }
}

async fn account(State(daemon): State<Daemon>, Query(OfCa { ca }): Query<OfCa>) -> Response {
    answer(daemon.account(ca, AccountTask::Show).await)
}

async fn change_account(
    State(daemon): State<Daemon>,
    Path(task): Path<String>,
    Query(OfCa { ca }): Query<OfCa>,
    body: Body,
) -> Response {
    let task = match task.as_str() {
        "update" => AccountTask::Update,
        "rollover" => AccountTask::Rollover,
        "deactivate" => AccountTask::Deactivate,
        "register" => AccountTask::Register,
        "import" => match to_bytes(body, MAX_KEY)
            .await
            .map(|body| String::from_utf8(body.into()))
        {
            Ok(Ok(key)) => AccountTask::Import(Secret::new(key)),
            _ => {
                let text = format!("an account key is text of at most {MAX_KEY} bytes");
                return fault(StatusCode::BAD_REQUEST, FaultCode::Malformed, text);
            }
        },
        _ => return not_found().await,
    };
    answer(daemon.account(ca, task).await)
}

fn answer<T: Serialize>(answer: Result<T, AskError>) -> Response {
    match answer {
        Ok(answer) => Json(answer).into_response(),
        Err(error) => refused(&error),
    }
}

fn refused(error: &AskError) -> Response {
    let (status, code) = match error {
        AskError::UnknownCertificate(_) => (StatusCode::NOT_FOUND, FaultCode::UnknownCertificate),
        AskError::UnknownCa { .. } | AskError::WhichCa(_) => (StatusCode::NOT_FOUND, FaultCode::UnknownCa),
        AskError::UnknownName(_) => (StatusCode::NOT_FOUND, FaultCode::UnknownName),
        AskError::Refused(_) => (StatusCode::CONFLICT, FaultCode::Refused),
        AskError::Ca(_) => (StatusCode::BAD_GATEWAY, FaultCode::Ca),
        AskError::Failed(_) => (StatusCode::INTERNAL_SERVER_ERROR, FaultCode::Failed),
        AskError::Stopping => (StatusCode::SERVICE_UNAVAILABLE, FaultCode::Stopping),
    };
    fault(status, code, error.to_string())
}

async fn reload(State(daemon): State<Daemon>) -> Response {
    match daemon.reload().await {
        Ok(reloaded) => Json(reloaded).into_response(),
        Err(error) => {
            let (status, code) = match &error {
                ReloadError::Configuration(_) => (StatusCode::UNPROCESSABLE_ENTITY, FaultCode::Configuration),
                ReloadError::Stopping => (StatusCode::SERVICE_UNAVAILABLE, FaultCode::Stopping),
            };
            fault(status, code, error.to_string())
        }
    }
}

async fn not_found() -> Response {
    fault(
        StatusCode::NOT_FOUND,
        FaultCode::NotFound,
        "this daemon knows no such request".to_owned(),
    )
}

fn fault(status: StatusCode, code: FaultCode, text: String) -> Response {
    (status, Json(Fault { code, text })).into_response()
}
