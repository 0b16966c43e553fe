//! RFC 2136: the prerequisites, the prescan and the change itself. Pure: a zone in, a zone out.

use std::collections::BTreeMap;

use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::{DNSClass, Name, RData, Record, RecordType};

use super::history::Change;
use super::plain;
use super::policy::UpdatePolicy;
use super::zone::{Zone, shown};

/// A change that was accepted.
#[derive(Debug)]
pub(super) struct Applied {
    /// The zone afterwards, its serial raised if anything changed.
    pub(super) zone: Zone,
    pub(super) changed: bool,
}

/// Carries out the update section of `message` on `zone`, all or nothing.
///
/// # Errors
/// The response code that RFC 2136 gives for the first thing that stands against it.
pub(super) fn apply(zone: &Zone, message: &Message, policy: &UpdatePolicy) -> Result<Applied, ResponseCode> {
    prerequisites(zone, &message.answers)?;
    // section 3.3 places permission after the prerequisites and before the prescan
    if message
        .authorities
        .iter()
        .any(|record| !policy.allows(&record.name, record.record_type()))
    {
        return Err(ResponseCode::Refused);
    }
    prescan(zone, &message.authorities)?;

    let mut after = zone.clone();
    let mut changed = false;
    for record in &message.authorities {
        changed |= change(&mut after, record);
    }
    if changed {
        after.bump_serial();
    }
    Ok(Applied { zone: after, changed })
}

/// What the update asks for, for the history.
pub(super) fn described(message: &Message) -> Vec<Change> {
    let describe = |record: &Record| {
        let name = plain(&record.name);
        let record_type = record.record_type().to_string();
        match (record.dns_class, record.record_type()) {
            (DNSClass::ANY, RecordType::ANY) => Change::DeleteName { name },
            (DNSClass::ANY, _) => Change::DeleteSet { name, record_type },
            (DNSClass::NONE, _) => Change::Delete {
                name,
                record_type,
                value: shown(&record.data),
            },
            _ => Change::Add {
                name,
                record_type,
                value: shown(&record.data),
            },
        }
    };
    message.authorities.iter().map(describe).collect()
}

/// Section 3.2.5.
fn prerequisites(zone: &Zone, records: &[Record]) -> Result<(), ResponseCode> {
    let mut wanted: BTreeMap<(Name, RecordType), Vec<&RData>> = BTreeMap::new();
    for record in records {
        if record.ttl != 0 {
            return Err(ResponseCode::FormErr);
        }
        if !zone.origin.zone_of(&record.name) {
            return Err(ResponseCode::NotZone);
        }
        let kind = record.record_type();
        let in_use = zone.nodes.contains_key(&record.name);
        let set_exists = zone.set(&record.name, kind).is_some();
        match record.dns_class {
            DNSClass::ANY | DNSClass::NONE if !record.data.is_empty() => return Err(ResponseCode::FormErr),
            DNSClass::ANY if kind == RecordType::ANY && !in_use => return Err(ResponseCode::NXDomain),
            DNSClass::ANY if kind != RecordType::ANY && !set_exists => return Err(ResponseCode::NXRRSet),
            DNSClass::NONE if kind == RecordType::ANY && in_use => return Err(ResponseCode::YXDomain),
            DNSClass::NONE if kind != RecordType::ANY && set_exists => return Err(ResponseCode::YXRRSet),
            DNSClass::ANY | DNSClass::NONE => {}
            DNSClass::IN => wanted
                .entry((record.name.clone(), kind))
                .or_default()
                .push(&record.data),
            _ => return Err(ResponseCode::FormErr),
        }
    }
    for ((name, kind), data) in wanted {
        let found = zone
            .set(&name, kind)
            .map(|set| set.data.as_slice())
            .unwrap_or_default();
        if found.len() != data.len() || !data.iter().all(|wanted| found.contains(wanted)) {
            return Err(ResponseCode::NXRRSet);
        }
    }
    Ok(())
}

/// Section 3.4.1.3.
fn prescan(zone: &Zone, records: &[Record]) -> Result<(), ResponseCode> {
    for record in records {
        if !zone.origin.zone_of(&record.name) {
            return Err(ResponseCode::NotZone);
        }
        let kind = record.record_type();
        let is_meta = matches!(kind, RecordType::AXFR | RecordType::IXFR | RecordType::OPT);
        let bad = match record.dns_class {
            DNSClass::IN => is_meta || kind == RecordType::ANY || record.data.is_empty(),
            DNSClass::ANY => is_meta || record.ttl != 0 || !record.data.is_empty(),
            DNSClass::NONE => is_meta || kind == RecordType::ANY || record.ttl != 0,
            _ => true,
        };
        if bad {
            return Err(ResponseCode::FormErr);
        }
    }
    Ok(())
}

/// Section 3.4.2.7. Says whether the zone differs afterwards.
fn change(zone: &mut Zone, record: &Record) -> bool {
    match record.dns_class {
        DNSClass::IN => add(zone, record),
        DNSClass::ANY => delete_sets(zone, &record.name, record.record_type()),
        DNSClass::NONE => delete_one(zone, record),
        // the prescan let no other class pass
        _ => false,
    }
}

fn add(zone: &mut Zone, record: &Record) -> bool {
    let kind = record.record_type();
    if kind == RecordType::SOA {
        // the serial is the lab's own business
        return false;
    }
    // section 3.4.2.2: an alias stands alone at its name; a conflicting addition is ignored silently
    if let Some(node) = zone.nodes.get(&record.name) {
        let conflicts = match kind {
            RecordType::CNAME => node.keys().any(|found| *found != RecordType::CNAME),
            _ => node.contains_key(&RecordType::CNAME),
        };
        if conflicts {
            return false;
        }
    }
    let same = zone
        .set(&record.name, kind)
        .is_some_and(|set| set.ttl == record.ttl && set.data.contains(&record.data));
    if kind == RecordType::CNAME {
        // a second alias replaces the first
        zone.nodes.remove(&record.name);
    }
    zone.insert(record.name.clone(), record.ttl, record.data.clone());
    !same
}

fn delete_sets(zone: &mut Zone, name: &Name, kind: RecordType) -> bool {
    let is_apex = *name == zone.origin;
    let Some(node) = zone.nodes.get_mut(name) else {
        return false;
    };
    let before = node.len();
    node.retain(|found, _| {
        let asked = kind == RecordType::ANY || *found == kind;
        let protected = is_apex && matches!(*found, RecordType::SOA | RecordType::NS);
        !asked || protected
    });
    let changed = node.len() != before;
    forget_if_empty(zone, name);
    changed
}

fn delete_one(zone: &mut Zone, record: &Record) -> bool {
    let kind = record.record_type();
    let is_apex = record.name == zone.origin;
    let Some(node) = zone.nodes.get_mut(&record.name) else {
        return false;
    };
    let Some(set) = node.get_mut(&kind) else {
        return false;
    };
    // an SOA is never deleted, nor the apex's last NS
    if kind == RecordType::SOA || (is_apex && kind == RecordType::NS && set.data.len() == 1) {
        return false;
    }
    let before = set.data.len();
    set.data.retain(|data| *data != record.data);
    let changed = set.data.len() != before;
    if set.data.is_empty() {
        node.remove(&kind);
    }
    forget_if_empty(zone, &record.name);
    changed
}

fn forget_if_empty(zone: &mut Zone, name: &Name) {
    if zone.nodes.get(name).is_some_and(BTreeMap::is_empty) {
        zone.nodes.remove(name);
    }
}

/// RDLENGTH 0, which RFC 2136 gives meanings of its own.
trait Emptiness {
    fn is_empty(&self) -> bool;
}

impl Emptiness for RData {
    fn is_empty(&self) -> bool {
        matches!(self, RData::Update0(_))
    }
}

#[cfg(test)]
mod tests;
