//! TXT values as Route 53 writes them: quoted strings of at most 255 bytes.

use crate::name::octal;

/// Longest value of one record that Route 53 takes, in characters, quotes included.
const LONGEST: usize = 4000;
/// Longest string within a value (RFC 1035 section 3.3).
const STRING: usize = 255;

/// A text as a value, or `None` if no record can hold it.
pub(crate) fn quote(text: &str) -> Option<String> {
    let mut value = String::with_capacity(text.len() + 2);
    let mut strings = text.as_bytes().chunks(STRING).peekable();
    if strings.peek().is_none() {
        value.push_str("\"\"");
    }
    while let Some(string) = strings.next() {
        value.push('"');
        for &byte in string {
            match byte {
                b'"' | b'\\' => value.extend(['\\', char::from(byte)]),
                b' '..=b'~' => value.push(char::from(byte)),
                other => value.push_str(&format!("\\{other:03o}")),
            }
        }
        value.push('"');
        if strings.peek().is_some() {
            value.push(' ');
        }
    }
    (value.len() <= LONGEST).then_some(value)
}

/// The text of a value, its strings joined; `None` if it is not written as they are.
pub(crate) fn unquote(value: &str) -> Option<Vec<u8>> {
    let mut text = Vec::with_capacity(value.len());
    let mut rest = value.trim().as_bytes();
    while let Some((&b'"', inside)) = rest.split_first() {
        let mut at = 0;
        loop {
            match (inside.get(at)?, inside.get(at + 1..at + 4).and_then(octal)) {
                (b'"', _) => break,
                (b'\\', Some(byte)) => {
                    text.push(byte);
                    at += 4;
                }
                (b'\\', None) => {
                    text.push(*inside.get(at + 1)?);
                    at += 2;
                }
                (byte, _) => {
                    text.push(*byte);
                    at += 1;
                }
            }
        }
        rest = inside[at + 1..].trim_ascii_start();
    }
    (rest.is_empty() && !value.trim().is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn values_are_written_as_route_53_documents() {
        assert_eq!(quote("abc").unwrap(), r#""abc""#);
        assert_eq!(quote("").unwrap(), r#""""#);
        assert_eq!(quote(r#"say "hi" \o/"#).unwrap(), r#""say \"hi\" \\o/""#);
        assert_eq!(quote("\u{e9}\n").unwrap(), r#""\303\251\012""#);
        let long = quote(&"v".repeat(300)).unwrap();
        assert_eq!(long, format!("\"{}\" \"{}\"", "v".repeat(255), "v".repeat(45)));
        assert_eq!(quote(&"v".repeat(4000)), None);
    }

    #[test]
    fn values_of_others_are_read_in_every_form() {
        assert_eq!(unquote(r#""a" "b""#).unwrap(), b"ab");
        assert_eq!(unquote(r#""a""b""#).unwrap(), b"ab");
        assert_eq!(unquote(r#""\052\"\\""#).unwrap(), br#"*"\"#);
        for other in ["", "abc", r#""abc"#, r#""abc" def"#, r#""abc\"#] {
            assert_eq!(unquote(other), None, "{other}");
        }
    }

    proptest! {
        #[test]
        fn every_text_comes_back_whole(text in "\\PC{0,300}") {
            let value = quote(&text).expect("short enough");
            prop_assert_eq!(unquote(&value), Some(text.into_bytes()));
        }

        #[test]
        fn nothing_that_route_53_answers_panics(value in "\\PC{0,80}") {
            let _ = unquote(&value);
        }
    }
}
