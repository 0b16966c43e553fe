//! Certificate download, and the other chains of the same leaf (RFC 8555 section 7.4.2).

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use hyper::{HeaderMap, header};

use super::Site;
use super::issuer::ALTERNATES;
use super::post::Post;
use super::problem::{Problem, ProblemType};

pub(super) async fn certificate(
    State(site): State<Site>,
    Path(id): Path<u64>,
    post: Post,
) -> Result<Response, Problem> {
    chain(&site, id, 0, &post)
}

pub(super) async fn alternate(
    State(site): State<Site>,
    Path((id, number)): Path<(u64, usize)>,
    post: Post,
) -> Result<Response, Problem> {
    chain(&site, id, number, &post)
}

/// The chain with this number; 0 is the usual one.
fn chain(site: &Site, id: u64, number: usize, post: &Post) -> Result<Response, Problem> {
    post.want_get()?;
    let account = post.account()?;
    let alternates = site.ca.knobs.current().alternate_roots.min(ALTERNATES);
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
    let pem = match number {
        0 => Some(certificate.chain_pem.clone()),
        _ if number <= alternates => site.ca.issuer.alternate_pem(&certificate.leaf, number)?,
        _ => None,
    };
    let pem = pem.ok_or_else(|| Problem::not_found("chain"))?;
    let mut headers = HeaderMap::new();
    for other in (0..=alternates).filter(|other| *other != number) {
        let path = if other == 0 {
            format!("/cert/{id}")
        } else {
            format!("/cert/{id}/{other}")
        };
        if let Ok(link) = format!("<{}>;rel=\"alternate\"", site.url(&path)).parse() {
            headers.append(header::LINK, link);
        }
    }
    let content_type = [(header::CONTENT_TYPE, "application/pem-certificate-chain")];
    Ok((headers, content_type, pem).into_response())
}
