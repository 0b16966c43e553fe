//! What a hostile CA can say, for the fuzzer and for the tests that run on its corpus.

use jiff::Timestamp;
use reqwest::header::{HeaderMap, HeaderValue, LINK};
use url::Url;

use super::{
    Authorization, Challenge, Directory, Order, Problem, link,
    printable::web_page,
    renewal_info::{RenewalInfoObject, Window},
    retry_after,
};
use crate::schedule;

/// A header or a body; the first octet says what it is read as.
pub(crate) fn said_by_a_ca(octets: &[u8]) {
    let Some((choice, said)) = octets.split_first() else {
        return;
    };
    match choice % 8 {
        0 => links(said),
        1 => retry_afters(said),
        2 => {
            if let Some(problem) = Problem::parse(said) {
                shown(&problem.to_string());
                assert!(problem.action_url().is_none_or(|page| web_page(page).is_some()));
            }
        }
        3 => {
            if let Ok(directory) = serde_json::from_slice::<Directory>(said) {
                let pages = [directory.meta.terms_of_service, directory.meta.website];
                pages.iter().flatten().for_each(|page| shown(page));
            }
        }
        4 => {
            if let Ok(order) = serde_json::from_slice::<Order>(said) {
                shown(&order.status.to_string());
                let _names: Vec<_> = order.identifiers().collect();
            }
        }
        5 => {
            if let Ok(authorization) = serde_json::from_slice::<Authorization>(said) {
                shown(&authorization.status.to_string());
                authorization.challenges.iter().for_each(challenge);
                let _name = authorization.identifier();
                if let Some(problem) = authorization.problem() {
                    shown(&problem.to_string());
                }
            }
        }
        6 => {
            if let Ok(read) = serde_json::from_slice::<Challenge>(said) {
                challenge(&read);
            }
        }
        _ => {
            if let Ok(object) = serde_json::from_slice::<RenewalInfoObject>(said)
                && object.is_window()
            {
                let Window { start, end } = object.suggested_window;
                let moment = schedule::Window { start, end }.pick(u64::MAX / 3);
                // it counts milliseconds
                assert!(start.as_millisecond() <= moment.as_millisecond() && moment <= end);
            }
        }
    }
}

fn links(said: &[u8]) {
    let of = Url::parse("https://ca.example/cert/1").expect("an address");
    let mut headers = HeaderMap::new();
    for line in said.split(|octet| *octet == b'\n') {
        if let Ok(value) = HeaderValue::from_bytes(line) {
            headers.append(LINK, value);
        }
    }
    let found = link::alternates(&headers, &of);
    assert!(found.len() <= link::MAX_ALTERNATES && !found.contains(&of));
}

fn retry_afters(said: &[u8]) {
    let Ok(said) = std::str::from_utf8(said) else {
        return;
    };
    let (value, date) = match said.split_once('\n') {
        Some((value, date)) => (value, Some(date)),
        None => (said, None),
    };
    let wait = retry_after::parse(value, date, Timestamp::UNIX_EPOCH);
    assert!(wait.is_none_or(|wait| wait <= retry_after::MAX));
}

fn challenge(challenge: &Challenge) {
    shown(&challenge.kind.to_string());
    if let Some(error) = &challenge.error {
        shown(&error.to_string());
    }
}

/// Nothing that a terminal would obey.
fn shown(text: &str) {
    let obeyed = |c: char| {
        c.is_control()
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    assert!(!text.contains(obeyed), "{text:?}");
}
