//! Terms of service, and what happens when they change (RFC 8555 section 7.3.3).

use axum::extract::{Path, State};
use hyper::header;

use super::Site;
use super::problem::{Problem, ProblemType};

impl Site {
    /// Where the terms of this version are.
    pub(super) fn terms_url(&self, version: u64) -> String {
        self.url(&format!("/terms/{version}"))
    }

    /// "If the server has changed its terms of service since a client last agreed": `instance` is a page for a
    /// person, and the link is the new terms.
    pub(super) fn terms_changed(&self, account: u64, version: u64) -> Problem {
        let detail = "the terms of service have changed: a person must agree to them at the instance's URL";
        let mut problem = Problem::new(ProblemType::UserActionRequired, detail);
        problem.instance = Some(self.url(&format!("/terms/agree/{account}")));
        self.link_terms(problem, version)
    }

    pub(super) fn link_terms(&self, problem: Problem, version: u64) -> Problem {
        let link = format!("<{}>;rel=\"terms-of-service\"", self.terms_url(version));
        problem.with_header(header::LINK, &link)
    }
}

pub(super) async fn terms() -> &'static str {
    "These certificates are for tests. Trust none of them.\n"
}

/// The page for a person.
pub(super) async fn page() -> &'static str {
    "POST to this page to agree to the new terms.\n"
}

/// A person agrees.
pub(super) async fn agree(State(site): State<Site>, Path(id): Path<u64>) -> Result<&'static str, Problem> {
    let mut state = site.ca.state.lock();
    let version = state.terms;
    let account = state
        .accounts
        .get_mut(&id)
        .ok_or_else(|| Problem::not_found("account"))?;
    account.terms = version;
    Ok("Agreed.\n")
}
