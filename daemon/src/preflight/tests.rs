//! Findings, over name servers without a network: the words are the product.

use std::sync::Arc;

use super::*;
use crate::{
    dns::{
        Options,
        fake::{FakeNet, Mood, address},
    },
    types::AccountUrl,
};

const RESOLVER: &str = "192.0.2.1";
const SERVER: &str = "192.0.2.53";
const ZONE: &str = "example.org NS ns1.example.org.\n ns1.example.org A 192.0.2.53\n";
const LETS_ENCRYPT: &[&str] = &["letsencrypt.org"];

struct Lab {
    net: Arc<FakeNet>,
    dns: Dns,
}

impl Lab {
    fn new(more: &str) -> Lab {
        let net = Arc::new(FakeNet::default());
        net.resolve(RESOLVER);
        net.serve(SERVER, "example.org", &format!("{ZONE}{more}"));
        let options = Options {
            resolvers: vec![address(RESOLVER).into()],
            ..Options::default()
        };
        let dns = Dns::over(net.clone(), options).expect("good options");
        Lab { net, dns }
    }

    async fn look(
        &self,
        identifiers: &[&str],
        identities: &[&str],
        methods: &[ChallengeMethod],
    ) -> Vec<Finding> {
        let identifiers: Vec<Identifier> = identifiers
            .iter()
            .map(|text| text.parse().expect("a name"))
            .collect();
        let identities: Vec<String> = identities.iter().map(|text| (*text).to_owned()).collect();
        let account: AccountUrl = "https://ca.test/acct/7".parse().expect("an address");
        let challenge = "_acme-challenge.example.org".parse().expect("a name");
        let locations = [self.dns.locate(&challenge).await.expect("a location")];
        let inquiry = Inquiry {
            identifiers: &identifiers,
            issuer: Issuer {
                identities: &identities,
                account: Some(&account),
            },
            methods,
            locations: &locations,
            despite: false,
        };
        Preflight::new(self.dns.clone()).look(&inquiry).await
    }

    /// The one finding about CAA.
    async fn caa(&self, identifier: &str) -> Finding {
        let mut findings = self
            .look(&[identifier], LETS_ENCRYPT, &[ChallengeMethod::Dns01])
            .await;
        findings.retain(|finding| finding.subject == Subject::Caa);
        findings.remove(0)
    }
}

fn told(finding: &Finding) -> (Verdict, String) {
    (finding.verdict, finding.to_string())
}

#[tokio::test(start_paused = true)]
async fn a_clean_zone_is_fine_in_every_respect() {
    let lab = Lab::new("");
    let identifiers = ["*.example.org", "example.org"];
    let findings = lab
        .look(&identifiers, LETS_ENCRYPT, &[ChallengeMethod::Dns01])
        .await;
    let shown: Vec<String> = findings.iter().map(ToString::to_string).collect();
    assert_eq!(
        shown,
        [
            "CAA of *.example.org: no CAA record restricts it",
            "CAA of example.org: no CAA record restricts it",
            "DNSSEC of example.org: not signed, which is fine",
            "size of _acme-challenge.example.org: 168 octets with our record, and nothing is there yet",
        ]
    );
    assert!(findings.iter().all(|finding| finding.verdict == Verdict::Fine));
}

#[tokio::test(start_paused = true)]
async fn what_refuses_the_ca_comes_with_the_record_to_add() {
    let lab = Lab::new("example.org CAA 0 issue \"other.example\"\n");
    assert_eq!(
        told(&lab.caa("www.example.org").await),
        (
            Verdict::Blocks,
            "CAA of www.example.org: `example.org. IN CAA 0 issue \"other.example\"` names no letsencrypt.org in \
             `issue`: the CA must not issue: add `example.org. IN CAA 0 issue \"letsencrypt.org; \
             accounturi=https://ca.test/acct/7\"`"
                .to_owned()
        )
    );
    let lab = Lab::new("example.org CAA 0 issue \"letsencrypt.org\"\n example.org CAA 0 issuewild \";\"\n");
    assert_eq!(lab.caa("example.org").await.verdict, Verdict::Fine);
    let wildcard = lab.caa("*.example.org").await;
    assert_eq!(wildcard.verdict, Verdict::Blocks);
    assert_eq!(
        wildcard.remedy.as_deref(),
        Some("add `example.org. IN CAA 0 issuewild \"letsencrypt.org; accounturi=https://ca.test/acct/7\"`")
    );
}

#[tokio::test(start_paused = true)]
async fn a_binding_to_others_is_told_and_kept_in_the_record_to_add() {
    let bound = "letsencrypt.org; accounturi=https://ca.test/acct/6; validationmethods=http-01";
    let lab = Lab::new(&format!("example.org CAA 0 issue \"{bound}\"\n"));
    let finding = lab.caa("example.org").await;
    assert_eq!(finding.verdict, Verdict::Blocks);
    assert_eq!(
        finding.seen,
        format!(
            "`example.org. IN CAA 0 issue \"{bound}\"` is for another account than https://ca.test/acct/7"
        )
    );
    assert_eq!(
        finding.remedy.as_deref(),
        Some(
            "add `example.org. IN CAA 0 issue \"letsencrypt.org; accounturi=https://ca.test/acct/7; \
             validationmethods=dns-01\"`"
        )
    );
}

#[tokio::test(start_paused = true)]
async fn a_method_that_would_do_where_the_preferred_one_does_not_is_a_warning() {
    let lab = Lab::new("example.org CAA 0 issue \"letsencrypt.org; validationmethods=dns-01\"\n");
    let methods = [ChallengeMethod::DnsPersist01, ChallengeMethod::Dns01];
    let verdict = |findings: Vec<Finding>| findings[0].verdict;
    let findings = lab.look(&["example.org"], LETS_ENCRYPT, &methods).await;
    assert_eq!(verdict(findings), Verdict::Warning);
    let findings = lab.look(&["example.org"], LETS_ENCRYPT, &methods[..1]).await;
    assert_eq!(verdict(findings), Verdict::Blocks);
}

#[tokio::test(start_paused = true)]
async fn a_critical_property_blocks_or_warns_as_cas_know_it() {
    let lab = Lab::new("example.org CAA 128 tbs \"Unknown\"\n");
    let finding = lab.caa("example.org").await;
    assert_eq!(
        told(&finding),
        (
            Verdict::Blocks,
            "CAA of example.org: `example.org. IN CAA 128 tbs \"Unknown\"` is critical, and unknown to CAs: none may \
             issue: remove `example.org. IN CAA 128 tbs \"Unknown\"`, or its critical flag"
                .to_owned()
        )
    );
    let lab = Lab::new("example.org CAA 1 tbs \"Unknown\"\n");
    let finding = lab.caa("example.org").await;
    assert_eq!(finding.verdict, Verdict::Warning);
    assert_eq!(
        finding.remedy.as_deref(),
        Some("set its flags to 0: `example.org. IN CAA 0 tbs \"Unknown\"`")
    );
}

#[tokio::test(start_paused = true)]
async fn a_ca_without_identities_looks_at_no_caa_and_is_not_held_to_signatures() {
    let lab = Lab::new("example.org CAA 0 issue \";\"\n");
    let bogus = crate::dns::ExtendedError {
        code: 9,
        text: String::new(),
    };
    lab.net.mood(SERVER, Mood::Well);
    let findings = lab.look(&["example.org"], &[], &[ChallengeMethod::Dns01]).await;
    assert_eq!(
        told(&findings[0]),
        (
            Verdict::Fine,
            "CAA of example.org: the CA has no caaIdentities, and so looks at no CAA record".to_owned()
        )
    );
    assert!(
        lab.net
            .asked
            .lock()
            .iter()
            .all(|(_, question)| question.kind != crate::dns::Kind::Caa),
        "nobody was asked"
    );
    lab.net.mood(RESOLVER, Mood::FindsBogus(bogus));
    let security = |findings: Vec<Finding>| {
        let mut findings = findings.into_iter();
        let one = findings.find(|finding| finding.subject == Subject::Dnssec);
        one.expect("a finding").verdict
    };
    // the zone's place is remembered for a moment, so that the resolver's mood does not matter to it
    let private = lab.look(&["example.org"], &[], &[ChallengeMethod::Dns01]).await;
    assert_eq!(security(private), Verdict::Warning);
    let public = lab
        .look(&["example.org"], LETS_ENCRYPT, &[ChallengeMethod::Dns01])
        .await;
    assert_eq!(security(public), Verdict::Blocks);
}

#[tokio::test(start_paused = true)]
async fn trouble_of_our_own_is_unknown_and_blocks_nothing() {
    let lab = Lab::new("");
    lab.look(&["example.org"], LETS_ENCRYPT, &[ChallengeMethod::Dns01])
        .await;
    lab.net.mood(RESOLVER, Mood::Silent);
    lab.net.mood(SERVER, Mood::Says(crate::dns::Rcode::SERV_FAIL));
    let policies = lab.dns.policies();
    let identifiers = ["example.org".parse().expect("a name")];
    let identities = ["letsencrypt.org".to_owned()];
    let inquiry = Inquiry {
        identifiers: &identifiers,
        issuer: Issuer {
            identities: &identities,
            account: None,
        },
        methods: &[ChallengeMethod::Dns01],
        locations: &[],
        despite: false,
    };
    let deadline = Instant::now() + lab.dns.patience();
    let (finding, _) = caa::look(&policies, &inquiry, &identifiers[0], deadline).await;
    assert_eq!(
        told(&finding),
        (
            Verdict::Unknown,
            "CAA of example.org: not known, and a CA that cannot look it up either refuses: no name server of \
             example.org answers for example.org: caa of example.org: SERVFAIL from 192.0.2.53:53"
                .to_owned()
        )
    );
}

#[tokio::test(start_paused = true)]
async fn endless_silence_ends_at_the_deadline() {
    let lab = Lab::new("");
    let challenge = "_acme-challenge.example.org".parse().expect("a name");
    let locations = [lab.dns.locate(&challenge).await.expect("a location")];
    for server in [SERVER, RESOLVER] {
        lab.net.mood(server, Mood::Silent);
    }
    let identifiers: Vec<Identifier> = (0..50)
        .map(|n| format!("h{n}.example.org").parse().expect("a name"))
        .collect();
    let identities = ["letsencrypt.org".to_owned()];
    let inquiry = Inquiry {
        identifiers: &identifiers,
        issuer: Issuer {
            identities: &identities,
            account: None,
        },
        methods: &[ChallengeMethod::Dns01],
        locations: &locations,
        despite: false,
    };
    let start = Instant::now();
    let findings = Preflight::new(lab.dns.clone()).look(&inquiry).await;
    assert!(start.elapsed() <= lab.dns.patience());
    assert!(
        findings.iter().all(|finding| finding.verdict == Verdict::Unknown),
        "{findings:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn old_values_at_the_challenges_name_are_counted() {
    let values = |count: usize| -> String {
        (0..count)
            .map(|n| format!("_acme-challenge.example.org TXT {n:043}\n"))
            .collect()
    };
    let size = |count: usize| async move {
        let lab = Lab::new(&values(count));
        let findings = lab
            .look(&["example.org"], LETS_ENCRYPT, &[ChallengeMethod::Dns01])
            .await;
        let one = findings
            .into_iter()
            .find(|finding| finding.subject == Subject::Size);
        one.expect("a finding")
    };
    assert_eq!(size(1).await.verdict, Verdict::Fine);
    let many = size(12).await;
    assert_eq!(many.verdict, Verdict::Warning);
    assert_eq!(
        many.seen,
        "12 TXT values are there already, and with ours the answer has 784 octets: CAs have failed on as many"
    );
    let tcp = size(22).await;
    assert!(tcp.seen.contains("have to ask over TCP"), "{tcp}");
    let none = size(1200).await;
    assert_eq!(none.verdict, Verdict::Blocks);
    assert!(
        none.remedy
            .expect("a remedy")
            .starts_with("delete the TXT records at _acme-challenge.example.org.")
    );
}

#[test]
fn later_verdicts_are_worse_and_a_finding_is_data() {
    assert!(
        Verdict::Fine < Verdict::Unknown
            && Verdict::Unknown < Verdict::Warning
            && Verdict::Warning < Verdict::Blocks
    );
    let finding = Finding {
        name: "*.example.org".parse().expect("a name"),
        subject: Subject::Caa,
        verdict: Verdict::Blocks,
        seen: "seen".into(),
        remedy: None,
        took: std::time::Duration::from_millis(2),
    };
    let text = serde_json::to_string(&finding).expect("data");
    assert!(text.contains(r#""subject":"caa","verdict":"blocks""#), "{text}");
    assert_eq!(
        serde_json::from_str::<Finding>(&text).expect("a finding"),
        finding
    );
}
