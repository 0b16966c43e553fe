//! The TXT record set of a name, and what becomes of it.

use crate::error::Error;
use crate::txt;

/// Most values of one set (Route 53 quota, cannot be raised).
const VALUES: usize = 400;
/// Most values in one change batch (Route 53 quota, cannot be raised).
const BATCH_VALUES: usize = 1000;
/// Most characters of all values in one change batch (Route 53 quota, cannot be raised).
const BATCH_CHARACTERS: usize = 32_000;
/// Largest TTL (RFC 2181 section 8).
const TTL_MAX: u32 = 0x7fff_ffff;

/// A set as it stands, byte for byte: what is to be replaced is named by its whole content.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct TxtSet {
    /// Seconds.
    pub ttl: i64,
    /// Quoted, in the order of the answer.
    pub values: Vec<String>,
}

/// What stands at a name.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) enum Found {
    /// No TXT, nor anything that excludes it.
    #[default]
    Nothing,
    /// One simple set.
    Set(TxtSet),
    /// A CNAME, beside which no other record can stand (RFC 1034 section 3.6.2).
    Cname,
    /// TXT as an alias of another set.
    Alias,
    /// TXT sets under a routing policy, with all their values.
    Routed {
        /// The set identifier of one of them.
        identifier: String,
        /// Of all of them, quoted.
        values: Vec<String>,
    },
}

/// What becomes of the values of a call.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Change {
    /// They are added.
    Add,
    /// They are taken away.
    Remove,
}

/// A value of the call at some name.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Want<'a> {
    /// Its place in the call.
    pub index: usize,
    /// The text, not quoted.
    pub value: &'a str,
    /// For a set that does not exist yet, in seconds.
    pub ttl: u32,
}

/// One name's part of a change batch: the old set as it was read goes, the new one comes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Edit {
    /// The name.
    pub fqdn: String,
    /// As it was read.
    pub old: Option<TxtSet>,
    /// As it shall be.
    pub new: Option<TxtSet>,
    /// Places in the call of the values that this changes.
    pub changed: Vec<usize>,
    /// Places in the call of the values that are as wanted already.
    pub unchanged: Vec<usize>,
}

impl Edit {
    /// What it takes of a batch: values, characters.
    fn weight(&self) -> (usize, usize) {
        let sets = || self.old.iter().chain(&self.new);
        let values = sets().map(|set| set.values.len()).sum();
        let characters = sets()
            .flat_map(|set| &set.values)
            .map(|value| value.chars().count())
            .sum();
        (values, characters)
    }
}

/// What must change at a name so that the wanted values are there, or are not; an edit
/// without sets if nothing must.
///
/// # Errors
/// What stands there cannot hold them, or is not ours to change.
pub(crate) fn plan(fqdn: &str, found: &Found, change: Change, wants: &[Want<'_>]) -> Result<Edit, Error> {
    let fqdn = || fqdn.to_owned();
    let old = match (found, change) {
        (Found::Nothing, _) | (Found::Cname | Found::Alias, Change::Remove) => None,
        (Found::Set(set), _) => Some(set.clone()),
        (Found::Cname, Change::Add) => return Err(Error::Cname { fqdn: fqdn() }),
        (Found::Alias, Change::Add) => return Err(Error::Alias { fqdn: fqdn() }),
        (Found::Routed { identifier, values }, _) => {
            let holds = |want: &Want<'_>| values.iter().any(|value| is(value, want.value));
            if change == Change::Add || wants.iter().any(holds) {
                let identifier = identifier.clone();
                return Err(Error::Routed {
                    fqdn: fqdn(),
                    identifier,
                });
            }
            None
        }
    };
    let mut values = old.as_ref().map_or_else(Vec::new, |set| set.values.clone());
    let (mut changed, mut unchanged) = (Vec::new(), Vec::new());
    for want in wants {
        let before = values.len();
        match change {
            Change::Add if values.iter().any(|value| is(value, want.value)) => {}
            Change::Add => values.push(txt::quote(want.value).ok_or_else(|| Error::NoRecord {
                fqdn: fqdn(),
                len: want.value.len(),
            })?),
            Change::Remove => values.retain(|value| !is(value, want.value)),
        }
        if values.len() == before {
            &mut unchanged
        } else {
            &mut changed
        }
        .push(want.index);
    }
    if changed.is_empty() {
        return Ok(Edit {
            fqdn: fqdn(),
            old: None,
            new: None,
            changed,
            unchanged,
        });
    }
    let wanted = wants.iter().map(|want| want.ttl).min().unwrap_or(0);
    // a set has one TTL for all its values: that of others stays
    let ttl = old.as_ref().map_or(i64::from(wanted.min(TTL_MAX)), |set| set.ttl);
    let new = (!values.is_empty()).then_some(TxtSet { ttl, values });
    let edit = Edit {
        fqdn: fqdn(),
        old,
        new,
        changed,
        unchanged,
    };
    let too_many = edit.new.as_ref().is_some_and(|set| set.values.len() > VALUES);
    let (values, characters) = edit.weight();
    if change == Change::Add && too_many || values > BATCH_VALUES || characters > BATCH_CHARACTERS {
        let values = edit.old.map_or(0, |set| set.values.len());
        return Err(Error::Full { fqdn: fqdn(), values });
    }
    Ok(edit)
}

/// Divides edits into batches within the quotas, in their order.
pub(crate) fn batches(edits: Vec<Edit>) -> Vec<Vec<Edit>> {
    let mut batches: Vec<Vec<Edit>> = Vec::new();
    let (mut values, mut characters) = (0, 0);
    for edit in edits {
        let weight = edit.weight();
        values += weight.0;
        characters += weight.1;
        match batches.last_mut() {
            Some(batch) if values <= BATCH_VALUES && characters <= BATCH_CHARACTERS => batch.push(edit),
            _ => {
                (values, characters) = weight;
                batches.push(vec![edit]);
            }
        }
    }
    batches
}

/// Whether a value of the set is this text, however it is written.
fn is(value: &str, text: &str) -> bool {
    txt::unquote(value).is_some_and(|bytes| bytes == text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: &str = "_acme-challenge.example.test";

    fn set(values: &[&str]) -> TxtSet {
        let values = values.iter().map(|value| (*value).to_owned()).collect();
        TxtSet { ttl: 300, values }
    }

    fn wants<'a>(values: &[&'a str]) -> Vec<Want<'a>> {
        let want = |(index, value): (usize, &&'a str)| Want {
            index,
            value,
            ttl: 60,
        };
        values.iter().enumerate().map(want).collect()
    }

    fn planned(found: &Found, change: Change, values: &[&str]) -> Edit {
        plan(NAME, found, change, &wants(values)).expect("a plan")
    }

    #[test]
    fn values_are_added_to_those_of_others_whose_ttl_stays() {
        let edit = planned(
            &Found::Set(set(&[r#""foreign""#])),
            Change::Add,
            &["ours", "foreign"],
        );
        assert_eq!(edit.old, Some(set(&[r#""foreign""#])));
        assert_eq!(edit.new, Some(set(&[r#""foreign""#, r#""ours""#])));
        assert_eq!((edit.changed, edit.unchanged), (vec![0], vec![1]));
    }

    #[test]
    fn a_new_set_has_the_least_wanted_ttl() {
        let mut wanted = wants(&["a", "b"]);
        wanted[1].ttl = 30;
        let new = plan(NAME, &Found::Nothing, Change::Add, &wanted)
            .unwrap()
            .new
            .unwrap();
        assert_eq!(
            (new.ttl, new.values),
            (30, vec![r#""a""#.to_owned(), r#""b""#.to_owned()])
        );
    }

    #[test]
    fn the_last_value_takes_the_set_with_it_and_others_do_not() {
        let two = Found::Set(set(&[r#""ours""#, r#""foreign""#]));
        assert_eq!(
            planned(&two, Change::Remove, &["ours"]).new,
            Some(set(&[r#""foreign""#]))
        );
        let one = Found::Set(set(&[r#""ou" "rs""#]));
        let edit = planned(&one, Change::Remove, &["ours"]);
        assert_eq!((edit.old.is_some(), edit.new), (true, None));
    }

    #[test]
    fn what_is_as_wanted_changes_nothing() {
        let there = Found::Set(set(&[r#""ours""#]));
        let edit = planned(&there, Change::Add, &["ours"]);
        assert_eq!((edit.old, edit.new, edit.unchanged), (None, None, vec![0]));
        for found in [Found::Nothing, Found::Cname, Found::Alias, there] {
            let edit = planned(&found, Change::Remove, &["absent"]);
            assert_eq!(
                (edit.old, edit.new, edit.unchanged),
                (None, None, vec![0]),
                "{found:?}"
            );
        }
    }

    #[test]
    fn what_cannot_hold_a_value_is_refused_with_its_reason() {
        let routed = Found::Routed {
            identifier: "blue".to_owned(),
            values: vec![r#""ours""#.to_owned()],
        };
        let many: Vec<String> = (0..400).map(|n| format!("\"{n}\"")).collect();
        let full = Found::Set(TxtSet {
            ttl: 60,
            values: many,
        });
        for (found, change, word) in [
            (&Found::Cname, Change::Add, "CNAME"),
            (&Found::Alias, Change::Add, "alias"),
            (&routed, Change::Add, "blue"),
            (&routed, Change::Remove, "blue"),
            (&full, Change::Add, "400 values"),
        ] {
            let refused = plan(NAME, found, change, &wants(&["ours"]))
                .unwrap_err()
                .to_string();
            assert!(refused.contains(word) && refused.contains(NAME), "{refused}");
        }
        assert!(planned(&routed, Change::Remove, &["absent"]).old.is_none());
        assert!(plan(NAME, &Found::Nothing, Change::Add, &wants(&[&"v".repeat(5000)])).is_err());
    }

    #[test]
    fn batches_keep_to_both_quotas_and_to_the_order() {
        let edit = |at: usize, values: usize, length: usize| Edit {
            fqdn: at.to_string(),
            old: None,
            new: Some(TxtSet {
                ttl: 60,
                values: vec!["v".repeat(length); values],
            }),
            changed: vec![at],
            unchanged: Vec::new(),
        };
        let sizes = |edits: Vec<Edit>| batches(edits).iter().map(Vec::len).collect::<Vec<_>>();
        assert_eq!(sizes((0..5).map(|at| edit(at, 400, 10)).collect()), [2, 2, 1]);
        assert_eq!(sizes((0..5).map(|at| edit(at, 10, 1500)).collect()), [2, 2, 1]);
        assert_eq!(sizes((0..50).map(|at| edit(at, 1, 45)).collect()), [50]);
        assert!(sizes(Vec::new()).is_empty());
        let names: Vec<String> = batches((0..5).map(|at| edit(at, 400, 10)).collect())
            .concat()
            .into_iter()
            .map(|edit| edit.fqdn)
            .collect();
        assert_eq!(names, ["0", "1", "2", "3", "4"]);
    }
}
