//! What an authoritative server answers: RFC 1034 section 4.3.2, wildcards as RFC 4592, negative answers
//! as RFC 2308. Pure.

use hickory_proto::op::ResponseCode;
use hickory_proto::rr::{Name, RData, Record, RecordType};

use super::catalog::Catalog;
use super::zone::{Node, Zone};

/// Aliases followed in one answer; BIND stops at 16 as well.
const MAX_ALIASES: usize = 16;

/// The sections of an answer.
#[derive(Debug, Default)]
pub(super) struct Answer {
    pub(super) code: ResponseCode,
    pub(super) authoritative: bool,
    pub(super) answers: Vec<Record>,
    pub(super) authorities: Vec<Record>,
    pub(super) additionals: Vec<Record>,
}

/// Answers a question from the zones of `catalog`.
pub(super) fn answer(catalog: &Catalog, name: &Name, record_type: RecordType) -> Answer {
    let mut answer = Answer::default();
    let mut owner = name.clone();
    for followed in 0..=MAX_ALIASES {
        let Some(zone) = catalog.holding(&owner) else {
            // an alias out of our zones: the rest is the resolver's work
            if followed == 0 {
                answer.code = ResponseCode::Refused;
            }
            return answer;
        };
        if let Some(cut) = delegation(zone, &owner, record_type) {
            refer(&mut answer, zone, &cut, followed);
            return answer;
        }
        answer.authoritative = true;
        let Some(node) = find(zone, &owner) else {
            if !zone.exists(&owner) {
                answer.code = ResponseCode::NXDomain;
            }
            answer.authorities.extend(negative_soa(zone));
            return answer;
        };
        if let Some(target) = alias(node, record_type) {
            answer.answers.extend(node[&RecordType::CNAME].records(&owner));
            owner = target;
            continue;
        }
        let before = answer.answers.len();
        let sets = node
            .iter()
            .filter(|(kind, _)| record_type == RecordType::ANY || **kind == record_type);
        answer
            .answers
            .extend(sets.flat_map(|(_, set)| set.records(&owner)));
        if answer.answers.len() == before {
            answer.authorities.extend(negative_soa(zone));
        }
        return answer;
    }
    // a loop of aliases: what was gathered is the truth
    answer
}

/// The node that answers for `owner`: its own, or the wildcard of its closest encloser.
fn find<'z>(zone: &'z Zone, owner: &Name) -> Option<&'z Node> {
    if let Some(node) = zone.nodes.get(owner) {
        return Some(node);
    }
    if zone.exists(owner) {
        // an empty non-terminal exists, so no wildcard covers it (RFC 4592 section 2.2.2)
        return None;
    }
    let mut encloser = owner.base_name();
    while !zone.exists(&encloser) && !encloser.is_root() {
        encloser = encloser.base_name();
    }
    zone.nodes.get(&encloser.prepend_label("*").ok()?)
}

/// The topmost zone cut at or above `owner`, unless the question belongs to the parent's side (DS).
fn delegation(zone: &Zone, owner: &Name, record_type: RecordType) -> Option<Name> {
    (zone.origin.num_labels_with_wildcard() + 1..=owner.num_labels_with_wildcard())
        .map(|labels| owner.trim_to(labels))
        .find(|name| zone.set(name, RecordType::NS).is_some())
        .filter(|cut| !(cut == owner && record_type == RecordType::DS))
}

fn refer(answer: &mut Answer, zone: &Zone, cut: &Name, followed: usize) {
    // after an alias the answer section is still ours to vouch for
    answer.authoritative = followed > 0;
    let Some(set) = zone.set(cut, RecordType::NS) else {
        return;
    };
    answer.authorities.extend(set.records(cut));
    for data in &set.data {
        let RData::NS(server) = data else { continue };
        for kind in [RecordType::A, RecordType::AAAA] {
            if let Some(glue) = zone.set(&server.0, kind) {
                answer.additionals.extend(glue.records(&server.0));
            }
        }
    }
}

fn alias(node: &Node, record_type: RecordType) -> Option<Name> {
    if matches!(record_type, RecordType::CNAME | RecordType::ANY) {
        return None;
    }
    match node.get(&RecordType::CNAME)?.data.first() {
        Some(RData::CNAME(target)) => Some(target.0.clone()),
        _ => None,
    }
}

/// RFC 2308 section 3: the TTL of a negative answer is the smaller of the SOA's own and its MINIMUM.
fn negative_soa(zone: &Zone) -> Option<Record> {
    let (soa, ttl) = zone.soa()?;
    Some(Record::from_rdata(
        zone.origin.clone(),
        ttl.min(soa.minimum),
        RData::SOA(soa.clone()),
    ))
}

/// `Name::num_labels` leaves a leading `*` out, which is right for RRSIG and wrong for walking a tree.
trait LabelCount {
    fn num_labels_with_wildcard(&self) -> usize;
}

impl LabelCount for Name {
    fn num_labels_with_wildcard(&self) -> usize {
        self.iter().len()
    }
}

#[cfg(test)]
mod tests;
