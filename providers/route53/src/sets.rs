//! Reading what stands at names.

use std::collections::BTreeMap;

use aws_sdk_route53::Client;
use aws_sdk_route53::types::{ResourceRecordSet, RrType};

use crate::aws::{self, LIST_SETS};
use crate::error::Error;
use crate::name::{order, plain};
use crate::record_set::{Found, TxtSet};
use crate::zones::Zone;

/// Most sets of one page (Route 53's own limit).
const PAGE: i32 = 300;

/// How names are read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Reading {
    /// As many as stand together on a page: in a zone of usual size one request for all.
    Pages,
    /// Each by itself, which does not lean on the order of names.
    Each,
}

/// What stands at each of the names. Route 53 answers with the newest state, changes that have
/// not reached its name servers included.
pub(crate) async fn read(
    client: &Client,
    zone: &Zone,
    names: impl IntoIterator<Item = &str>,
    reading: Reading,
) -> Result<BTreeMap<String, Found>, Error> {
    let mut found: BTreeMap<String, Found> = BTreeMap::new();
    let mut left: BTreeMap<String, &str> = names.into_iter().map(|name| (order(name), name)).collect();
    while let Some((_, first)) = left.pop_first() {
        let each = reading == Reading::Each;
        let page = client
            .list_resource_record_sets()
            .hosted_zone_id(&zone.id)
            .start_record_name(first)
            // also what excludes a TXT is of interest; without it CREATE tells
            .set_start_record_type(each.then_some(RrType::Txt))
            .max_items(PAGE)
            .send()
            .await
            .map_err(|error| aws::failure(&error, LIST_SETS, &zone.shown()))?;
        let mut at = BTreeMap::from([(first, Found::Nothing)]);
        if !each {
            // what sorts before the next page is on this one, or is not there
            let next = page.next_record_name().filter(|_| page.is_truncated());
            let next = next.map(|name| order(&plain(name)));
            while let Some(entry) = left.first_entry()
                && next.as_ref().is_none_or(|next| entry.key() < next)
            {
                at.insert(entry.remove(), Found::Nothing);
            }
        }
        for set in page.resource_record_sets() {
            if let Some(found) = at.get_mut(plain(set.name()).as_str()) {
                add(found, set);
            }
        }
        found.extend(at.into_iter().map(|(name, found)| (name.to_owned(), found)));
    }
    Ok(found)
}

/// Counts a set of the name in.
fn add(found: &mut Found, set: &ResourceRecordSet) {
    let values = || {
        set.resource_records()
            .iter()
            .map(|record| record.value().to_owned())
    };
    match (set.r#type(), set.set_identifier()) {
        (RrType::Cname, _) => *found = Found::Cname,
        (RrType::Txt, Some(identifier)) => match found {
            Found::Routed { values: all, .. } => all.extend(values()),
            _ => {
                *found = Found::Routed {
                    identifier: identifier.to_owned(),
                    values: values().collect(),
                }
            }
        },
        (RrType::Txt, None) => {
            *found = match (set.alias_target(), set.ttl()) {
                (None, Some(ttl)) => Found::Set(TxtSet {
                    ttl,
                    values: values().collect(),
                }),
                _ => Found::Alias,
            }
        }
        _ => {}
    }
}
