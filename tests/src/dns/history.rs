//! What the server was asked, for tests to count.

use jiff::Timestamp;
use serde::Serialize;

/// Questions remembered; older ones are forgotten, so that a soak test does not grow.
const QUERIES_KEPT: usize = 100_000;

/// One change that an update asked for.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(tag = "change", rename_all = "kebab-case")]
pub enum Change {
    /// A record to be there.
    Add {
        /// Its owner.
        name: String,
        /// Its type.
        record_type: String,
        /// Its value; TXT strings are joined.
        value: String,
    },
    /// One exact record to go.
    Delete {
        /// Its owner.
        name: String,
        /// Its type.
        record_type: String,
        /// Its value.
        value: String,
    },
    /// All records of one type to go: values of others with them.
    DeleteSet {
        /// Their owner.
        name: String,
        /// Their type.
        record_type: String,
    },
    /// Everything at a name to go.
    DeleteName {
        /// The name.
        name: String,
    },
}

/// An update as it arrived, accepted or not.
#[derive(Clone, Debug, Serialize)]
pub struct UpdateSeen {
    /// When it was decided.
    pub at: Timestamp,
    /// The zone that it named.
    pub zone: String,
    /// The TSIG key that signed it.
    pub key: Option<String>,
    /// What it asked for, in order.
    pub changes: Vec<Change>,
    /// The answer: `NOERROR`, `REFUSED`..., also if a fault then kept it from being sent.
    pub code: String,
}

/// A question as it arrived.
#[derive(Clone, Debug, Serialize)]
pub struct QuerySeen {
    /// When.
    pub at: Timestamp,
    /// The name, lower case.
    pub name: String,
    /// The type.
    pub record_type: String,
    /// Whether it came over TCP.
    pub tcp: bool,
    /// The answer's code.
    pub code: String,
}

/// The memory of one server.
#[derive(Debug, Default)]
pub(super) struct History {
    pub(super) updates: Vec<UpdateSeen>,
    pub(super) queries: std::collections::VecDeque<QuerySeen>,
}

impl History {
    pub(super) fn remember_query(&mut self, query: QuerySeen) {
        if self.queries.len() == QUERIES_KEPT {
            self.queries.pop_front();
        }
        self.queries.push_back(query);
    }
}
