//! Domain names as Route 53 writes and sorts them.

/// A name of an answer as we write names: lower case, without the trailing dot. What is
/// not a letter, a digit, `-`, `_` or `.` comes as `\ooo` (octal), so `*` as `\052`.
pub(crate) fn plain(shown: &str) -> String {
    let mut bytes = Vec::with_capacity(shown.len());
    let mut rest = shown.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        match after.get(..3).filter(|_| first == b'\\').and_then(octal) {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[3..];
            }
            None => {
                bytes.push(first);
                rest = after;
            }
        }
    }
    let mut name = String::from_utf8_lossy(&bytes).to_lowercase();
    if name.ends_with('.') {
        name.pop();
    }
    name
}

/// The byte that three octal digits mean.
pub(crate) fn octal(digits: &[u8]) -> Option<u8> {
    let text = std::str::from_utf8(digits).ok()?;
    u8::from_str_radix(text, 8).ok()
}

/// What Route 53 sorts by: the labels reversed, each followed by a dot (which counts: a
/// `-` sorts before it).
pub(crate) fn order(name: &str) -> String {
    let mut key = String::with_capacity(name.len() + 1);
    for label in name.rsplit('.') {
        key.push_str(label);
        key.push('.');
    }
    key
}

/// Whether `name` is `zone` or below it.
pub(crate) fn is_within(name: &str, zone: &str) -> bool {
    name.strip_suffix(zone)
        .is_some_and(|above| above.is_empty() || above.ends_with('.'))
}

/// The last `count` labels of a name, if it has as many.
pub(crate) fn last_labels(name: &str, count: usize) -> Option<&str> {
    let labels = name.split('.').count();
    let mut rest = name;
    for _ in count..labels {
        rest = rest.split_once('.')?.1;
    }
    (labels >= count).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_answers_are_read() {
        assert_eq!(
            plain("_ACME-challenge.Example.test."),
            "_acme-challenge.example.test"
        );
        assert_eq!(plain("\\052.example.test."), "*.example.test");
        assert_eq!(plain("a\\9b.test."), "a\\9b.test");
        assert_eq!(plain("end\\05"), "end\\05");
    }

    #[test]
    fn names_are_sorted_as_route_53_does() {
        let mut names = ["a.com", "a-b.com", "x.a.com", "com", "b.com", "x.a-b.com"];
        names.sort_by_key(|name| order(name));
        assert_eq!(
            names,
            ["com", "a-b.com", "x.a-b.com", "a.com", "x.a.com", "b.com"]
        );
    }

    #[test]
    fn a_zone_holds_whole_labels_only() {
        assert!(is_within("a.example.test", "example.test"));
        assert!(is_within("example.test", "example.test"));
        assert!(!is_within("badexample.test", "example.test"));
        assert!(!is_within("test", "example.test"));
    }

    #[test]
    fn suffixes_are_counted_in_labels() {
        assert_eq!(last_labels("a.b.example.test", 2), Some("example.test"));
        assert_eq!(last_labels("test", 1), Some("test"));
        assert_eq!(last_labels("test", 2), None);
    }
}
