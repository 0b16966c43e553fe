//! Other chains for a certificate, out of Link headers (RFC 8288, RFC 8555 7.4.2).

use reqwest::header::{self, HeaderMap};
use url::Url;

/// Most alternates taken. Let's Encrypt has had two; each costs a request.
pub(super) const MAX_ALTERNATES: usize = 10;

/// The addresses of the alternates, in the CA's order, each once and without `of` itself.
pub(super) fn alternates(headers: &HeaderMap, of: &Url) -> Vec<Url> {
    let mut found = Vec::new();
    let values = headers.get_all(header::LINK).iter();
    for value in values.filter_map(|value| value.to_str().ok()) {
        for link in Links(value) {
            if !link.is_alternate() {
                continue;
            }
            // RFC 8288 3.1: relative to the address asked
            match of.join(link.target) {
                Ok(url) if url != *of && !found.contains(&url) => found.push(url),
                _ => {}
            }
            if found.len() == MAX_ALTERNATES {
                return found;
            }
        }
    }
    found
}

/// One link: its target and what is said of it.
struct Link<'a> {
    target: &'a str,
    /// From the first semicolon on.
    parameters: &'a str,
}

impl Link<'_> {
    fn is_alternate(&self) -> bool {
        let mut relations = None;
        for (name, value) in Parameters(self.parameters) {
            // RFC 8288 3.2: a link about another resource than the one asked for
            if name.eq_ignore_ascii_case("anchor") {
                return false;
            }
            // RFC 8288 3.3: "occurrences after the first MUST be ignored"
            if name.eq_ignore_ascii_case("rel") && relations.is_none() {
                relations = Some(value);
            }
        }
        relations.is_some_and(|relations| {
            relations
                .split_ascii_whitespace()
                .any(|relation| relation.eq_ignore_ascii_case("alternate"))
        })
    }
}

/// The links of one header; what cannot be read ends them.
struct Links<'a>(&'a str);

impl<'a> Iterator for Links<'a> {
    type Item = Link<'a>;

    fn next(&mut self) -> Option<Link<'a>> {
        let rest = self.0.trim_start_matches([' ', '\t', ',']);
        let (target, rest) = rest.strip_prefix('<')?.split_once('>')?;
        let (parameters, rest) = rest.split_at(end_outside_quotes(rest, ','));
        self.0 = rest;
        Some(Link { target, parameters })
    }
}

/// `;name=value` or `;name="value"`, again and again. Backslashes stay: no relation has one.
struct Parameters<'a>(&'a str);

impl<'a> Iterator for Parameters<'a> {
    type Item = (&'a str, &'a str);

    fn next(&mut self) -> Option<(&'a str, &'a str)> {
        let rest = self.0.trim_start_matches([' ', '\t', ';']);
        if rest.is_empty() {
            return None;
        }
        let (parameter, rest) = rest.split_at(end_outside_quotes(rest, ';'));
        self.0 = rest;
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        Some((name.trim(), value.trim().trim_matches('"')))
    }
}

/// Where `text` has its first `separator` that no quotes enclose, or its end.
fn end_outside_quotes(text: &str, separator: char) -> usize {
    let (mut quoted, mut escaped) = (false, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            c if c == separator && !quoted => return at,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use reqwest::header::HeaderValue;

    use super::*;

    const ASKED: &str = "https://ca.example/acme/cert/1";

    fn found(values: &[&str]) -> Vec<String> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::LINK, HeaderValue::from_str(value).expect("a value"));
        }
        let asked = Url::parse(ASKED).expect("an address");
        alternates(&headers, &asked)
            .into_iter()
            .map(String::from)
            .collect()
    }

    #[test]
    fn rfc8555_7_4_2_alternates_are_found_in_every_form_of_rfc_8288() {
        let two = [
            "https://ca.example/acme/cert/1/1",
            "https://ca.example/acme/cert/1/2",
        ];
        // Boulder and Pebble: a header for each
        assert_eq!(
            found(&[
                r#"<https://ca.example/directory>;rel="index""#,
                r#"<https://ca.example/acme/cert/1/1>;rel="alternate""#,
                r#"<https://ca.example/acme/cert/1/2>;rel="alternate""#,
            ]),
            two
        );
        // all in one, relative, in odd order and case, with other parameters
        assert_eq!(
            found(&[
                r#"</acme/cert/1/1>; title="a, \"b\"; rel=up"; REL="up Alternate", <x>;rel=up, , <1/2> ; rel = alternate;type=x"#
            ]),
            two
        );
    }

    #[test]
    fn what_is_no_alternate_of_this_certificate_is_left() {
        for value in [
            r#"<https://ca.example/x>;rel="alternates""#,
            r#"<https://ca.example/x>;rel=up;rel=alternate"#,
            r#"<https://ca.example/x>;rel=alternate;anchor="/other""#,
            r#"<https://ca.example/x"#,
            r#"https://ca.example/x;rel=alternate"#,
            r#"<https://ca.example/x>;title="rel=alternate""#,
            r#"<https://ca.example/acme/cert/1>;rel=alternate"#,
            r#"<>;rel=alternate"#,
            r#"<http://[>;rel=alternate"#,
            "",
        ] {
            assert!(found(&[value]).is_empty(), "{value}");
        }
    }

    #[test]
    fn a_generous_ca_does_not_make_us_ask_for_ever() {
        let many: String = (0..1000)
            .map(|number| format!("<{number}>;rel=alternate,"))
            .collect();
        assert_eq!(found(&[&many]).len(), MAX_ALTERNATES);
        let same = "<1/1>;rel=alternate,".repeat(1000);
        assert_eq!(found(&[&same]).len(), 1);
    }

    proptest! {
        #[test]
        fn no_header_panics_or_passes_the_limit(value in "[<>;,=\"\\\\ a-z/:]{0,200}") {
            prop_assert!(found(&[&value]).len() <= MAX_ALTERNATES);
        }
    }
}
