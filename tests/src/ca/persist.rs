//! Standing records (draft-ietf-acme-dns-persist): in the syntax of CAA issue-values (RFC 8659 section 4.2).

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::problem::{Problem, ProblemType};

/// What a record must say to prove control.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    /// One of these must be the issuer.
    pub(super) issuers: Vec<String>,
    pub(super) account_url: String,
    pub(super) wildcard: bool,
}

/// Good if one of the records fits; else what the first one for this CA lacks. Records for other CAs are not read.
pub(super) fn judge(records: &[String], wanted: &Wanted, now: Timestamp) -> Result<(), Problem> {
    let mut first = None;
    for record in records {
        let (issuer, parameters) = record.split_once(';').unwrap_or((record, ""));
        if !wanted
            .issuers
            .iter()
            .any(|wanted| wanted.eq_ignore_ascii_case(issuer.trim_matches(BLANK)))
        {
            continue;
        }
        match fault(parameters, wanted, now) {
            None => return Ok(()),
            Some(fault) => first = first.or(Some(Problem::new(fault.0, format!("`{record}`: {}", fault.1)))),
        }
    }
    let detail = format!("no record is for {}", wanted.issuers.join(" or "));
    Err(first.unwrap_or_else(|| Problem::new(ProblemType::Unauthorized, detail)))
}

/// RFC 8659 section 4.2: white space between the parts.
const BLANK: [char; 2] = [' ', '\t'];

fn fault(parameters: &str, wanted: &Wanted, now: Timestamp) -> Option<(ProblemType, String)> {
    let parameters = match read(parameters) {
        Ok(parameters) => parameters,
        Err(detail) => return Some((ProblemType::Malformed, detail)),
    };
    let unauthorized = |detail: String| Some((ProblemType::Unauthorized, detail));
    match parameters.get("accounturi") {
        None => return Some((ProblemType::Malformed, "accounturi is missing".to_owned())),
        Some(url) if **url != wanted.account_url => {
            return unauthorized(format!("accounturi is not {}", wanted.account_url));
        }
        Some(_) => {}
    }
    // any other value counts as none
    let is_wild = parameters
        .get("policy")
        .is_some_and(|policy| policy.eq_ignore_ascii_case("wildcard"));
    if wanted.wildcard && !is_wild {
        return unauthorized("a wildcard needs policy=wildcard".to_owned());
    }
    let until = parameters.get("persistuntil")?;
    match until.parse::<i64>() {
        Err(_) => Some((
            ProblemType::Malformed,
            format!("persistUntil {until} is not a number of seconds"),
        )),
        Ok(until) if until < now.as_second() => unauthorized(format!("persistUntil {until} has passed")),
        Ok(_) => None,
    }
}

/// Parameters by tag in lower case; unknown ones count as much as others for the syntax.
fn read(text: &str) -> Result<BTreeMap<String, &str>, String> {
    let mut parameters = BTreeMap::new();
    if text.trim_matches(BLANK).is_empty() {
        return Ok(parameters);
    }
    for part in text.split(';') {
        let part = part.trim_matches(BLANK);
        let (tag, value) = part
            .split_once('=')
            .map(|(tag, value)| (tag.trim_matches(BLANK), value.trim_matches(BLANK)))
            .ok_or_else(|| format!("parameter `{part}` is not tag=value"))?;
        let is_tag_byte = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        if tag.is_empty() || !tag.bytes().all(is_tag_byte) {
            return Err(format!("`{tag}` is not a tag"));
        }
        // %x21-3A / %x3C-7E
        if !value.bytes().all(|byte| byte.is_ascii_graphic() && byte != b';') {
            return Err(format!("the value of {tag} has white space or control bytes"));
        }
        if parameters.insert(tag.to_ascii_lowercase(), value).is_some() {
            return Err(format!("{tag} is there twice"));
        }
    }
    Ok(parameters)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACCOUNT: &str = "https://ca.test/account/1";

    fn verdict(records: &[&str], wildcard: bool) -> Result<(), (ProblemType, String)> {
        let wanted = Wanted {
            issuers: vec!["lab.test".to_owned(), "other.test".to_owned()],
            account_url: ACCOUNT.to_owned(),
            wildcard,
        };
        let records: Vec<String> = records
            .iter()
            .map(|record| record.replace("URL", ACCOUNT))
            .collect();
        judge(&records, &wanted, Timestamp::from_second(1_000).unwrap())
            .map_err(|problem| (problem.kind, problem.detail))
    }

    #[test]
    fn one_record_that_fits_is_enough() {
        for good in [
            "lab.test;accounturi=URL",
            "LAB.test ; accountURI = URL",
            "other.test; accounturi=URL; unknown=x; policy=nothing",
            "lab.test; accounturi=URL; persistUntil=1000",
        ] {
            assert_eq!(verdict(&[good], false), Ok(()), "{good}");
        }
        for good in [
            "lab.test; policy=wildcard; accounturi=URL",
            "lab.test; POLICY=WildCard; accounturi=URL",
        ] {
            assert_eq!(verdict(&[good], true), Ok(()), "{good}");
            assert_eq!(verdict(&[good], false), Ok(()), "{good}");
        }
        let many = [
            "foreign.test; x",
            "lab.test; accounturi=URLx",
            "lab.test; accounturi=URL",
        ];
        assert_eq!(verdict(&many, false), Ok(()));
    }

    #[test]
    fn record_that_does_not_fit_says_why() {
        use ProblemType::{Malformed, Unauthorized};
        for (bad, kind, what) in [
            (
                "foreign.test; accounturi=URL",
                Unauthorized,
                "no record is for lab.test",
            ),
            ("lab.test", Malformed, "accounturi is missing"),
            ("lab.test;", Malformed, "accounturi is missing"),
            ("lab.test; accounturi=URL2", Unauthorized, "accounturi is not"),
            (
                "lab.test; accounturi=URL; persistUntil=999",
                Unauthorized,
                "has passed",
            ),
            (
                "lab.test; accounturi=URL; persistUntil=soon",
                Malformed,
                "not a number",
            ),
            ("lab.test; accounturi=URL; accounturi=URL", Malformed, "twice"),
            ("lab.test; accounturi=URL;", Malformed, "not tag=value"),
            ("lab.test; accounturi=U R L", Malformed, "white space"),
            ("lab.test; account_uri=URL", Malformed, "not a tag"),
        ] {
            let (found, detail) = verdict(&[bad], false).unwrap_err();
            assert!(found == kind && detail.contains(what), "{bad}: {detail}");
        }
        let (_, detail) = verdict(&["lab.test; accounturi=URL; policy=sub"], true).unwrap_err();
        assert!(detail.contains("policy=wildcard"), "{detail}");
    }
}
