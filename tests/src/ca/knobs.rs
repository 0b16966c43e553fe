//! Everything that can be made different about the CA while it runs. The default is a well-behaved CA.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::certificate_fault::CertificateFault;
use super::challenge_type::ChallengeType;
use super::endpoint::Endpoint;
use super::external_account::ExternalAccount;
use super::limits::Limits;
use super::problem::ProblemType;
use super::profile::{self, Profile};
use super::renewal_info::{self, RenewalAnswers};
use super::replacement::ReplacesAnswers;
use super::retry_after::RetryAfter;
use crate::knobs::{optional_seconds, seconds};

/// A certificate's usual lifetime.
const LIFETIME: Duration = Duration::from_secs(90 * 86400);

/// Let's Encrypt's classic profile keeps orders and pending authorizations for a week.
const ORDER_LIFETIME: Duration = Duration::from_secs(7 * 86400);

/// The CA's habits and faults.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct CaKnobs {
    /// Good nonces refused, 0 to 1.
    pub nonce_reject: f64,
    /// Faults, tried in this order; a delay lets the later ones act as well.
    pub faults: Vec<FaultRule>,
    /// Names that are refused.
    pub name_problems: Vec<NameProblem>,
    /// How long an order is `processing` after finalize; absent: the certificate is there at once.
    #[serde(with = "optional_seconds")]
    pub processing: Option<Duration>,
    /// How long validation takes before it asks the DNS.
    #[serde(with = "seconds")]
    pub validation_delay: Duration,
    /// notAfter minus notBefore, unless the order asks.
    #[serde(with = "seconds")]
    pub lifetime: Duration,
    /// How far notBefore lies in the past.
    #[serde(with = "seconds")]
    pub backdate: Duration,
    /// Serials whose first byte is 0x80 or more, which DER pads with 00.
    pub high_serials: bool,
    /// An order for the names of one still pending or ready gives that one again, as Boulder does.
    pub reuse_orders: bool,
    /// A valid authorization serves the account's next order for the name.
    pub reuse_authorizations: bool,
    /// Until an order and its pending authorizations expire.
    #[serde(with = "seconds")]
    pub order_lifetime: Duration,
    /// Sent with an order that is `processing`.
    pub order_retry_after: RetryAfter,
    /// Sent with an authorization or challenge that is being validated.
    pub authorization_retry_after: RetryAfter,
    /// Chains to other roots that every certificate has as well, at most four: with the odd ones the chain is as long
    /// as the usual one, with the even ones longer by one.
    pub alternate_roots: usize,
    /// Accounts elsewhere that new accounts can be bound to, each once (RFC 8555 section 7.3.4).
    pub external_accounts: Vec<ExternalAccount>,
    /// The directory demands such a binding, and no account is made without one.
    pub external_account_required: bool,
    /// Most names in an order.
    pub max_names: usize,
    /// The challenges of every authorization, in this order.
    pub challenges: Vec<ChallengeType>,
    /// What the CA is called in CAA records and in standing records of dns-persist-01.
    pub issuer_domain_names: Vec<String>,
    /// Orders with notBefore or notAfter are `malformed`, as with Let's Encrypt.
    pub refuse_dates: bool,
    /// What orders may ask for by name; an order that asks for none gets `lifetime` and `max-names`. Empty: the
    /// directory has no profiles.
    pub profiles: BTreeMap<String, Profile>,
    /// How `replaces` in an order (RFC 9773) is taken.
    pub replaces: ReplacesAnswers,
    /// How renewal information (RFC 9773) is answered.
    pub renewal_info: RenewalAnswers,
    /// Sent with renewal information.
    pub renewal_retry_after: RetryAfter,
    /// What is wrong with the certificates that are issued.
    pub certificate_fault: Option<CertificateFault>,
    /// Whatever URL a client is given begins with `http://`: the address of plain HTTP where the CA has one, which
    /// then sees who follows, else one where nobody speaks HTTP.
    pub http_urls: bool,
    /// Each look at an order that is pending adds an authorization to it, for a name that nobody ordered.
    pub growing_orders: bool,
    /// Rate limits that are really counted; absent: there are none.
    pub limits: Option<Limits>,
    /// Seconds that the CA's clock is ahead of the true one, at most a year either way: dates in answers and
    /// certificates, expiry, and what the ledger says. Waits keep their length.
    pub clock_offset: i64,
}

impl Default for CaKnobs {
    fn default() -> Self {
        CaKnobs {
            nonce_reject: 0.0,
            faults: Vec::new(),
            name_problems: Vec::new(),
            processing: None,
            validation_delay: Duration::ZERO,
            lifetime: LIFETIME,
            backdate: Duration::ZERO,
            high_serials: false,
            reuse_orders: false,
            reuse_authorizations: false,
            order_lifetime: ORDER_LIFETIME,
            order_retry_after: RetryAfter::Absent,
            authorization_retry_after: RetryAfter::Absent,
            alternate_roots: 0,
            external_accounts: Vec::new(),
            external_account_required: false,
            max_names: 100,
            challenges: vec![ChallengeType::Dns01],
            issuer_domain_names: vec!["lab.test".to_owned()],
            refuse_dates: false,
            profiles: profile::lets_encrypt(),
            replaces: ReplacesAnswers::Checked,
            renewal_info: RenewalAnswers::Offered,
            renewal_retry_after: RetryAfter::Seconds(renewal_info::RETRY_AFTER),
            certificate_fault: None,
            http_urls: false,
            growing_orders: false,
            limits: None,
            clock_offset: 0,
        }
    }
}

/// A fault and where it strikes.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct FaultRule {
    /// The kind of resource; absent: all of them.
    #[serde(default)]
    pub endpoint: Option<Endpoint>,
    /// How often.
    pub when: When,
    /// Whether the request has its effect before the fault.
    #[serde(default)]
    pub phase: Phase,
    /// What happens.
    pub fault: Fault,
}

/// How often a fault strikes.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum When {
    /// The next so many requests.
    Next(u32),
    /// This share of requests, 0 to 1.
    Share(f64),
    /// Every request.
    Always,
}

/// When a fault strikes.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Instead of the request's effect.
    #[default]
    Before,
    /// The request has its effect and only the answer is spoilt.
    After,
}

/// What goes wrong with a request.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// The request is worked (phase before), or its answer comes (after), so many seconds later; later rules still
    /// apply. A client that goes while it waits for the work has done nothing; one that goes later has.
    Delay(f64),
    /// A bare status with a text that is not a problem document.
    Status(u16),
    /// 429 with the problem `rateLimited`.
    RateLimited(RetryAfter),
    /// 503 with the problem `rateLimited`, as Let's Encrypt's load balancer.
    Unavailable(RetryAfter),
    /// The problem `serverInternal`.
    InternalError,
    /// The connection ends without an answer.
    Reset,
    /// The connection ends in the middle of the body.
    TruncateBody,
    /// 429 as for an account or name that failed too often: without Retry-After, and a person must go to the page
    /// that the detail names.
    Paused,
    /// A redirection with this status to `/redirected`, where the ledger shows who follows.
    Redirect(u16),
    /// 200 with a page for people.
    Html,
    /// The answer has no nonce.
    NoNonce,
    /// So many bytes of white space follow the answer's body, which JSON allows.
    Flood(u64),
    /// The answer's JSON has one member more, which is so many arrays deep.
    DeepJson(usize),
}

/// A name that the CA does not like.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct NameProblem {
    /// The name without `*.`.
    pub name: String,
    /// Where it shows.
    pub at: NameStage,
    /// The problem's type.
    pub problem: ProblemType,
    /// The problem's text.
    pub detail: String,
}

/// Where a name is refused.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum NameStage {
    /// newOrder refuses, with one subproblem for each such name if the order has others.
    NewOrder,
    /// The challenge fails.
    Validation,
    /// Finalize refuses.
    Finalize,
}

impl CaKnobs {
    pub(super) fn name_problem(&self, name: &str, at: NameStage) -> Option<&NameProblem> {
        let base = name.strip_prefix("*.").unwrap_or(name);
        self.name_problems
            .iter()
            .find(|problem| problem.at == at && problem.name == base)
    }
}
