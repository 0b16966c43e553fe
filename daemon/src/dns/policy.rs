//! What an operator decides for the names of a zone.

use std::fmt;

/// What becomes of an alias (CNAME, DNAME) at a challenge name. A wildcard's is never followed, because it is gone once
/// a record stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Aliases {
    /// The record goes where it leads, as the CA looks there (RFC 8555 8.4).
    #[default]
    Follow,
    /// Nothing is published: whoever can write the alias decides who gets certificates.
    Refuse,
    /// The record goes to the challenge name itself: for aliases that are gone once a record stands, such as those that
    /// a name server makes up, each time to another target. One that stays hides the record (RFC 2181 10.1).
    Plain,
}

/// How many of a zone's servers must show a record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Agreement {
    /// All of them.
    #[default]
    All,
    /// More than half, and every one that answers. A CA asks any of them, and another one where it gets no answer; so
    /// a server that is dead or lame does no harm, and one that answers without the record does, however few they are.
    Quorum,
}

impl Aliases {
    /// As the configuration has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Aliases::Follow => "follow",
            Aliases::Refuse => "refuse",
            Aliases::Plain => "plain",
        }
    }
}

impl Agreement {
    /// As the configuration has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Agreement::All => "all",
            Agreement::Quorum => "quorum",
        }
    }
}

impl fmt::Display for Aliases {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Agreement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
