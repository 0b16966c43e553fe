/// What an `issue` or `issuewild` property says (RFC 8659 4.2).
///
/// ```text
/// issue-value = *WSP [issuer-domain-name *WSP] [";" *WSP [parameters *WSP]]
/// issuer-domain-name = label *("." label)
/// label = (ALPHA / DIGIT) *( *("-") (ALPHA / DIGIT))
/// parameters = (parameter *WSP ";" *WSP parameters) / parameter
/// parameter = tag *WSP "=" *WSP value
/// tag = (ALPHA / DIGIT) *( *("-") (ALPHA / DIGIT))
/// value = *(%x21-3A / %x3C-7E)
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IssueValue {
    /// Who may; `None` for nobody.
    pub issuer: Option<String>,
    /// What else is asked of the issuer, in order.
    pub parameters: Vec<Parameter>,
}

/// `tag=value`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// In lower case.
    pub tag: String,
    /// As it stands.
    pub value: String,
}

const WSP: [char; 2] = [' ', '\t'];

impl IssueValue {
    /// Reads a value. One that does not match the grammar "MUST be treated the same as one specifying an empty
    /// issuer-domain-name".
    pub fn read(value: &[u8]) -> Self {
        std::str::from_utf8(value)
            .ok()
            .and_then(grammatical)
            .unwrap_or_default()
    }

    /// True when the value's issuer is one of these names. Domain names have no case.
    pub fn names_one_of(&self, identities: &[String]) -> bool {
        let is_named = |issuer: &String| {
            identities
                .iter()
                .any(|identity| identity.eq_ignore_ascii_case(issuer))
        };
        self.issuer.as_ref().is_some_and(is_named)
    }

    /// The values of a parameter.
    pub fn all<'a>(&'a self, tag: &'a str) -> impl Iterator<Item = &'a str> {
        let with_tag = self
            .parameters
            .iter()
            .filter(move |parameter| parameter.tag == tag);
        with_tag.map(|parameter| parameter.value.as_str())
    }
}

fn grammatical(text: &str) -> Option<IssueValue> {
    let mut parts = text.split(';').map(|part| part.trim_matches(WSP));
    let issuer = parts.next()?;
    let is_name = issuer.is_empty() || issuer.split('.').all(is_label);
    if !is_name {
        return None;
    }
    let parts: Vec<&str> = parts.collect();
    let parameters = match parts.as_slice() {
        // a semicolon and nothing behind it
        [""] => Vec::new(),
        parts => parts.iter().map(|part| parameter(part)).collect::<Option<_>>()?,
    };
    Some(IssueValue {
        issuer: Some(issuer.to_owned()).filter(|issuer| !issuer.is_empty()),
        parameters,
    })
}

fn parameter(text: &str) -> Option<Parameter> {
    let (tag, value) = text.split_once('=')?;
    let (tag, value) = (tag.trim_end_matches(WSP), value.trim_start_matches(WSP));
    let is_value = value.bytes().all(|octet| octet.is_ascii_graphic());
    (is_label(tag) && is_value).then(|| Parameter {
        tag: tag.to_ascii_lowercase(),
        value: value.to_owned(),
    })
}

/// Letters, digits, and hyphens that neither begin nor end it.
fn is_label(text: &str) -> bool {
    !text.is_empty()
        && !text.starts_with('-')
        && !text.ends_with('-')
        && text
            .bytes()
            .all(|octet| octet.is_ascii_alphanumeric() || octet == b'-')
}
