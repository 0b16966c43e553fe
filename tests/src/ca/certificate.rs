//! Certificate download (RFC 8555 section 7.4.2).

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use hyper::header;

use super::Site;
use super::post::Post;
use super::problem::{Problem, ProblemType};

pub(super) async fn certificate(
    State(site): State<Site>,
    Path(id): Path<u64>,
    post: Post,
) -> Result<Response, Problem> {
    post.want_get()?;
    let account = post.account()?;
    let state = site.ca.state.lock();
    let certificate = state
        .certificates
        .get(&id)
        .ok_or_else(|| Problem::not_found("certificate"))?;
    if certificate.account != account {
        return Err(Problem::new(
            ProblemType::Unauthorized,
            "the certificate is another account's",
        ));
    }
    let content_type = [(header::CONTENT_TYPE, "application/pem-certificate-chain")];
    Ok((content_type, certificate.chain_pem.clone()).into_response())
}
