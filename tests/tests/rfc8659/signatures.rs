//! Signed zones of every kind, judged by Unbound.

use dns01d::{
    preflight::{Finding, Subject, Verdict},
    types::ChallengeMethod,
};
use lab::{
    bind::Bind,
    signing::{SignedZone, Validity},
    unbound::{Unbound, UnboundOptions},
};

use super::stage::{ZONE, bind, dns, look, of};

const CHILDREN: [&str; 5] = ["good", "expired", "wrong-ds", "no-ds", "plain"];

/// BIND with a signed parent and children, and a resolver that trusts the parent's key.
pub async fn signed(validates: bool) -> (Bind, Unbound) {
    let mut delegations = String::new();
    let mut fixed = Vec::new();
    for child in CHILDREN {
        let zone = format!("{child}.{ZONE}");
        delegations.push_str(&format!(
            "{child} IN NS ns1.{zone}.\nns1.{zone}. IN A 127.0.0.1\n"
        ));
        let validity = match child {
            "expired" => Validity::Expired,
            _ => Validity::Now,
        };
        let signed = SignedZone::new(&zone, "", validity).unwrap();
        let ds = match child {
            "wrong-ds" => Some(signed.wrong_ds()),
            "good" | "expired" => Some(signed.ds.clone()),
            _ => None,
        };
        if let Some(ds) = ds {
            delegations.push_str(&format!("{child} IN DS {ds}\n"));
        }
        let text = match child {
            "plain" => {
                "$TTL 5\n@ IN SOA ns1 hostmaster 1 3600 600 86400 1\n@ IN NS ns1\nns1 IN A 127.0.0.1\n"
                    .to_owned()
            }
            _ => signed.text,
        };
        fixed.push((zone, text));
    }
    let parent = SignedZone::new(ZONE, &delegations, Validity::Now).unwrap();
    fixed.push((ZONE.to_owned(), parent.text));
    let zones = fixed.iter().map(|(zone, _)| zone.clone()).collect();
    let (bind, _) = bind("", fixed).await;
    let unbound = UnboundOptions {
        zones,
        server: bind.addr(),
        anchors: vec![format!("{ZONE}. DS {}", parent.ds)],
        validates,
    };
    (bind, Unbound::start(&unbound).await.unwrap())
}

async fn signatures(bind: &Bind, unbound: &Unbound, child: &str) -> Finding {
    let dns = dns(unbound.addr(), bind.addr());
    let findings = look(&dns, &[&format!("{child}.{ZONE}")], ChallengeMethod::Dns01).await;
    of(Subject::Dnssec, &findings).clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn signatures_that_hold_and_none_at_all_are_fine() {
    let (bind, unbound) = signed(true).await;
    let good = signatures(&bind, &unbound, "good").await;
    assert_eq!(good.verdict, Verdict::Fine, "{good}\n{}", unbound.log());
    assert!(good.seen.starts_with("signed, and 127.0.0.1:"), "{good}");
    for child in ["no-ds", "plain"] {
        let finding = signatures(&bind, &unbound, child).await;
        assert_eq!(finding.verdict, Verdict::Fine, "{finding}\n{}", unbound.log());
        assert_eq!(finding.seen, "not signed, which is fine", "{child}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn signatures_that_do_not_hold_block_with_the_resolvers_reason() {
    let (bind, unbound) = signed(true).await;
    for (child, reasons) in [
        ("expired", &["EDE 7", "EDE 6"][..]),
        ("wrong-ds", &["EDE 9", "EDE 6"][..]),
    ] {
        let finding = signatures(&bind, &unbound, child).await;
        assert_eq!(finding.verdict, Verdict::Blocks, "{finding}\n{}", unbound.log());
        assert!(finding.seen.starts_with("bogus"), "{finding}");
        assert!(
            reasons.iter().any(|reason| finding.seen.contains(reason)),
            "{finding}\n{}",
            unbound.log()
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resolver_that_does_not_validate_is_told_from_one_that_finds_nothing_wrong() {
    let (bind, unbound) = signed(false).await;
    let finding = signatures(&bind, &unbound, "good").await;
    assert_eq!(finding.verdict, Verdict::Unknown, "{finding}");
    assert!(finding.seen.contains("does not seem to validate"), "{finding}");
    let finding = signatures(&bind, &unbound, "plain").await;
    assert_eq!(finding.verdict, Verdict::Fine, "{finding}");
}
