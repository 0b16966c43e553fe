use std::sync::Arc;

use proptest::prelude::*;

use super::{judgement::doubts, *};
use crate::{
    dns::{
        Authority, Dns, Options, ZoneOptions,
        fake::{FakeNet, Mood, address},
        question::Kind,
    },
    types::{AccountUrl, ChallengeMethod, DnsName},
};

const ACCOUNT: &str = "https://ca.example/acct/1";

fn name(text: &str) -> DnsName {
    text.parse().expect("a name")
}

fn property(flags: u8, tag: &str, value: &str) -> Property {
    Property {
        flags,
        tag: tag.into(),
        value: value.into(),
    }
}

/// Properties written as `issue ca.example; a=b`, flags of 0 left out.
fn set(lines: &[&str]) -> Vec<Property> {
    let read = |line: &&str| {
        let (flags, rest) = match line.split_once(' ') {
            Some((flags, rest)) if flags.parse::<u8>().is_ok() => (flags.parse().expect("flags"), rest),
            _ => (0, *line),
        };
        let (tag, value) = rest.split_once(' ').unwrap_or((rest, ""));
        property(flags, tag, value)
    };
    lines.iter().map(read).collect()
}

fn judged(lines: &[&str], wildcard: bool, method: ChallengeMethod) -> Judgement {
    let identities = ["ca.example".to_owned(), "ca.example.net".to_owned()];
    let account: AccountUrl = ACCOUNT.parse().expect("an address");
    let issuer = Issuer {
        identities: &identities,
        account: Some(&account),
    };
    judge(&set(lines), wildcard, issuer, method)
}

fn allows(lines: &[&str], wildcard: bool) -> bool {
    !matches!(
        judged(lines, wildcard, ChallengeMethod::Dns01),
        Judgement::Refused(_)
    )
}

#[test]
fn rfc8659_4_2_issue_names_who_may() {
    assert!(allows(&["issue ca.example"], false));
    assert!(allows(&["issue CA.Example"], false), "names have no case");
    assert!(allows(&["ISSUE ca.example"], false), "nor have tags");
    assert!(allows(&["issue other.example", "issue ca.example.net"], false));
    assert!(!allows(&["issue other.example"], false));
    assert!(!allows(&["issue sub.ca.example"], false));
    assert!(!allows(&["issue ;"], false), "nobody");
    assert!(!allows(&["issue"], false), "nobody");
    assert!(
        allows(&["issue ;", "issue ca.example"], false),
        "authorizations are additive"
    );
    assert!(
        allows(&["iodef mailto:a@example.org"], false),
        "it restricts nobody"
    );
    assert!(allows(&["unknown x"], false));
}

#[test]
fn rfc8659_4_2_a_value_out_of_grammar_names_nobody() {
    for value in [
        "%%%%%",
        "ca.example.",
        "ca..example",
        "-ca.example",
        "ca.example account=1",
        "ca.example; account",
        "ca.example; =1",
        "ca.example; a b=1",
        "ca.example; a=1 2",
        "ca.example; a=1;",
        "ca.example;; a=1",
        "ca.example; a-=1",
        "ca.example; a=\u{e9}",
    ] {
        assert!(!allows(&[&format!("issue {value}")], false), "{value}");
    }
    for value in [
        "\tca.example  ",
        "ca.example;",
        "ca.example ; ",
        "ca.example;a=1",
        "ca.example; a = 1 ;b=",
        "ca.example; a--b=x=y",
    ] {
        assert!(allows(&[&format!("issue {value}")], false), "{value}");
    }
}

#[test]
fn rfc8659_4_3_issuewild_goes_before_issue_for_wildcards_alone() {
    let both = ["issue ca.example", "issuewild other.example"];
    assert!(allows(&both, false));
    assert!(!allows(&both, true));
    assert!(
        !allows(&["issue other.example", "issuewild ca.example"], false),
        "issuewild is ignored"
    );
    assert!(allows(&["issue other.example", "issuewild ca.example"], true));
    assert!(allows(&["issue ca.example"], true));
    assert!(!allows(&["issue other.example"], true));
    assert!(allows(&["issuewild ;"], false), "the set has no issue");
    assert!(!allows(&["issuewild ;"], true));
}

#[test]
fn rfc8659_4_1_a_critical_property_that_is_unknown_forbids() {
    assert!(!allows(&["issue ca.example", "128 tbs Unknown"], false));
    assert!(!allows(&["129 tbs Unknown"], true));
    assert!(
        allows(&["issue ca.example", "127 tbs Unknown"], false),
        "reserved flags are ignored"
    );
    assert!(
        allows(&["128 issue ca.example", "128 iodef mailto:a@example.org"], false),
        "these are known"
    );
    let doubtful = |line: &str| doubts(&set(&[line])).count();
    assert_eq!(doubtful("128 contactemail a@example.org"), 1);
    assert_eq!(doubtful("1 tbs Unknown"), 1);
    assert_eq!(doubtful("0 tbs Unknown") + doubtful("1 issue ca.example"), 0);
}

/// RFC 8657 3 and 4, a case a line: the property's parameters, and which of dns-01 and dns-account-01 it allows our
/// account. `tests/tests/rfc8659` has the same from a real server.
#[test]
fn rfc8657_a_property_may_be_bound_to_accounts_and_methods() {
    let ours = format!("accounturi={ACCOUNT}");
    let cases: [(String, bool, bool); 20] = [
        (String::new(), true, true),
        (ours.clone(), true, true),
        ("accounturi=https://ca.example/acct/2".into(), false, false),
        ("accounturi=https://ca.example/ACCT/1".into(), false, false),
        (format!("{ours}/"), false, false),
        ("accounturi=".into(), false, false),
        (format!("{ours}; {ours}"), false, false),
        (
            format!("{ours}; accounturi=https://ca.example/acct/2"),
            false,
            false,
        ),
        (
            ours.to_uppercase().replace(&ACCOUNT.to_uppercase(), ACCOUNT),
            true,
            true,
        ),
        ("validationmethods=dns-01".into(), true, false),
        ("validationmethods=http-01,dns-01".into(), true, false),
        ("validationmethods=dns-01,dns-account-01".into(), true, true),
        ("validationmethods=http-01".into(), false, false),
        ("validationmethods=".into(), false, false),
        ("validationmethods=DNS-01".into(), false, false),
        ("validationmethods=dns-01,,http-01".into(), false, false),
        (
            "validationmethods=dns-01; validationmethods=dns-01".into(),
            false,
            false,
        ),
        ("validationmethods=ca-own,dns-01".into(), true, false),
        (format!("{ours}; validationmethods=dns-01"), true, false),
        (
            "accounturi=https://ca.example/acct/2; validationmethods=dns-01".into(),
            false,
            false,
        ),
    ];
    for (parameters, dns_01, dns_account_01) in cases {
        let line = format!("issue ca.example; {parameters}");
        let allowed = |method| !matches!(judged(&[&line], false, method), Judgement::Refused(_));
        assert_eq!(allowed(ChallengeMethod::Dns01), dns_01, "{line}");
        assert_eq!(allowed(ChallengeMethod::DnsAccount01), dns_account_01, "{line}");
    }
}

#[test]
fn an_account_that_is_not_there_yet_fits_no_binding() {
    let identities = ["ca.example".to_owned()];
    let issuer = Issuer {
        identities: &identities,
        account: None,
    };
    let of = |line: &str| judge(&set(&[line]), false, issuer, ChallengeMethod::Dns01);
    assert!(matches!(of("issue ca.example"), Judgement::Allowed(_)));
    assert!(matches!(
        of("issue ca.example; accounturi=https://ca.example/acct/1"),
        Judgement::Refused(Refusal::Account { .. })
    ));
}

#[test]
fn the_refusal_that_came_closest_to_a_permission_is_told() {
    let lines = [
        "issue other.example",
        "issue ca.example; accounturi=https://ca.example/acct/1; validationmethods=http-01",
        "issue ca.example; accounturi=https://ca.example/acct/2",
    ];
    assert!(matches!(
        judged(&lines, false, ChallengeMethod::Dns01),
        Judgement::Refused(Refusal::Method { .. })
    ));
    assert_eq!(
        judged(&lines[..1], false, ChallengeMethod::Dns01),
        Judgement::Refused(Refusal::NotNamed)
    );
}

#[test]
fn a_property_is_shown_as_in_a_zone_file() {
    let shown = property(0, "issue", "a\"b\\c\u{7}; d").to_string();
    assert_eq!(shown, r#"0 issue "a\"b\\c\007; d""#);
}

proptest! {
    #[test]
    fn octets_of_every_kind_are_a_property(octets in proptest::collection::vec(any::<u8>(), 0..80)) {
        let property = Property::read(&octets);
        IssueValue::read(&property.value);
        prop_assert!(property.to_string().is_ascii());
    }
}

const RESOLVER: &str = "192.0.2.1";
const ONE: &str = "192.0.2.53";
const OTHER: &str = "203.0.113.53";
const ORG: &str = "example.org NS ns1.example.org.
     ns1.example.org A 192.0.2.53
     www.example.org A 192.0.2.80
";
const NET: &str = "example.net NS ns.example.net.
     ns.example.net A 203.0.113.53
     ca-policy.example.net CAA 0 issue \"policy.example\"
     loop.example.net CNAME loop.example.org.
";

struct Lab {
    net: Arc<FakeNet>,
    dns: Dns,
}

impl Lab {
    fn new(more: &str) -> Lab {
        let net = Arc::new(FakeNet::default());
        net.resolve(RESOLVER);
        net.serve(ONE, "example.org", &format!("{ORG}{more}"));
        net.serve(OTHER, "example.net", NET);
        let options = Options {
            resolvers: vec![address(RESOLVER).into()],
            ..Options::default()
        };
        let dns = Dns::over(net.clone(), options).expect("good options");
        Lab { net, dns }
    }

    /// With authorities that need no resolver to be found.
    fn configured(more: &str) -> Lab {
        let Lab { net, .. } = Lab::new(more);
        let zone = |apex, server| {
            let authorities = vec![Authority::Address(address(server))];
            (
                name(apex),
                ZoneOptions {
                    authorities,
                    ..ZoneOptions::default()
                },
            )
        };
        let options = Options {
            resolvers: vec![address(RESOLVER).into()],
            zones: [zone("example.org", ONE), zone("example.net", OTHER)].into(),
            ..Options::default()
        };
        let dns = Dns::over(net.clone(), options).expect("good options");
        Lab { net, dns }
    }

    async fn policy(&self, of: &str) -> Result<Policy, CaaError> {
        self.dns.policies().of(&name(of)).await
    }

    /// Where the relevant set is and its first value.
    async fn relevant(&self, of: &str) -> Option<(String, String)> {
        let set = self.policy(of).await.expect("a policy").set?;
        let value = String::from_utf8_lossy(&set.properties[0].value).into_owned();
        Some((set.owner.to_string(), value))
    }
}

fn found(owner: &str, value: &str) -> Option<(String, String)> {
    Some((owner.to_owned(), value.to_owned()))
}

#[tokio::test(start_paused = true)]
async fn rfc8659_3_the_climb_ends_at_the_first_records() {
    let lab = Lab::new(
        "example.org CAA 0 issue \"apex.example\"
         www.example.org CAA 0 issue \"www.example\"
         a.b.example.org A 192.0.2.80\n",
    );
    assert_eq!(
        lab.relevant("www.example.org").await,
        found("www.example.org", "www.example")
    );
    assert_eq!(
        lab.relevant("x.www.example.org").await,
        found("www.example.org", "www.example")
    );
    assert_eq!(
        lab.relevant("a.b.example.org").await,
        found("example.org", "apex.example"),
        "an empty non-terminal lies between"
    );
    assert_eq!(
        lab.relevant("gone.example.org").await,
        found("example.org", "apex.example")
    );
    assert_eq!(lab.relevant("ns.example.net").await, None);
}

#[tokio::test(start_paused = true)]
async fn rfc8659_3_an_alias_is_followed_and_its_targets_parents_are_not_climbed() {
    let lab = Lab::new(
        "example.org CAA 0 issue \"apex.example\"
         shop.example.org CNAME ca-policy.example.net.
         blog.example.org CNAME ns.example.net.
         deep.example.org CNAME shop.example.org.
         astray.example.org CNAME nowhere.example.net.\n",
    );
    let policy = found("ca-policy.example.net", "policy.example");
    assert_eq!(lab.relevant("shop.example.org").await, policy);
    assert_eq!(lab.relevant("deep.example.org").await, policy);
    assert_eq!(
        lab.relevant("blog.example.org").await,
        found("example.org", "apex.example")
    );
    assert_eq!(
        lab.relevant("astray.example.org").await,
        found("example.org", "apex.example")
    );
}

#[tokio::test(start_paused = true)]
async fn an_alias_that_leads_back_is_an_error_that_names_it() {
    let lab = Lab::configured("loop.example.org CNAME loop.example.net.\n");
    let error = lab.policy("loop.example.org").await.expect_err("a loop");
    assert_eq!(
        error.to_string(),
        "cname loop: loop.example.org -> loop.example.net -> loop.example.org"
    );
}

#[tokio::test(start_paused = true)]
async fn a_delegated_zone_is_asked_at_its_own_servers() {
    let lab = Lab::new("sub.example.org NS ns.example.net.\nexample.org CAA 0 issue \"apex.example\"\n");
    lab.net.serve(
        OTHER,
        "sub.example.org",
        "sub.example.org NS ns.example.net.\n sub.example.org CAA 0 issue \"sub.example\"",
    );
    assert_eq!(
        lab.relevant("host.sub.example.org").await,
        found("sub.example.org", "sub.example")
    );
    let policy = lab.policy("host.sub.example.org").await.expect("a policy");
    assert_eq!(policy.zone, Some(name("sub.example.org")));
}

#[tokio::test(start_paused = true)]
async fn authorities_are_asked_where_caches_could_be_old_and_each_name_once() {
    let lab = Lab::new("example.org CAA 0 issue \"apex.example\"\n");
    let policies = lab.dns.policies();
    for of in [
        "www.example.org",
        "example.org",
        "www.example.org",
        "gone.example.org",
    ] {
        policies.of(&name(of)).await.expect("a policy");
    }
    let asked = lab.net.asked.lock();
    let mut caa: Vec<_> = asked
        .iter()
        .filter(|(_, question)| question.kind == Kind::Caa)
        .map(|(server, question)| (*server, question.name.to_string()))
        .collect();
    caa.sort();
    caa.retain(|(_, name)| name != "org");
    assert_eq!(
        caa,
        [
            (address(ONE), "example.org".to_owned()),
            (address(ONE), "gone.example.org".to_owned()),
            (address(ONE), "www.example.org".to_owned()),
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_server_that_fails_is_named_with_the_question() {
    let lab = Lab::new("");
    lab.net.mood(ONE, Mood::Says(crate::dns::Rcode::SERV_FAIL));
    let error = lab.policy("example.org").await.expect_err("nobody tells");
    assert_eq!(
        error.to_string(),
        "no name server of example.org answers for example.org: caa of example.org: SERVFAIL from 192.0.2.53:53"
    );
}

#[tokio::test(start_paused = true)]
async fn trouble_above_the_relevant_set_is_nobodys() {
    let lab = Lab::configured("example.org CAA 0 issue \"apex.example\"\n");
    lab.net.mood(RESOLVER, Mood::Silent);
    let start = tokio::time::Instant::now();
    assert_eq!(
        lab.relevant("www.example.org").await,
        found("example.org", "apex.example")
    );
    assert!(
        start.elapsed() < std::time::Duration::from_secs(1),
        "nobody waited for the resolver"
    );
    lab.net.remove(ONE, "example.org", "example.org");
    let error = lab.policy("www.example.org").await.expect_err("org is not known");
    assert!(
        error
            .to_string()
            .contains("caa of org: no answer from 192.0.2.1:53"),
        "{error}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_set_or_a_name_beyond_all_sense_is_not_looked_at() {
    let many: String = (0..201)
        .map(|n| format!("example.org CAA 0 issue \"ca{n}.example\"\n"))
        .collect();
    let error = Lab::new(&many).policy("example.org").await.expect_err("too many");
    assert!(matches!(error, CaaError::TooMany { count: 201, .. }), "{error}");
    let deep = format!("{}example.org", "a.".repeat(31));
    let error = Lab::new("").policy(&deep).await.expect_err("too deep");
    assert!(matches!(error, CaaError::TooDeep { .. }), "{error}");
}
