//! TXT data, and how people write it.

use hickory_proto::rr::rdata::TXT;

/// Most bytes of a character string (RFC 1035 section 3.3).
const STRING: usize = 255;

/// A value in as many strings as it takes (RFC 1035 section 3.3.14).
pub(crate) fn txt(value: &str) -> TXT {
    match value.as_bytes().chunks(STRING).collect::<Vec<_>>() {
        strings if strings.is_empty() => TXT::from_bytes(vec![b""]),
        strings => TXT::from_bytes(strings),
    }
}

/// Quoted character strings (RFC 1035 section 5.1); `None` for bare text and for what is malformed.
pub(crate) fn character_strings(text: &str) -> Option<Vec<String>> {
    let mut strings = Vec::new();
    let mut rest = text.trim_start();
    while let Some(inside) = rest.strip_prefix('"') {
        let mut string = String::new();
        let mut characters = inside.char_indices();
        let end = loop {
            match characters.next()? {
                (at, '"') => break at,
                (_, '\\') => string.push(characters.next()?.1),
                (_, character) => string.push(character),
            }
        };
        strings.push(string);
        rest = inside[end + 1..].trim_start();
    }
    (rest.is_empty() && !strings.is_empty()).then_some(strings)
}
