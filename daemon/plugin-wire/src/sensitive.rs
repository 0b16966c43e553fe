use std::fmt;

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use zeroize::Zeroizing;

/// Bytes that may be secret: wiped when dropped, `..` when printed.
///
/// They travel as base64, because a JSON string with escapes would pass through a buffer of the parser
/// that is never wiped.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Sensitive(Zeroizing<Vec<u8>>);

impl Sensitive {
    /// Takes over the bytes.
    pub fn new(bytes: Vec<u8>) -> Self {
        Sensitive(Zeroizing::new(bytes))
    }

    /// The bytes themselves.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Sensitive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("..")
    }
}

impl Serialize for Sensitive {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text = Zeroizing::new(STANDARD.encode(self.bytes()));
        serializer.serialize_str(&text)
    }
}

impl<'de> Deserialize<'de> for Sensitive {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl de::Visitor<'_> for Visitor {
            type Value = Sensitive;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("base64")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Sensitive, E> {
                // the error is replaced: base64's own quotes the input
                STANDARD
                    .decode(text)
                    .map(Sensitive::new)
                    .map_err(|_| E::custom("not base64"))
            }
        }

        deserializer.deserialize_str(Visitor)
    }
}
