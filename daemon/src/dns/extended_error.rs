//! Why a resolver failed, in its own words (RFC 8914).

use std::fmt;

use hickory_proto::{
    op::Edns,
    rr::rdata::opt::{EdnsCode, EdnsOption},
};
use serde::{Deserialize, Serialize};

/// The option's number.
const OPTION: u16 = 15;
/// Most that is shown of a resolver's own words.
const MAX_TEXT: usize = 200;

/// What a server adds to its response code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExtendedError {
    /// The INFO-CODE.
    pub code: u16,
    /// The EXTRA-TEXT, made safe for a terminal; mostly empty.
    pub text: String,
}

impl ExtendedError {
    /// The first one of an answer: resolvers that send several begin with the cause.
    pub(super) fn of(edns: &Edns) -> Option<Self> {
        let EdnsOption::Unknown(_, octets) = edns.option(EdnsCode::from(OPTION))? else {
            return None;
        };
        let (code, text) = octets.split_first_chunk::<2>()?;
        let text = String::from_utf8_lossy(text);
        let shown =
            |c: &char| !c.is_control() && !matches!(c, '\u{200e}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        Some(ExtendedError {
            code: u16::from_be_bytes(*code),
            text: text.chars().filter(shown).take(MAX_TEXT).collect(),
        })
    }

    /// The code's name in IANA's registry.
    pub fn name(&self) -> Option<&'static str> {
        NAMES.get(usize::from(self.code)).copied()
    }
}

impl fmt::Display for ExtendedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(f, "{name} (EDE {})", self.code)?,
            None => write!(f, "EDE {}", self.code)?,
        }
        if self.text.is_empty() {
            return Ok(());
        }
        write!(f, ": {}", self.text)
    }
}

/// IANA, "Extended DNS Error Codes", by number.
const NAMES: [&str; 31] = [
    "Other Error",
    "Unsupported DNSKEY Algorithm",
    "Unsupported DS Digest Type",
    "Stale Answer",
    "Forged Answer",
    "DNSSEC Indeterminate",
    "DNSSEC Bogus",
    "Signature Expired",
    "Signature Not Yet Valid",
    "DNSKEY Missing",
    "RRSIGs Missing",
    "No Zone Key Bit Set",
    "NSEC Missing",
    "Cached Error",
    "Not Ready",
    "Blocked",
    "Censored",
    "Filtered",
    "Prohibited",
    "Stale NXDomain Answer",
    "Not Authoritative",
    "Not Supported",
    "No Reachable Authority",
    "Network Error",
    "Invalid Data",
    "Signature Expired before Valid",
    "Too Early",
    "Unsupported NSEC3 Iterations Value",
    "Unable to conform to policy",
    "Synthesized",
    "Invalid Query Type",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn of(octets: &[u8]) -> Option<ExtendedError> {
        let mut edns = Edns::new();
        edns.options_mut()
            .insert(EdnsOption::Unknown(OPTION, octets.to_vec()));
        ExtendedError::of(&edns)
    }

    #[test]
    fn a_code_is_shown_with_its_name_and_the_resolvers_words() {
        let shown = |octets: &[u8]| of(octets).map(|error| error.to_string());
        assert_eq!(shown(&[0, 7]).as_deref(), Some("Signature Expired (EDE 7)"));
        assert_eq!(
            shown(b"\0\x06no \x1b[2Jkeys\xff").as_deref(),
            Some("DNSSEC Bogus (EDE 6): no [2Jkeys\u{fffd}")
        );
        assert_eq!(shown(&[1, 0]).as_deref(), Some("EDE 256"));
        assert_eq!(shown(&[0]), None);
        assert_eq!(ExtendedError::of(&Edns::new()), None);
    }
}
