//! Faults on demand, changed while the server runs.

use std::time::Duration;

use hickory_proto::op::ResponseCode;
use serde::{Deserialize, Serialize};

use crate::knobs::seconds;

/// What one server does wrong. The default does nothing wrong.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct DnsKnobs {
    /// Every answer waits this long.
    #[serde(with = "seconds")]
    pub answer_delay: Duration,
    /// Questions are answered from the zones as they were this long ago: a slow secondary.
    #[serde(with = "seconds")]
    pub lag: Duration,
    /// Instead of answering a question.
    pub query_fault: Option<DnsFault>,
    /// Instead of carrying out an update, or after it.
    pub update_fault: Option<UpdateFault>,
    /// Every UDP answer comes truncated, so that the client must come again over TCP.
    pub truncate_udp: bool,
    /// Seconds that the clock for TSIG is ahead of the true one.
    pub clock_offset: i64,
    /// TCP connections are closed at once.
    pub refuse_tcp: bool,
}

/// Instead of the right answer.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum DnsFault {
    /// No answer at all.
    Drop,
    /// RCODE 2.
    Servfail,
    /// RCODE 5.
    Refused,
}

/// What goes wrong with an update.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum UpdateFault {
    /// It is not carried out and not answered.
    Drop,
    /// It is carried out, but the answer is lost.
    LoseAnswer,
    /// RCODE 2, not carried out.
    Servfail,
    /// RCODE 5, not carried out.
    Refused,
}

impl DnsFault {
    pub(super) fn code(self) -> Option<ResponseCode> {
        match self {
            DnsFault::Drop => None,
            DnsFault::Servfail => Some(ResponseCode::ServFail),
            DnsFault::Refused => Some(ResponseCode::Refused),
        }
    }
}
