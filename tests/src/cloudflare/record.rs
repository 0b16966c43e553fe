//! A record: its form, its rules, how it is shown.

use std::net::{Ipv4Addr, Ipv6Addr};

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::Refusal;
use super::knobs::Knobs;
use super::zone::{Plan, Zone};
use crate::clock;
use crate::dns::character_strings;

/// Longest TTL, in seconds.
const MOST_TTL: u64 = 86_400;
/// Longest comment of a paid plan, in characters.
const PAID_COMMENT: usize = 500;
/// Most bytes of a record's data on the wire, by Cloudflare's documentation.
const WIRE: usize = 4_096;

/// A DNS record.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Record {
    /// 32 hexadecimal digits.
    pub id: String,
    /// `TXT`, ..
    pub kind: String,
    /// Whole, without a trailing dot.
    pub name: String,
    /// As it was given.
    pub content: String,
    /// In seconds; 1 is automatic.
    pub ttl: u64,
    /// For the people who look.
    pub comment: Option<String>,
    /// When it was made.
    pub created: Timestamp,
    /// When it was last changed.
    pub modified: Timestamp,
    proxied: bool,
    tags: Vec<String>,
}

/// A record as a request gives it; `PATCH` may leave out anything.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Body {
    pub name: Option<String>,
    #[serde(rename = "type")]
    pub kind: Option<String>,
    pub content: Option<String>,
    pub ttl: Option<u64>,
    pub proxied: Option<bool>,
    pub comment: Option<String>,
    pub tags: Option<Vec<String>>,
    /// Taken as Cloudflare takes them: none means anything for the types here.
    #[expect(dead_code, reason = "read to refuse malformed ones")]
    pub settings: Option<Settings>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "read to refuse others")]
pub(super) struct Settings {
    ipv4_only: Option<bool>,
    ipv6_only: Option<bool>,
}

impl Record {
    /// One that was there before.
    pub(super) fn foreign(kind: &str, name: &str, content: &str) -> Self {
        let now = clock::now();
        Self {
            id: new_id(),
            kind: kind.to_owned(),
            name: name.to_owned(),
            content: content.to_owned(),
            ttl: 1,
            comment: None,
            created: now,
            modified: now,
            proxied: false,
            tags: Vec::new(),
        }
    }

    /// A new record from a whole body.
    pub(super) fn create(zone: &Zone, knobs: &Knobs, body: Body) -> Result<Self, Refusal> {
        for (field, is_there) in [
            ("name", body.name.is_some()),
            ("type", body.kind.is_some()),
            ("content", body.content.is_some()),
            ("ttl", body.ttl.is_some()),
        ] {
            if !is_there {
                return Err(Refusal::schema(format!("field `{field}` is missing")));
            }
        }
        let mut record = Self::foreign("", "", "");
        record.change(zone, knobs, body)?;
        Ok(record)
    }

    /// Takes what the body has and checks the whole.
    pub(super) fn change(&mut self, zone: &Zone, knobs: &Knobs, body: Body) -> Result<(), Refusal> {
        if let Some(kind) = body.kind {
            if !self.kind.is_empty() && self.kind != kind {
                return Err(Refusal::schema("the type of a record cannot be changed"));
            }
            self.kind = kind;
        }
        if let Some(name) = body.name {
            self.name = full_name(&name, zone, knobs)?;
        }
        self.content = body.content.unwrap_or_else(|| self.content.clone());
        self.ttl = body.ttl.unwrap_or(self.ttl);
        self.proxied = body.proxied.unwrap_or(self.proxied);
        if let Some(comment) = body.comment {
            self.comment = (!comment.is_empty()).then_some(comment);
        }
        self.tags = body.tags.unwrap_or_else(|| self.tags.clone());
        self.modified = clock::now();
        self.check(zone, knobs)
    }

    fn check(&self, zone: &Zone, knobs: &Knobs) -> Result<(), Refusal> {
        let content = self.content.as_str();
        match self.kind.as_str() {
            "A" if content.parse::<Ipv4Addr>().is_err() => Err(Refusal::validation(
                9005,
                "Content for A record must be a valid IPv4 address.",
            )),
            "AAAA" if content.parse::<Ipv6Addr>().is_err() => Err(Refusal::validation(
                9006,
                "Content for AAAA record must be a valid IPv6 address.",
            )),
            "CNAME" if !is_name(content) => {
                Err(Refusal::validation(9007, "Content for CNAME record is invalid."))
            }
            "TXT" => check_txt(content),
            "A" | "AAAA" | "CNAME" => Ok(()),
            other => Err(Refusal::schema(format!(
                "this double has no records of type {other}"
            ))),
        }?;
        if self.kind == "TXT" && self.proxied {
            return Err(Refusal::validation(9004, "This record type cannot be proxied."));
        }
        if self.ttl != 1 && !(zone.least_ttl()..=MOST_TTL).contains(&self.ttl) {
            return Err(Refusal::validation(
                9021,
                "Invalid TTL. Must be between 60 and 86,400 seconds, or 1 for Automatic.",
            ));
        }
        let most = if zone.plan == Plan::Free {
            knobs.comment
        } else {
            PAID_COMMENT
        };
        if let Some(comment) = &self.comment {
            if comment.chars().count() > most {
                let words = format!("DNS record comment exceeds the maximum length of {most} characters.");
                return Err(Refusal::new(400, 9313, words));
            }
            if comment.contains(['\n', '\r']) {
                return Err(Refusal::validation(9314, "DNS record comment has a line break."));
            }
        }
        if zone.plan == Plan::Free && !self.tags.is_empty() {
            let words = format!(
                "DNS record has {} tags, exceeding the quota of 0.",
                self.tags.len()
            );
            return Err(Refusal::new(400, 9300, words));
        }
        Ok(())
    }

    /// Whether the two cannot stand together: the code and words that say why.
    pub(super) fn conflict(&self, other: &Self) -> Option<Refusal> {
        if self.id == other.id || self.name != other.name {
            return None;
        }
        if self.kind == other.kind && self.content == other.content {
            return Some(Refusal::new(400, 81058, "An identical record already exists."));
        }
        ((self.kind == "CNAME") != (other.kind == "CNAME") || self.kind == "CNAME").then(|| {
            Refusal::new(
                400,
                81053,
                "An A, AAAA, or CNAME record with that host already exists.",
            )
        })
    }

    /// As the API shows it.
    pub(super) fn shown(&self) -> Value {
        let proxiable = self.kind != "TXT";
        let mut shown = json!({
            "id": self.id, "name": self.name, "type": self.kind, "content": self.content,
            "proxiable": proxiable, "proxied": self.proxied, "ttl": self.ttl, "settings": {}, "meta": {},
            "comment": self.comment, "tags": self.tags,
            "created_on": self.created, "modified_on": self.modified,
        });
        if self.comment.is_some() {
            shown["comment_modified_on"] = json!(self.modified);
        }
        shown
    }
}

/// The text that DNS serves for TXT content: quoted strings joined, bare text as it is.
pub(super) fn served(content: &str) -> String {
    character_strings(content).map_or_else(|| content.to_owned(), |strings| strings.concat())
}

fn check_txt(content: &str) -> Result<(), Refusal> {
    if content.is_empty() || content.len() > WIRE {
        return Err(Refusal::validation(
            9009,
            "Content for TXT record is empty or too long.",
        ));
    }
    if content.starts_with('"') {
        let strings = character_strings(content).ok_or_else(|| {
            Refusal::validation(
                9010,
                "Content for TXT record has quotation marks that do not match.",
            )
        })?;
        if strings.iter().any(|string| string.len() > 255) {
            return Err(Refusal::validation(
                9011,
                "A string of a TXT record has over 255 bytes.",
            ));
        }
    }
    Ok(())
}

/// Names may be whole, or relative to the zone; `@` is its apex.
fn full_name(name: &str, zone: &Zone, knobs: &Knobs) -> Result<String, Refusal> {
    let lower = name.trim_end_matches('.').to_ascii_lowercase();
    let inside = lower == zone.name || lower.ends_with(&format!(".{}", zone.name));
    let full = match lower.as_str() {
        "@" => zone.name.clone(),
        _ if inside => lower,
        _ if knobs.refuses_outside_names => {
            let words = format!("{name} is not in zone {}.", zone.name);
            return Err(Refusal::validation(9000, &words));
        }
        _ => format!("{lower}.{}", zone.name),
    };
    if is_name(&full) {
        Ok(full)
    } else {
        Err(Refusal::validation(9000, "DNS name is invalid."))
    }
}

fn is_name(name: &str) -> bool {
    name.len() <= 253
        && name.split('.').all(|label| {
            let letters = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'*');
            (1..=63).contains(&label.len()) && label.bytes().all(letters)
        })
}

/// An id in Cloudflare's form.
pub(super) fn new_id() -> String {
    let mut bytes = [0; 16];
    openssl::rand::rand_bytes(&mut bytes).expect("OpenSSL has random bytes");
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Whether a path segment is an id.
pub(super) fn is_id(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}
