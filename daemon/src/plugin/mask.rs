//! Replaces known secrets in text that leaves a plugin.

use std::{borrow::Cow, fmt};

use zeroize::Zeroizing;

/// Shorter secrets would blacken half of every line, and protect nothing that cannot be guessed.
const SHORTEST: usize = 4;
/// Lines of a secret that holds several (a PEM key) are masked one by one from this length.
const SHORTEST_LINE: usize = 8;
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
            needles.push(Zeroizing::new(secret.to_owned()));
            for form in [escaped(secret), percent_encoded(secret)] {
                if form.as_str() != secret {
                    needles.push(form);
                }
            }
            if secret.contains('\n') {
                let lines = secret
                    .lines()
                    .map(str::trim)
                    .filter(|line| line.len() >= SHORTEST_LINE);
                needles.extend(lines.map(|line| Zeroizing::new(line.to_owned())));
            }
        }
        needles.sort_by_key(|needle| std::cmp::Reverse(needle.len()));
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
}
