use crate::{
    dns::caa::{IssueValue, Issuer, Judgement, Property, Refusal, doubts, governing_tag, judge},
    types::{AccountUrl, ChallengeMethod},
};

/// The data of CAA records, each with a length before it.
pub(crate) fn caa(octets: &[u8]) {
    let mut set = Vec::new();
    let mut rest = octets;
    while let Some((length, after)) = rest.split_first() {
        let (data, after) = after.split_at(after.len().min(usize::from(*length)));
        set.push(Property::read(data));
        rest = after;
    }
    judged(&set);
}

/// Everything that is read in a set.
pub(super) fn judged(set: &[Property]) {
    for property in set {
        assert!(is_plain(&property.to_string()));
        let value = IssueValue::read(&property.value);
        assert!(
            value
                .issuer
                .iter()
                .all(|issuer| !issuer.is_empty() && issuer.is_ascii())
        );
        assert!(
            value
                .parameters
                .iter()
                .all(|one| is_plain(&one.tag) && is_plain(&one.value))
        );
    }
    let account: AccountUrl = "https://ca.example/acct/1".parse().expect("an address");
    let identities = ["ca.example".to_owned()];
    for (wildcard, account) in [(false, None), (true, Some(&account))] {
        let issuer = Issuer {
            identities: &identities,
            account,
        };
        let judgement = judge(set, wildcard, issuer, ChallengeMethod::Dns01);
        let tag = governing_tag(set, wildcard);
        match &judgement {
            Judgement::Allowed(property) => assert!(property.has_tag(tag) && set.contains(property)),
            Judgement::Refused(Refusal::Critical(property)) => assert!(property.is_critical()),
            Judgement::Refused(_) => assert!(set.iter().any(|property| property.has_tag(tag))),
            Judgement::Unrestricted => assert!(!set.iter().any(|property| property.has_tag(tag))),
        }
        let _doubts = doubts(set);
    }
}

/// Nothing that a terminal would obey.
pub(super) fn is_plain(text: &str) -> bool {
    text.bytes().all(|octet| matches!(octet, b' '..=b'~'))
}
