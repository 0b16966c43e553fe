//! Finding the zone of a name at the server itself.
//!
//! Not in public DNS: the server may be a hidden primary, or serve a zone that the
//! rest of the world sees otherwise.

use std::collections::HashSet;

use dns01_plugin_api::Call;
use hickory_proto::op::{Message, OpCode, Query, ResponseCode};
use hickory_proto::rr::{Name, RecordType};
use parking_lot::Mutex;

use crate::client::Client;
use crate::error::Error;

/// Most zones remembered; a daemon with more asks again.
const REMEMBERED: usize = 10_000;

/// What a server says of one name.
enum Said {
    /// It holds this zone, and the name is in it.
    Zone(Name),
    /// It hands the name on to others at this cut.
    Delegated(Name),
    /// It has nothing to do with the name.
    Nothing,
}

/// Zones that the servers were seen to hold.
#[derive(Debug, Default)]
pub(crate) struct Zones {
    held: Mutex<HashSet<Name>>,
}

impl Zones {
    /// The zone of `fqdn`: `hint` if the server holds that, else what it says when
    /// asked for the SOA of the name and its parents in turn.
    pub(crate) fn find(
        &self,
        client: &Client,
        call: &Call<'_>,
        fqdn: &Name,
        hint: Option<&Name>,
    ) -> Result<Name, Error> {
        if let Some(hint) = hint.filter(|hint| hint.zone_of(fqdn)) {
            if self.held.lock().contains(hint) {
                return Ok(hint.clone());
            }
            let (said, _) = ask(client, call, hint)?;
            if let Said::Zone(zone) = said
                && zone == *hint
            {
                return Ok(self.remember(zone));
            }
        }
        let mut candidate = fqdn.clone();
        loop {
            let (said, server) = ask(client, call, &candidate)?;
            match said {
                Said::Zone(zone) => return Ok(self.remember(zone)),
                Said::Delegated(cut) => {
                    return Err(Error::Delegated {
                        server,
                        fqdn: shown(fqdn),
                        cut: shown(&cut),
                    });
                }
                Said::Nothing if candidate.num_labels() <= 1 => {
                    return Err(Error::NotServed {
                        server,
                        fqdn: shown(fqdn),
                    });
                }
                Said::Nothing => candidate = candidate.base_name(),
            }
        }
    }

    /// The server did not hold it after all, or not any more.
    pub(crate) fn forget(&self, zone: &Name) {
        self.held.lock().remove(zone);
    }

    fn remember(&self, zone: Name) -> Name {
        let mut held = self.held.lock();
        if held.len() >= REMEMBERED {
            held.clear();
        }
        held.insert(zone.clone());
        zone
    }
}

/// A query for the SOA of a name, without recursion.
pub(crate) fn soa_query(name: &Name) -> Message {
    let mut query = Message::query();
    query.metadata.op_code = OpCode::Query;
    query.metadata.recursion_desired = false;
    query.add_query(Query::query(name.clone(), RecordType::SOA));
    query
}

/// What the server says of a name, and who it is.
fn ask(client: &Client, call: &Call<'_>, name: &Name) -> Result<(Said, String), Error> {
    let answer = match client.ask(call, &soa_query(name)) {
        Ok(answer) => answer,
        // Knot DNS has no zone to verify the signature by, and so gives none itself. Whoever
        // lies here makes us ask for a zone above, whose answer has to be signed again
        Err(Error::Unsigned {
            server,
            code: ResponseCode::Refused,
            ..
        }) => return Ok((Said::Nothing, server)),
        Err(error) => return Err(error),
    };
    let said = match answer.code() {
        ResponseCode::NoError | ResponseCode::NXDomain => read(&answer.message, name),
        // it answers for what it holds and refuses the rest
        ResponseCode::Refused | ResponseCode::NotAuth => Said::Nothing,
        code => {
            let key = client.key.as_ref().map(|key| key.name().to_owned());
            return Err(Error::Refused {
                server: answer.server,
                zone: shown(name),
                key,
                code,
            });
        }
    };
    Ok((said, answer.server))
}

fn read(message: &Message, name: &Name) -> Said {
    let holds = |zone: &Name| zone.zone_of(name);
    if message.metadata.authoritative {
        // in the answer: the name is the apex; in the authority section of a negative
        // answer: the apex above it (RFC 2308 section 3)
        let apex = message
            .answers
            .iter()
            .chain(&message.authorities)
            .find(|record| record.record_type() == RecordType::SOA && holds(&record.name));
        return apex.map_or(Said::Nothing, |record| Said::Zone(record.name.to_lowercase()));
    }
    let cut = message.authorities.iter().find(|record| {
        // a referral to the root is how some servers say that they know nothing
        record.record_type() == RecordType::NS && !record.name.is_root() && holds(&record.name)
    });
    match cut {
        Some(record) if message.answers.is_empty() => Said::Delegated(record.name.to_lowercase()),
        _ => Said::Nothing,
    }
}

/// A name as people write it: without the trailing dot.
pub(crate) fn shown(name: &Name) -> String {
    if name.is_root() {
        ".".to_owned()
    } else {
        name.to_ascii().trim_end_matches('.').to_owned()
    }
}
