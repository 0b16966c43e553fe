//! How large the answer with a challenge's record becomes, with all that stands at its name already.

use super::{
    Failure, QueryError,
    location::{LocateError, Location},
    question::{Kind, Question, UDP_PAYLOAD},
    transport::Transport,
    zone::addresses_of,
};
use crate::dns::consult::first_usable;

/// Fixed header, question without its name, and the OPT record that says how much fits.
const FRAME: usize = 12 + 4 + 11;
/// Of a TXT record before its text: a pointer to the name, type, class, TTL, length.
const RECORD: usize = 12;
/// A character string has a length of one octet (RFC 1035 3.3).
const STRING: usize = 255;

/// The TXT records at a challenge's owner name before anything is published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Volume {
    /// Values that are there.
    pub values: usize,
    /// Octets of the answer as it is.
    pub octets: usize,
}

impl Volume {
    /// Largest answer that every path carries over UDP; beyond it a CA's resolver needs TCP.
    pub const UDP: usize = UDP_PAYLOAD as usize;
    /// Largest answer that there is: TCP's length has two octets.
    pub const MOST: usize = 65_535;

    /// Octets of the answer once `count` more values of `length` octets are there.
    pub fn with(&self, count: usize, length: usize) -> usize {
        self.octets + count * octets_of(length)
    }
}

/// Asks one authority: what stands there before an order is old, and so the same everywhere.
pub(super) async fn volume(
    transport: &dyn Transport,
    location: &Location,
    timeout: std::time::Duration,
) -> Result<Volume, LocateError> {
    let question = Question::authoritative(location.owner.clone(), Kind::Txt);
    let judge = |answer: super::Answer| match answer.authoritative {
        _ if !answer.is_conclusive() => Err(Failure::Rcode(answer.rcode)),
        false => Err(Failure::NotAuthoritative),
        true => Ok(answer.txt(&location.owner)),
    };
    let addresses = addresses_of(&location.servers);
    let asked = first_usable(transport, &addresses, &question, timeout, judge).await;
    let values = asked.map_err(|failures: Vec<QueryError>| LocateError::NoAuthority {
        zone: location.zone.clone(),
        name: location.owner.clone(),
        failures,
    })?;
    // on the wire a name has two octets more than in text
    let name = location.owner.as_str().len() + 2;
    Ok(Volume {
        values: values.len(),
        octets: FRAME + name + values.iter().map(|value| octets_of(value.len())).sum::<usize>(),
    })
}

fn octets_of(value: usize) -> usize {
    RECORD + value + value.div_ceil(STRING).max(1)
}
