//! What a CA reads in a set (RFC 8659 4, RFC 8657).

use super::{IssueValue, Property};
use crate::types::{AccountUrl, ChallengeMethod};

/// Tags that every CA knows (RFC 8659 4).
const KNOWN: [&str; 3] = ["issue", "issuewild", "iodef"];
/// Tags of IANA's registry that a CA need not know: RFC 9495, and the CA/Browser Forum's.
const REGISTERED: [&str; 4] = ["issuemail", "issuevmc", "contactemail", "contactphone"];

/// Who asks whether it may issue.
#[derive(Clone, Copy, Debug)]
pub struct Issuer<'a> {
    /// By which names CAA records mean the CA (`caaIdentities`, RFC 8555 7.1.1).
    pub identities: &'a [String],
    /// On whose behalf; `None` when there is no account yet.
    pub account: Option<&'a AccountUrl>,
}

/// What a set means for one name, CA, account and method.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// The set restricts nobody in this: it has no property that does.
    Unrestricted,
    /// By this property.
    Allowed(Property),
    /// The CA must not issue.
    Refused(Refusal),
}

/// Why a CA must not issue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// A property that must be understood, and is not.
    Critical(Property),
    /// No property names the CA.
    NotNamed,
    /// Those that name the CA name other accounts.
    Account {
        /// One of them.
        property: Property,
    },
    /// Those that name the CA, and fit the account, name other methods.
    Method {
        /// One of them.
        property: Property,
    },
}

/// What may lead a CA to another judgement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Doubt {
    /// A critical property that some CAs do not know.
    Registered(Property),
    /// An unknown property with the reserved flag that some CAs take for the critical one.
    Flag(Property),
}

/// What the set of a name means. For a `wildcard`, `issuewild` goes before `issue` (RFC 8659 4.3).
pub fn judge(set: &[Property], wildcard: bool, issuer: Issuer<'_>, method: ChallengeMethod) -> Judgement {
    let is_known = |property: &&Property| has_one_of(property, &KNOWN) || has_one_of(property, &REGISTERED);
    let unknown = set.iter().filter(|property| !is_known(property));
    if let Some(property) = unknown.into_iter().find(|property| property.is_critical()) {
        return Judgement::Refused(Refusal::Critical(property.clone()));
    }
    let tag = governing_tag(set, wildcard);
    let mut restricts = false;
    // the refusal that came closest to a permission tells what to change
    let mut closest = Refusal::NotNamed;
    for property in set.iter().filter(|property| property.has_tag(tag)) {
        restricts = true;
        let value = IssueValue::read(&property.value);
        if !value.names_one_of(issuer.identities) {
            continue;
        }
        let fits_account = fits_account(&value, issuer.account);
        if fits_account && fits_method(&value, method) {
            return Judgement::Allowed(property.clone());
        }
        let property = property.clone();
        match (fits_account, &closest) {
            (true, _) => closest = Refusal::Method { property },
            (false, Refusal::NotNamed) => closest = Refusal::Account { property },
            (false, _) => {}
        }
    }
    if restricts {
        Judgement::Refused(closest)
    } else {
        Judgement::Unrestricted
    }
}

/// The tag that decides.
pub fn governing_tag(set: &[Property], wildcard: bool) -> &'static str {
    if wildcard && set.iter().any(|property| property.has_tag("issuewild")) {
        "issuewild"
    } else {
        "issue"
    }
}

/// RFC 8657 3: a property without the parameter fits every account; one that has it twice fits none.
fn fits_account(value: &IssueValue, account: Option<&AccountUrl>) -> bool {
    let mut wanted = value.all("accounturi");
    match (wanted.next(), wanted.next()) {
        (None, _) => true,
        (Some(uri), None) => account.is_some_and(|account| account.as_str() == uri),
        (Some(_), Some(_)) => false,
    }
}

/// RFC 8657 4: the parameter lists methods; a list that does not match the grammar fits none.
fn fits_method(value: &IssueValue, method: ChallengeMethod) -> bool {
    let mut wanted = value.all("validationmethods");
    let list = match (wanted.next(), wanted.next()) {
        (None, _) => return true,
        (Some(list), None) => list,
        (Some(_), Some(_)) => return false,
    };
    let is_label = |label: &str| {
        !label.is_empty()
            && label
                .bytes()
                .all(|octet| octet.is_ascii_alphanumeric() || octet == b'-')
    };
    list.split(',').all(is_label) && list.split(',').any(|label| label == method.as_str())
}

/// What a CA may judge otherwise.
pub fn doubts(set: &[Property]) -> impl Iterator<Item = Doubt> {
    set.iter().filter_map(|property| {
        let registered = has_one_of(property, &REGISTERED);
        if registered && property.is_critical() {
            Some(Doubt::Registered(property.clone()))
        } else if property.is_nearly_critical() && !has_one_of(property, &KNOWN) {
            Some(Doubt::Flag(property.clone()))
        } else {
            None
        }
    })
}

fn has_one_of(property: &Property, tags: &[&str]) -> bool {
    tags.iter().any(|tag| property.has_tag(tag))
}
