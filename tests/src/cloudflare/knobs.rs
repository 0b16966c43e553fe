//! What the double does beside the rules.

use std::time::Duration;

/// Faults and habits to order.
#[derive(Clone, Debug)]
pub struct Knobs {
    /// Waits before each answer.
    pub latency: Duration,
    /// Requests are counted from here on; those over it are refused.
    pub rate_limit: Option<RateLimit>,
    /// Answers that take the place of the next ones, in order; each for one request.
    pub faults: Vec<Fault>,
    /// The batch endpoint is there.
    pub batch: bool,
    /// The batch endpoint answers in the order in which it was asked; the documentation does not promise it.
    pub batch_order: bool,
    /// Largest page that is given, whatever was asked for.
    pub page: usize,
    /// Longest comment of the Free plan, in characters.
    pub comment: usize,
    /// Most records of a zone.
    pub records: usize,
    /// Names outside the zone are refused. The real API appends the zone's name to them.
    pub refuses_outside_names: bool,
}

/// Refuses with 429.
#[derive(Clone, Copy, Debug)]
pub struct RateLimit {
    /// Requests that are still taken.
    pub left: u32,
    /// What the refusal asks to wait, in seconds.
    pub retry_after: Option<u64>,
}

/// An answer to order.
#[derive(Clone, Debug)]
pub enum Fault {
    /// One of Cloudflare's errors, before the request is looked at.
    Refuse {
        /// HTTP status.
        status: u16,
        /// Code of the error.
        code: i64,
        /// Its words.
        message: String,
    },
    /// A page of something between, which is not JSON.
    Gateway(u16),
    /// The request is done, but the answer is lost.
    Lose,
}

impl Default for Knobs {
    fn default() -> Self {
        Self {
            latency: Duration::ZERO,
            rate_limit: None,
            faults: Vec::new(),
            batch: true,
            batch_order: true,
            page: 5_000,
            comment: 100,
            records: 1_000,
            refuses_outside_names: true,
        }
    }
}
