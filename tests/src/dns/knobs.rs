//! Faults on demand, changed while the server runs.

use std::time::Duration;

use hickory_proto::op::ResponseCode;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

/// What one server does wrong. The default does nothing wrong.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct DnsKnobs {
    /// Every answer waits this long.
    pub answer_delay: Duration,
    /// Questions are answered from the zones as they were this long ago: a slow secondary.
    pub lag: Duration,
    /// Instead of answering a question.
    pub query_fault: Option<DnsFault>,
    /// Instead of carrying out an update, or after it.
    pub update_fault: Option<UpdateFault>,
    /// Every UDP answer comes truncated, so that the client must come again over TCP.
    pub truncate_udp: bool,
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

/// Knobs that can be turned while others read them.
#[derive(Debug, Default)]
pub struct KnobCell<K>(Mutex<K>);

impl<K: Clone> KnobCell<K> {
    /// Starts from `knobs`.
    pub fn new(knobs: K) -> Self {
        KnobCell(Mutex::new(knobs))
    }

    /// As they stand.
    pub fn current(&self) -> K {
        self.0.lock().clone()
    }

    /// Turns them; the next request sees it. Gives back what the closure gives.
    pub fn update<T>(&self, turn: impl FnOnce(&mut K) -> T) -> T {
        turn(&mut self.0.lock())
    }
}
