use crate::types::DnsName;

/// RFC 8555 7.3: a `mailto` URL with one address and no header fields.
pub(super) fn contact(text: &str) -> Option<String> {
    let address = text.strip_prefix("mailto:").unwrap_or(text);
    let (local, domain) = address.rsplit_once('@')?;
    let plain = |c: char| c.is_ascii_alphanumeric() || "!#$&'*+-./=^_`{|}~".contains(c);
    let good_local = !local.is_empty() && local.len() <= 64 && local.chars().all(plain);
    let domain: DnsName = domain.parse().ok()?;
    good_local.then(|| format!("mailto:{local}@{domain}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_contact_is_one_address_without_header_fields() {
        assert_eq!(
            contact("ops@example.org").as_deref(),
            Some("mailto:ops@example.org")
        );
        assert_eq!(
            contact("mailto:ops+acme@bücher.example").as_deref(),
            Some("mailto:ops+acme@xn--bcher-kva.example")
        );
        for bad in [
            "",
            "ops",
            "@example.org",
            "a@b@c",
            "a@example.org,b@example.org",
            "a@example.org?subject=x",
            "a b@example.org",
        ] {
            assert_eq!(contact(bad), None, "{bad}");
        }
    }
}
