//! Which names this CA takes.

use super::knobs::{CaKnobs, NameStage};
use super::problem::{ProblemType, Subproblem};

/// What stands against a name in an order.
pub(super) fn objection(name: &str, knobs: &CaKnobs) -> Option<Subproblem> {
    let object = |kind, detail: String| {
        Some(Subproblem {
            kind,
            detail,
            name: name.to_owned(),
        })
    };
    if let Some(problem) = knobs.name_problem(name, NameStage::NewOrder) {
        return object(problem.problem, problem.detail.clone());
    }
    syntax_fault(name).and_then(|fault| object(ProblemType::RejectedIdentifier, fault.to_owned()))
}

/// Lower-case LDH labels, at least two, a wildcard only as the whole first label.
fn syntax_fault(name: &str) -> Option<&'static str> {
    let base = name.strip_prefix("*.").unwrap_or(name);
    if base.len() > 253 {
        return Some("the name is longer than 253 bytes");
    }
    let labels: Vec<&str> = base.split('.').collect();
    if labels.len() < 2 {
        return Some("the name needs at least one dot");
    }
    for label in &labels {
        if label.is_empty() || label.len() > 63 {
            return Some("a label is empty or longer than 63 bytes");
        }
        if !label
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        {
            return Some("a label has bytes other than a-z, 0-9 and `-`");
        }
        if label.starts_with('-') || label.ends_with('-') {
            return Some("a label begins or ends with `-`");
        }
    }
    // what looks like an IPv4 address is not a DNS name
    labels
        .last()?
        .bytes()
        .all(|byte| byte.is_ascii_digit())
        .then_some("the last label is a number")
}
