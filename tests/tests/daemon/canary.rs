//! Secrets in every form that a careless line could show them in.

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD},
};
use openssl::pkey::{PKey, Private};

/// Shorter pieces could be anybody's.
const LEAST: usize = 16;

/// A secret, and what would give it away.
pub struct Canary {
    name: String,
    forms: Vec<String>,
}

impl Canary {
    /// A secret that was given as text, which may be base64 of the true one.
    pub fn text(name: &str, text: &str) -> Self {
        let mut forms = vec![text.to_owned()];
        forms.extend(encoded(text.as_bytes()));
        if let Ok(bytes) = STANDARD_NO_PAD.decode(text.trim_end_matches('=')) {
            forms.extend(encoded(&bytes));
        }
        Canary::new(name, forms)
    }

    /// A private key as its file has it: the text, the DER and the secret number.
    pub fn key(name: &str, pem: &str) -> Self {
        let key: PKey<Private> = PKey::private_key_from_pem(pem.as_bytes()).unwrap();
        let number = key.ec_key().unwrap().private_key().to_vec();
        let mut forms: Vec<String> = pem
            .lines()
            .filter(|line| !line.starts_with("-----"))
            // PKCS#8 of P-256 ends with the public key: the third line holds nothing else
            .take(2)
            .map(str::to_owned)
            .collect();
        for bytes in [
            pem.as_bytes().to_vec(),
            key.private_key_to_pkcs8().unwrap(),
            key.private_key_to_der().unwrap(),
        ] {
            forms.extend(encoded(&bytes));
        }
        // the DER and the PEM hold the public key too: a part of them is no secret, the number is
        forms.extend(encoded(&number));
        Canary::new(name, forms)
    }

    fn new(name: &str, mut forms: Vec<String>) -> Self {
        forms.retain(|form| form.len() >= LEAST);
        assert!(!forms.is_empty(), "{name} is too short to be looked for");
        Canary {
            name: name.to_owned(),
            forms,
        }
    }

    /// The place of the secret in what somebody could read.
    pub fn found_in<'t>(&self, text: &'t str) -> Option<&'t str> {
        self.forms.iter().find_map(|form| {
            let at = text.find(form.as_str())?;
            let line = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
            text[line..].lines().next()
        })
    }

    /// Fails with the line that holds the secret.
    pub fn must_not_be_in(&self, what: &str, text: &str) {
        if let Some(line) = self.found_in(text) {
            panic!("{} is in {what}: {line}", self.name);
        }
    }
}

/// Hexadecimal, byte lists as `Debug` and JSON have them, and both alphabets of base64 at each of its three
/// alignments inside of something longer.
fn encoded(bytes: &[u8]) -> Vec<String> {
    let join = |separator: &str, form: fn(&u8) -> String| -> String {
        bytes.iter().map(form).collect::<Vec<_>>().join(separator)
    };
    let mut forms = vec![
        join("", |byte| format!("{byte:02x}")),
        join("", |byte| format!("{byte:02X}")),
        join(":", |byte| format!("{byte:02x}")),
        join(",", u8::to_string),
        join(", ", u8::to_string),
    ];
    for before in 0..3 {
        let padded = [vec![0; before], bytes.to_vec()].concat();
        // characters that hold bits of what stands before, and a last one that may hold bits of what follows
        let foreign = (before * 8).div_ceil(6);
        let own = padded.len() * 8 / 6;
        for text in [STANDARD_NO_PAD.encode(&padded), URL_SAFE_NO_PAD.encode(&padded)] {
            forms.push(text[foreign..own].to_owned());
        }
    }
    forms
}

#[test]
fn a_canary_is_found_in_every_form() {
    let secret = "aSBhbSBhIHNlY3JldCBvZiB0aGUgdHNpZyBraW5k";
    let canary = Canary::text("it", secret);
    let bytes = STANDARD_NO_PAD.decode(secret).unwrap();
    for before in ["", "x", "xy"] {
        let inside = [before.as_bytes(), &bytes, b" and more"].concat();
        let text = format!("line\nbody={} end", URL_SAFE_NO_PAD.encode(inside));
        assert!(
            canary
                .found_in(&text)
                .is_some_and(|line| line.starts_with("body="))
        );
    }
    assert!(canary.found_in(&format!("{bytes:?}")).is_some());
    assert!(canary.found_in(&format!("secret: {secret}")).is_some());
    assert!(canary.found_in("line\nnothing of it").is_none());
}
