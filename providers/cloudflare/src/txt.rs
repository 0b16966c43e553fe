//! TXT content as Cloudflare writes it: quoted character strings, or bare text.
//!
//! Its API takes both, keeps what it was given, and its dashboard asks for quotes. So
//! values are sent quoted, and what comes back is compared without its quotes.

/// Longest character string (RFC 1035 section 3.3).
const STRING: usize = 255;

/// A value as quoted strings of at most 255 bytes each: `"first" "second"`.
pub(crate) fn quoted(value: &str) -> String {
    let mut out = String::with_capacity(value.len() + 2);
    let mut len = 0;
    out.push('"');
    for character in value.chars() {
        if len + character.len_utf8() > STRING {
            out.push_str("\" \"");
            len = 0;
        }
        if matches!(character, '"' | '\\') {
            out.push('\\');
        }
        out.push(character);
        len += character.len_utf8();
    }
    out.push('"');
    out
}

/// Whether content means this value.
pub(crate) fn means(content: &str, value: &str) -> bool {
    content == value || unquoted(content).is_some_and(|bytes| bytes == value.as_bytes())
}

/// The bytes of quoted strings, joined; `None` for what is not quoted throughout.
fn unquoted(content: &str) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(content.len());
    let mut rest = content.trim().bytes();
    if rest.next()? != b'"' {
        return None;
    }
    let mut inside = true;
    while let Some(byte) = rest.next() {
        match (inside, byte) {
            (true, b'"') => inside = false,
            (true, b'\\') => out.push(match rest.next()? {
                // \DDD, RFC 1035 section 5.1
                first @ b'0'..=b'9' => {
                    let digits = [first, rest.next()?, rest.next()?];
                    std::str::from_utf8(&digits).ok()?.parse().ok()?
                }
                other => other,
            }),
            (true, byte) => out.push(byte),
            (false, b'"') => inside = true,
            (false, b' ' | b'\t') => {}
            (false, _) => return None,
        }
    }
    (!inside).then_some(out)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn content_is_compared_by_what_it_means() {
        assert_eq!(quoted("abc"), r#""abc""#);
        assert_eq!(quoted(r#"a"b\c"#), r#""a\"b\\c""#);
        for content in [
            "abc",
            r#""abc""#,
            r#""a" "bc""#,
            r#""\097bc""#,
            r#" "abc" "#,
            r#""a""bc""#,
        ] {
            assert!(means(content, "abc"), "{content}");
        }
        for content in [
            "abC",
            r#""abc"#,
            r#""abc" x"#,
            r#""ab""#,
            r#""abc\"#,
            r#""\999bc""#,
            "",
        ] {
            assert!(!means(content, "abc"), "{content}");
        }
        // text that has quotes of its own, kept bare
        assert!(means(r#""abc""#, r#""abc""#));
    }

    #[test]
    fn a_long_value_becomes_strings_of_255_bytes() {
        let value = "x".repeat(600);
        let content = quoted(&value);
        let lens: Vec<usize> = content.split(' ').map(|part| part.len() - 2).collect();
        assert_eq!(lens, [255, 255, 90]);
        assert!(means(&content, &value));
    }

    proptest! {
        #[test]
        fn what_is_quoted_means_what_it_was(value in "[ -~]{0,700}") {
            prop_assert!(means(&quoted(&value), &value));
        }

        #[test]
        fn no_content_panics(content in any::<String>()) {
            let _ = means(&content, "value");
        }
    }
}
