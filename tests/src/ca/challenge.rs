//! Challenges: the answer to one, and the validation that follows (RFC 8555 sections 7.5.1, 8).

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hyper::{HeaderMap, header};
use openssl::sha::sha256;
use serde_json::{Value, json};

use super::challenge_type::ChallengeType;
use super::knobs::NameStage;
use super::ledger::ValidationSeen;
use super::persist;
use super::post::Post;
use super::problem::{Problem, ProblemType};
use super::state::{Authorization, AuthorizationStatus, Outcome};
use super::{Ca, Site};

pub(super) async fn challenge(
    State(site): State<Site>,
    Path((id, index)): Path<(u64, usize)>,
    post: Post,
) -> Result<Response, Problem> {
    let account = post.account()?;
    let answered = !post.is_get();
    if answered && !post.json::<Value>()?.is_object() {
        return Err(Problem::malformed("a challenge is answered with a JSON object"));
    }
    let knobs = site.ca.knobs.current();
    let mut state = site.ca.state.lock();
    let thumbprint = state
        .accounts
        .get(&account)
        .map(|account| account.key.thumbprint().to_owned());
    let thumbprint = thumbprint.ok_or_else(|| Problem::not_found("account"))?;
    let authorization = state
        .authorizations
        .get_mut(&id)
        .ok_or_else(|| Problem::not_found("challenge"))?;
    if authorization.account != account {
        return Err(Problem::new(
            ProblemType::Unauthorized,
            "the challenge is another account's",
        ));
    }
    let is_pending = authorization.status(site.ca.now()) == AuthorizationStatus::Pending;
    let name = authorization.name.clone();
    let wildcard = authorization.wildcard;
    let challenge = authorization
        .challenges
        .get_mut(index)
        .ok_or_else(|| Problem::not_found("challenge"))?;
    if answered && is_pending && matches!(challenge.outcome, Outcome::Pending) {
        challenge.outcome = Outcome::Processing;
        let account_url = site.account_url(account);
        let look = Look {
            owner: challenge.kind.owner(&name, &account_url),
            wanted: match challenge.kind {
                ChallengeType::Dns01 | ChallengeType::DnsAccount01 => {
                    Sought::Value(dns_01_value(&challenge.token, &thumbprint))
                }
                ChallengeType::DnsPersist01 => Sought::Standing(persist::Wanted {
                    issuers: knobs.issuer_domain_names.clone(),
                    account_url,
                    wildcard,
                }),
                ChallengeType::Smoke01 => Sought::Nothing,
            },
            kind: challenge.kind,
            name,
        };
        let ca = site.ca.clone();
        site.ca.spawn(async move { validate(ca, id, index, look).await });
    }

    let mut headers = HeaderMap::new();
    if let Ok(up) = format!("<{}>;rel=\"up\"", site.url(&format!("/authz/{id}"))).parse() {
        headers.insert(header::LINK, up);
    }
    if let Some(Ok(value)) = knobs
        .authorization_retry_after
        .header(site.ca.now())
        .map(|value| value.parse())
    {
        headers.insert(header::RETRY_AFTER, value);
    }
    Ok((headers, Json(object(&site, id, authorization, index))).into_response())
}

pub(super) fn object(
    site: &Site,
    authorization_id: u64,
    authorization: &Authorization,
    index: usize,
) -> Value {
    let Some(challenge) = authorization.challenges.get(index) else {
        return Value::Null;
    };
    let mut object = json!({
        "type": challenge.kind.as_str(),
        "url": site.url(&format!("/challenge/{authorization_id}/{index}")),
    });
    if challenge.kind.has_token() {
        object["token"] = json!(challenge.token);
    }
    if challenge.kind == ChallengeType::DnsPersist01 {
        object["issuer-domain-names"] = json!(site.ca.knobs.current().issuer_domain_names);
        object["accounturi"] = json!(site.account_url(authorization.account));
    }
    let status = match &challenge.outcome {
        Outcome::Pending => "pending",
        Outcome::Processing => "processing",
        Outcome::Valid { at } => {
            object["validated"] = json!(at);
            "valid"
        }
        Outcome::Invalid(problem) => {
            object["error"] = problem.to_json();
            "invalid"
        }
    };
    object["status"] = json!(status);
    object
}

/// Section 8.4: base64url of the SHA-256 of the key authorization (8.1).
fn dns_01_value(token: &str, thumbprint: &str) -> String {
    URL_SAFE_NO_PAD.encode(sha256(format!("{token}.{thumbprint}").as_bytes()))
}

/// What a validation goes to see.
struct Look {
    /// The identifier without `*.`.
    name: String,
    kind: ChallengeType,
    /// Where the TXT records are.
    owner: String,
    wanted: Sought,
}

enum Sought {
    /// This value, among whatever else is there.
    Value(String),
    /// A standing record that fits.
    Standing(persist::Wanted),
    /// There is no way to prove it.
    Nothing,
}

async fn validate(ca: Arc<Ca>, id: u64, index: usize, look: Look) {
    let knobs = ca.knobs.current();
    tokio::time::sleep(knobs.validation_delay).await;
    let verdict = match knobs.name_problem(&look.name, NameStage::Validation) {
        Some(problem) => Err(Problem::new(problem.problem, problem.detail.clone())),
        None => look.perform(&ca).await,
    };
    let name = look.name;
    let now = ca.now();
    let failure = verdict.as_ref().err().map(|problem| problem.detail.clone());
    let mut state = ca.state.lock();
    state.ledger.validation(ValidationSeen {
        at: now,
        name: name.clone(),
        challenge: look.kind,
        failure,
    });
    let Some(authorization) = state.authorizations.get_mut(&id) else {
        return;
    };
    let Some(challenge) = authorization.challenges.get_mut(index) else {
        return;
    };
    let account = authorization.account;
    let is_failure = verdict.is_err();
    challenge.outcome = match verdict {
        Ok(()) => Outcome::Valid { at: now },
        Err(problem) => Outcome::Invalid(problem),
    };
    if let Some(limits) = knobs.limits.filter(|_| is_failure) {
        state.meter.failed(&limits, account, &name, now);
    }
}

impl Look {
    /// Every server must show it.
    async fn perform(&self, ca: &Ca) -> Result<(), Problem> {
        if matches!(self.wanted, Sought::Nothing) {
            let detail = format!(
                "{} is of the lab's invention and cannot be proved",
                self.kind.as_str()
            );
            return Err(Problem::malformed(detail));
        }
        let answers = ca.vantage.txt(&self.owner).await;
        let answers =
            answers.map_err(|error| Problem::new(ProblemType::Dns, format!("DNS problem: {error}")))?;
        for (server, values) in answers {
            match &self.wanted {
                Sought::Value(wanted) => self.find(wanted, &values, server)?,
                Sought::Standing(wanted) => {
                    persist::judge(&values, wanted, ca.now()).map_err(|mut problem| {
                        problem.detail = format!("{} on {server}: {}", self.owner, problem.detail);
                        problem
                    })?
                }
                Sought::Nothing => {}
            }
        }
        Ok(())
    }

    fn find(&self, wanted: &str, values: &[String], server: SocketAddr) -> Result<(), Problem> {
        if values.iter().any(|value| value == wanted) {
            return Ok(());
        }
        let owner = &self.owner;
        let detail = match values.first() {
            None => format!("no TXT record found at {owner} on {server}"),
            Some(first) => {
                let more = values.len() - 1;
                format!("incorrect TXT record \"{first}\" (and {more} more) found at {owner} on {server}")
            }
        };
        Err(Problem::new(ProblemType::Unauthorized, detail))
    }
}
