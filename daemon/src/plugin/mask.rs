//! Replaces known secrets in text that leaves a plugin.

use std::{borrow::Cow, fmt};

use serde_json::Value;
use zeroize::Zeroizing;

/// Shorter secrets would blacken half of every line, and protect nothing that cannot be guessed.
const SHORTEST: usize = 4;
/// Parts of a secret (a line of a PEM key, the password after a name) are masked by themselves from this length:
/// a part may be no secret at all, and a short one would be a common word.
const SHORTEST_PART: usize = 8;
const MASK: &str = "***";

/// The secrets of one instance.
#[derive(Default)]
pub struct Mask {
    // longest first, so that a secret inside another does not leave the rest of it readable
    needles: Vec<Zeroizing<String>>,
}

impl Mask {
    /// Masks these texts, and the forms in which programs print them.
    pub fn new<'a>(secrets: impl IntoIterator<Item = &'a str>) -> Self {
        let mut needles = Vec::new();
        for secret in secrets {
            let secret = secret.trim();
            if secret.len() < SHORTEST {
                continue;
            }
            let parts = parts(secret);
            let whole = std::iter::once(secret).chain(parts.iter().map(|part| part.as_str()));
            for text in whole {
                needles.push(Zeroizing::new(text.to_owned()));
                for form in [escaped(text), percent_encoded(text)] {
                    if form.as_str() != text {
                        needles.push(form);
                    }
                }
            }
        }
        needles.sort_by(|one, other| other.len().cmp(&one.len()).then_with(|| one.cmp(other)));
        needles.dedup();
        Mask { needles }
    }

    /// The text with every secret replaced.
    pub fn apply<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let mut text = Cow::Borrowed(text);
        for needle in &self.needles {
            if text.contains(needle.as_str()) {
                text = Cow::Owned(text.replace(needle.as_str(), MASK));
            }
        }
        text
    }

    /// True when the text holds a secret.
    pub fn finds(&self, text: &str) -> bool {
        self.needles.iter().any(|needle| text.contains(needle.as_str()))
    }

    /// Bytes of the longest secret.
    pub fn longest(&self) -> usize {
        self.needles.first().map_or(0, |needle| needle.len())
    }
}

impl fmt::Debug for Mask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Mask({})", self.needles.len())
    }
}

/// What a value may hold beside the secret that a program prints: its lines (a PEM key), the texts of a JSON
/// document, or what stands after a name (`TOKEN=...`, `name:password`) and the last word
/// (`Authorization: Bearer ...`).
fn parts(secret: &str) -> Vec<Zeroizing<String>> {
    let document = serde_json::from_str(secret).ok();
    let mut parts: Vec<_> = secret
        .lines()
        .map(|line| Zeroizing::new(line.trim().to_owned()))
        .collect();
    match document {
        Some(document @ (Value::Object(_) | Value::Array(_))) => parts.extend(private_texts(document)),
        _ => {
            for line in secret.lines() {
                let tails = [line.split_once(['=', ':']), line.rsplit_once(':')];
                let tails = tails.into_iter().flatten().map(|(_, tail)| tail);
                let marks = |c: char| c.is_whitespace() || "\"';,".contains(c);
                let found = tails.chain(line.split_whitespace().next_back());
                parts.extend(found.map(|part| Zeroizing::new(part.trim_matches(marks).to_owned())));
            }
        }
    }
    parts.retain(|part| part.len() >= SHORTEST_PART && part.as_str() != secret);
    parts
}

/// The texts of a document. Not names of hosts, and what is a part of one: an account says where it is, and so
/// must a message to the operator.
fn private_texts(document: Value) -> Vec<Zeroizing<String>> {
    let (mut open, mut texts) = (vec![document], Vec::new());
    while let Some(value) = open.pop() {
        match value {
            Value::String(text) => texts.push(Zeroizing::new(text)),
            Value::Array(values) => open.extend(values),
            Value::Object(members) => open.extend(members.into_iter().map(|(_, value)| value)),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
    let (hosts, mut texts): (Vec<_>, Vec<_>) = texts.into_iter().partition(|text| is_host(text));
    texts.retain(|text| !hosts.iter().any(|host| host.contains(text.as_str())));
    texts
}

/// `host.example` or `https://host.example:443/`, without anything that could be a secret.
fn is_host(text: &str) -> bool {
    let name = ["https://", "http://"]
        .iter()
        .find_map(|scheme| text.strip_prefix(scheme));
    let name = name.unwrap_or(text).trim_end_matches('/');
    let name = match name.rsplit_once(':') {
        Some((name, port)) if port.parse::<u16>().is_ok() => name,
        _ => name,
    };
    let is_label = |label: &str| {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        (1..=63).contains(&label.len()) && label.bytes().all(plain)
    };
    name.contains('.') && name.split('.').all(is_label)
}

/// As inside a JSON string.
fn escaped(secret: &str) -> Zeroizing<String> {
    let mut form = Zeroizing::new(String::with_capacity(secret.len() * 6));
    for c in secret.chars() {
        match c {
            '"' => form.push_str("\\\""),
            '\\' => form.push_str("\\\\"),
            '\n' => form.push_str("\\n"),
            '\r' => form.push_str("\\r"),
            '\t' => form.push_str("\\t"),
            other => form.push(other),
        }
    }
    form
}

/// As inside an address (RFC 3986 2.1).
fn percent_encoded(secret: &str) -> Zeroizing<String> {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let mut form = Zeroizing::new(String::with_capacity(secret.len() * 3));
    for byte in secret.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            form.push(char::from(byte));
        } else {
            form.push('%');
            form.push(char::from(DIGITS[usize::from(byte >> 4)]));
            form.push(char::from(DIGITS[usize::from(byte & 15)]));
        }
    }
    form
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_a_secret_is_masked() {
        let mask = Mask::new([
            "s3cr\"et/+=",
            "-----BEGIN KEY-----\nMIIBVAIBADANBg\nkqhkiG9w0BAQEF\n-----END KEY-----\n",
            "abc",
        ]);
        for (text, shown) in [
            ("token s3cr\"et/+= used", "token *** used"),
            ("{\"token\":\"s3cr\\\"et/+=\"}", "{\"token\":\"***\"}"),
            ("GET /?t=s3cr%22et%2F%2B%3D HTTP/1.1", "GET /?t=*** HTTP/1.1"),
            ("MIIBVAIBADANBg", "***"),
            ("abc stays: too short to be one", "abc stays: too short to be one"),
        ] {
            assert_eq!(mask.apply(text), shown);
        }
        assert!(!format!("{mask:?}").contains("cr"));
    }

    #[test]
    fn a_secret_inside_a_longer_one_leaves_nothing_behind() {
        let mask = Mask::new(["inner", "outer-inner-outer"]);
        assert_eq!(mask.apply("x outer-inner-outer y"), "x *** y");
    }

    #[test]
    fn a_secret_beside_other_text_is_masked_by_itself() {
        let mask = Mask::new([
            "CF_Token=abcd=1234",
            "Authorization: Bearer b34r3r/t0ken",
            "someone:pa55word!",
            "hmac-sha256:example-key:c2VjcmV0IQ==",
            "key \"k\" {\n  secret \"bm90aGluZw==\";\n};",
            "short=1234567",
        ]);
        for (text, shown) in [
            ("token abcd=1234 refused", "token *** refused"),
            ("t=abcd%3D1234", "t=***"),
            ("sent b34r3r/t0ken", "sent ***"),
            ("sent Bearer b34r3r/t0ken", "sent ***"),
            ("login pa55word!", "login ***"),
            ("someone logs in", "someone logs in"),
            ("MAC with c2VjcmV0IQ==", "MAC with ***"),
            ("MAC with bm90aGluZw==", "MAC with ***"),
            (
                "1234567 is too short to be told from a number",
                "1234567 is too short to be told from a number",
            ),
        ] {
            assert_eq!(mask.apply(text), shown);
        }
    }

    #[test]
    fn texts_of_a_document_are_masked_and_places_are_not() {
        let account = r#"{"example.org": {
            "username": "c36f50e8-4632",
            "password": "htB9mR9DYgcu9bX_\"afaXYg",
            "fulldomain": "d420c923-bbd7.auth.example.org",
            "subdomain": "d420c923-bbd7",
            "server_url": "https://auth.example.org/",
            "allowfrom": ["192.0.2.0/24"], "n": 12345678
        }}"#;
        let mask = Mask::new([account]);
        for (text, shown) in [
            ("X-Api-Key: htB9mR9DYgcu9bX_\"afaXYg", "X-Api-Key: ***"),
            ("X-Api-User: c36f50e8-4632", "X-Api-User: ***"),
        ] {
            assert_eq!(mask.apply(text), shown);
        }
        let place =
            "_acme-challenge.example.org. CNAME d420c923-bbd7.auth.example.org. at https://auth.example.org/";
        assert_eq!(mask.apply(place), place);
        let token = Mask::new([r#"["https://hooks.example.org/T0KEN", "eyJh.eyJz.SflK"]"#]);
        assert_eq!(
            token.apply("POST https://hooks.example.org/T0KEN with eyJh.eyJz.SflK"),
            "POST *** with ***"
        );
    }
}
