//! Whether validating resolvers believe a zone (RFC 4035).
//!
//! A CA must not (CA/Browser Forum, since March 2026), and does not, look past signatures that do not hold. Nothing is
//! validated here: resolvers are asked for the zone's SOA with and without the CD bit (RFC 4035 3.2.2), and one that
//! fails only without it has found the zone bogus.

use std::fmt;

use futures_util::future::join_all;

use super::{
    answer::Answer,
    endpoint::Endpoint,
    extended_error::ExtendedError,
    failure::{Failure, QueryError, Rcode},
    question::{Checking, Kind, Question},
    resolver::{Found, ResolverError, Resolvers, join_texts},
};
use crate::types::DnsName;

/// What resolvers make of a zone's signatures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Security {
    /// Signed, and the signatures hold.
    Secure {
        /// Who says so.
        resolver: Endpoint,
    },
    /// Not signed, as far as its parent says: there is nothing to hold.
    Insecure {
        /// Who says so.
        resolver: Endpoint,
    },
    /// Every resolver that validates refuses it.
    Bogus(Vec<Refused>),
    /// Some refuse it, and another one believes it.
    Divided {
        /// Who does not.
        refused: Vec<Refused>,
        /// Who does.
        believes: Endpoint,
    },
    /// Nobody could tell.
    Unknown(Unsure),
}

/// A resolver that does not give what it finds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Which one.
    pub resolver: Endpoint,
    /// Why, if it says more than SERVFAIL.
    pub why: Option<ExtendedError>,
}

/// Why nobody could tell.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unsure {
    /// No resolver answers, with the CD bit or without.
    #[error("no resolver tells: {}", join_texts(.0))]
    NoAnswer(Vec<QueryError>),
    /// The parent says that the zone is signed, and the resolver does not say that it looked.
    #[error(
        "the zone is signed (ds), but {resolver} does not seem to validate, so what a CA makes of the signatures is \
         not known here: list a validating one in `resolvers`"
    )]
    NotValidating {
        /// Who was asked.
        resolver: Endpoint,
    },
    /// The resolver has not heard of the zone.
    #[error("{resolver} knows no zone {zone}")]
    NoZone {
        /// Who was asked.
        resolver: Endpoint,
        /// The apex.
        zone: DnsName,
    },
    /// The zone is at or below a challenge name, of which no resolver may hear.
    #[error(transparent)]
    NotAsked(ResolverError),
}

/// One resolver's word.
enum Word {
    Secure,
    Insecure,
    Refuses(Refused),
    Unsure(Unsure),
    Silent(QueryError),
}

/// Asks all the resolvers at once; nothing at or below `off_limits`.
pub(super) async fn security(resolvers: &Resolvers, zone: &DnsName, off_limits: &DnsName) -> Security {
    let question = Question::recursive(zone.clone(), Kind::Soa).checked(Checking::Wanted);
    if zone.is_within(off_limits) {
        let off_limits = off_limits.clone();
        return Security::Unknown(Unsure::NotAsked(ResolverError::OffLimits {
            question,
            off_limits,
        }));
    }
    let Found { endpoints, failures } = resolvers.servers(zone, off_limits).await;
    let words = endpoints.into_iter().map(|server| async {
        let word = word_of(resolvers, &server, &question).await;
        (server, word.unwrap_or_else(Word::Silent))
    });
    let mut words = join_all(words).await;
    let unfound = failures.into_iter();
    words.extend(unfound.map(|error| (error.server.clone(), Word::Silent(error))));
    conclude(words)
}

/// What a resolver refuses counts, unless another one knows better; that one cannot tell counts only where nobody can.
fn conclude(words: Vec<(Endpoint, Word)>) -> Security {
    let mut believes = None;
    let mut refused = Vec::new();
    let mut unsure = None;
    let mut silent = Vec::new();
    for (resolver, word) in words {
        match word {
            Word::Secure => believes = believes.or(Some((resolver, true))),
            Word::Insecure => believes = believes.or(Some((resolver, false))),
            Word::Refuses(one) => refused.push(one),
            Word::Unsure(one) => unsure = unsure.or(Some(one)),
            Word::Silent(error) => silent.push(error),
        }
    }
    match (refused.is_empty(), believes) {
        (true, Some((resolver, true))) => Security::Secure { resolver },
        (true, Some((resolver, false))) => Security::Insecure { resolver },
        (true, None) => Security::Unknown(unsure.unwrap_or(Unsure::NoAnswer(silent))),
        (false, Some((believes, _))) => Security::Divided { refused, believes },
        (false, None) => Security::Bogus(refused),
    }
}

async fn word_of(resolvers: &Resolvers, server: &Endpoint, question: &Question) -> Result<Word, QueryError> {
    let answer = resolvers.ask_one(server, question).await?;
    match answer.rcode {
        Rcode::NO_ERROR if answer.authenticated => Ok(Word::Secure),
        Rcode::NO_ERROR => unauthenticated(resolvers, server, question).await,
        Rcode::NX_DOMAIN => Ok(Word::Unsure(Unsure::NoZone {
            resolver: server.clone(),
            zone: question.name.clone(),
        })),
        Rcode::SERV_FAIL => failed(resolvers, server, question, answer).await,
        rcode => Err(of_code(server, question, rcode)),
    }
}

/// No signature was found good. Is there to be one?
async fn unauthenticated(
    resolvers: &Resolvers,
    server: &Endpoint,
    question: &Question,
) -> Result<Word, QueryError> {
    let question = Question {
        kind: Kind::Ds,
        ..question.clone()
    };
    let answer = resolvers.ask_one(server, &question).await?;
    if !answer.is_conclusive() {
        return Err(of_code(server, &question, answer.rcode));
    }
    let is_signed = answer.has(&question.name, Kind::Ds);
    // a resolver that finds the DS good and the zone not has a reason: an algorithm that nobody knows, say
    if is_signed && !answer.authenticated {
        return Ok(Word::Unsure(Unsure::NotValidating {
            resolver: server.clone(),
        }));
    }
    Ok(Word::Insecure)
}

/// Is it the signatures? A failure that comes and goes is not theirs, so that the resolver is asked once more.
async fn failed(
    resolvers: &Resolvers,
    server: &Endpoint,
    question: &Question,
    first: Answer,
) -> Result<Word, QueryError> {
    let unchecked = question.clone().checked(Checking::Disabled);
    let found = resolvers.ask_one(server, &unchecked).await?;
    if found.rcode != Rcode::NO_ERROR {
        return Err(of_code(server, &unchecked, found.rcode));
    }
    let again = resolvers.ask_one(server, question).await?;
    match again.rcode {
        Rcode::SERV_FAIL => Ok(Word::Refuses(Refused {
            resolver: server.clone(),
            why: again.extended_error.or(first.extended_error),
        })),
        Rcode::NO_ERROR if again.authenticated => Ok(Word::Secure),
        rcode => Err(of_code(server, question, rcode)),
    }
}

fn of_code(server: &Endpoint, question: &Question, rcode: Rcode) -> QueryError {
    QueryError {
        server: server.clone(),
        question: question.clone(),
        failure: Failure::Rcode(rcode),
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SERVFAIL from {}", self.resolver)?;
        match &self.why {
            Some(why) => write!(f, " ({why})"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
