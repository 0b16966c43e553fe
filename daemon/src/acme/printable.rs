//! Words of a CA, made safe for a terminal, a log line and memory.

use url::Url;

/// Longest address shown: unpause addresses of Boulder carry a signed token of some hundred.
pub(super) const MAX_PAGE: usize = 2000;

/// Longest word of a CA shown that stands for one of its own: a status, a kind of challenge.
pub(super) const MAX_WORD: usize = 60;

/// At most `limit` characters of `text`, on one line, without control characters and
/// without those that reorder a line.
pub(super) fn printable(text: &str, limit: usize) -> String {
    let shown = |c: char| {
        let reorders =
            matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        !c.is_control() && !reorders
    };
    let mut words = String::with_capacity(text.len().min(limit));
    let mut left = limit;
    for c in text
        .chars()
        .map(|c| if c.is_whitespace() { ' ' } else { c })
        .filter(|c| shown(*c))
    {
        if c == ' ' && (words.is_empty() || words.ends_with(' ')) {
            continue;
        }
        if left == 0 {
            words.push('…');
            return words;
        }
        words.push(c);
        left -= 1;
    }
    words.truncate(words.trim_end().len());
    words
}

/// The address of a page for people, as a browser would show it: `http` or `https`, ASCII, and
/// without a user name, which serves to make another host look like the CA's.
pub(super) fn web_page(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let plain = matches!(url.scheme(), "https" | "http")
        && url.has_host()
        && url.username().is_empty()
        && url.password().is_none();
    (plain && url.as_str().len() <= MAX_PAGE).then_some(url)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_ca_cannot_write_on_the_terminal() {
        assert_eq!(
            printable("\x1b[2J too\r\n\tmany \u{202e}certificates ", 100),
            "[2J too many certificates"
        );
        assert_eq!(printable("abcdef", 3), "abc…");
    }

    proptest! {
        #[test]
        fn an_address_that_is_shown_is_ascii_on_one_line(text in "https?://[a-z]{1,5}/?\\PC{0,20}") {
            if let Some(page) = web_page(&text) {
                prop_assert!(page.as_str().bytes().all(|byte| byte.is_ascii_graphic()));
            }
        }

        #[test]
        fn the_result_is_short_and_without_controls(text in any::<String>(), limit in 0_usize..50) {
            let shown = printable(&text, limit);
            prop_assert!(shown.chars().count() <= limit + 1);
            prop_assert!(!shown.chars().any(char::is_control));
        }
    }
}
