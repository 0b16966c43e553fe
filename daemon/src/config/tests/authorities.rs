//! CAs, and what certificates ask of them.

use std::time::Duration;

use jiff::SignedDuration;

use super::*;
use crate::{
    acme::{self, Algorithm, MacAlgorithm},
    pki::ChainPreference,
    schedule::{Limit, Limits},
    secret_source::SecretSource,
    types::ChallengeMethod,
};

const PROVIDER: &str = "providers:\n  dns: { library: rfc2136 }\n";

fn load(site: &Site, text: &str) -> Config {
    site.load(text).unwrap_or_else(|faults| panic!("{faults}"))
}

#[test]
fn a_preset_is_known_by_its_name_the_ca_s_name_or_its_directory() {
    let site = Site::new();
    let config = load(
        &site,
        r#"cas:
  letsencrypt: { agree-terms: true }
  letsencrypt-staging: { agree-terms: true }
  backup: { preset: zerossl, agree-terms: true, external-account: { kid: K1, hmac-key: { file: /etc/eab } } }
  by-address: { directory: "https://dv.acme-v02.api.pki.goog/directory", agree-terms: true,
    external-account: { kid: K2, hmac-key: { credential: eab }, algorithm: hs512 } }
  own: { directory: "https://ca.example.org/acme/acme/directory", preset: step-ca, agree-terms: true, staging: letsencrypt-staging }
"#,
    );
    let [backup, google, le, staging, own] = config.cas.as_slice() else {
        panic!("{:?}", config.cas)
    };
    assert_eq!(
        le.acme.directory.as_str(),
        "https://acme-v02.api.letsencrypt.org/directory"
    );
    assert_eq!((le.limits, le.staging), (Limits::LETS_ENCRYPT, false));
    assert_eq!(le.trial, Some("letsencrypt-staging".parse().expect("a name")));
    assert!(staging.staging && staging.trial.is_none());
    assert_eq!(backup.acme.directory.as_str(), "https://acme.zerossl.com/v2/DV90");
    let account = backup.external_account.as_ref().expect("an external account");
    assert_eq!(
        (account.kid.as_str(), account.algorithm),
        ("K1", MacAlgorithm::Hs256)
    );
    assert_eq!(account.hmac_key, SecretSource::File("/etc/eab".into()));
    assert_eq!((backup.limits, backup.trial.as_ref()), (Limits::NONE, None));
    let account = google.external_account.as_ref().expect("an external account");
    assert_eq!(account.algorithm, MacAlgorithm::Hs512);
    assert_eq!(own.trial, le.trial);
    assert_eq!((own.limits, own.staging), (Limits::NONE, false));
}

#[test]
fn limits_are_the_ca_s_own_unless_the_operator_knows_better() {
    let site = Site::new();
    let config = load(
        &site,
        r#"cas:
  a: { directory: "https://127.0.0.1/a", agree-terms: true, limits: lets-encrypt }
  b: { preset: letsencrypt, agree-terms: true, limits: none }
  c: { preset: letsencrypt, agree-terms: true, limits: { exact-set: none, orders: 20/1h, breaker: false } }
  d: { directory: "https://127.0.0.1/d", agree-terms: true, account-key: rs256, request-rate: 7, account-key-rollover: 365d, preflight: warn, limits: { registered-domain: 20/7d } }
"#,
    );
    let limits: Vec<_> = config.cas.iter().map(|ca| ca.limits).collect();
    assert_eq!(limits[0], Limits::LETS_ENCRYPT);
    assert_eq!(limits[1], Limits::NONE);
    assert_eq!(
        limits[2],
        Limits {
            orders: Some(Limit {
                most: 20,
                per: SignedDuration::from_hours(1)
            }),
            exact_set: None,
            breaker: false,
            ..Limits::LETS_ENCRYPT
        }
    );
    assert_eq!(
        limits[3],
        Limits {
            registered_domain: Some(Limit::new(20, 168)),
            ..Limits::NONE
        }
    );
    assert_eq!(config.cas[2].account_key, Algorithm::Es256);
    assert_eq!(config.cas[3].account_key, Algorithm::Rs256);
    assert_eq!(config.cas[2].acme.request_rate, acme::DEFAULT_REQUEST_RATE);
    assert_eq!(config.cas[3].acme.request_rate.get(), 7);
    assert_eq!(
        (config.cas[2].despite_dns, config.cas[3].despite_dns),
        (false, true)
    );
    assert_eq!(config.cas[3].rollover, Some(Duration::from_secs(365 * 86_400)));
}

#[test]
fn what_a_certificate_does_not_say_its_defaults_and_its_ca_do() {
    let site = Site::new();
    let digest = "ab".repeat(32);
    let config = load(
        &site,
        &format!(
            r#"cas:
  a: {{ directory: "https://127.0.0.1/a", agree-terms: true, profile: short }}
  b: {{ directory: "https://127.0.0.1/b", agree-terms: true }}
{PROVIDER}defaults: {{ ca: [a, b], challenges: [dns-persist-01, dns-01], chain: shortest }}
certificates:
  one: {{ names: [one.test] }}
  two: {{ names: [two.test], ca: b, profile: long, challenges: [dns-account-01], chain: {{ root: "Some Root X1" }}, lifetime: 24h }}
  three: {{ names: [three.test], ca: [b, a], profile: {{ b: long }}, chain: {{ root-sha256: "{digest}" }} }}
  four: {{ names: [four.test], chain: default }}
"#
        ),
    );
    let [four, one, three, two] = config.certificates.as_slice() else {
        panic!("{:?}", config.certificates)
    };
    let profiles = |certificate: &engine::Certificate| -> Vec<String> {
        let pairs = certificate.profiles.iter();
        pairs.map(|(ca, profile)| format!("{ca}={profile}")).collect()
    };
    assert_eq!(one.cas, ["a", "b"].map(|name| name.parse().expect("a name")));
    assert_eq!(profiles(one), ["a=short"]);
    assert_eq!(
        one.challenges,
        [ChallengeMethod::DnsPersist01, ChallengeMethod::Dns01]
    );
    assert_eq!((&one.chain, one.lifetime), (&ChainPreference::Shortest, None));
    assert_eq!(profiles(two), ["b=long"]);
    assert_eq!(two.challenges, [ChallengeMethod::DnsAccount01]);
    assert_eq!(two.chain, ChainPreference::Root("Some Root X1".into()));
    assert_eq!(two.lifetime, Some(Duration::from_secs(86_400)));
    assert_eq!(profiles(three), ["a=short", "b=long"]);
    assert_eq!(three.chain, ChainPreference::RootSha256([0xab; 32]));
    assert_eq!(four.chain, ChainPreference::Default);
}

#[test]
fn the_summary_shows_what_is_asked_of_whom() {
    let site = Site::new();
    let config = load(
        &site,
        &format!(
            r#"cas:
  letsencrypt: {{ agree-terms: true, profile: shortlived, account-key-rollover: 365d }}
  letsencrypt-staging: {{ agree-terms: true, limits: none }}
  zerossl: {{ agree-terms: true, external-account: {{ kid: K1, hmac-key: {{ file: /etc/eab }} }}, limits: {{ breaker: false }} }}
{PROVIDER}certificates:
  internal:
    names: ["*.internal.test", internal.test]
    ca: [letsencrypt, zerossl]
    challenges: [dns-persist-01, dns-01]
    standing-lifetime: 180d
    chain: {{ issuer: R10 }}
    lifetime: 36h
  plain: {{ names: [plain.test], ca: zerossl }}
"#
        ),
    );
    insta::assert_snapshot!(summary::text(&config));
    insta::assert_snapshot!(
        "the_summary_for_programs",
        site.plain(&format!("{:#}", summary::json(&config)))
    );
}

#[test]
fn every_mistake_about_a_ca_is_named() {
    let site = Site::new();
    let report = site.report(
        r#"cas:
  letsencript: { agree-terms: true }
  a: { preset: zerosll, agree-terms: true }
  b: { preset: nobody, agree-terms: true }
  step-ca: { agree-terms: true }
  google: { agree-terms: true }
  c: { preset: ssl-com-rsa, agree-terms: true, external-account: { algorithm: hs265 } }
  d: { preset: actalis, agree-terms: true, external-account: { kid: "a b", hmac-key: AAECAwQFBgcICQ } }
  e: { preset: letsencrypt, agree-terms: true, staging: e, account-key-rollover: 1h, profile: "" }
  f: { preset: letsencrypt, agree-terms: true, staging: nowhere, limits: letsencrypt, account-key: rsa256, request-rate: 0 }
  g: { preset: letsencrypt, agree-terms: true, limits: { orders: 300, exact-sets: 5/7d, breaker: no } }
  h: { preset: letsencrypt, agree-terms: true, limits: [300], external-account: KID, preflight: off }
"#,
    );
    insta::assert_snapshot!(report);
}

#[test]
fn every_mistake_about_what_a_certificate_asks_is_named() {
    let site = Site::new();
    let report = site.report(&format!(
        r#"cas:
  le: {{ preset: letsencrypt, agree-terms: true }}
  trial: {{ preset: letsencrypt-staging, agree-terms: true }}
  it: {{ preset: actalis, agree-terms: true, external-account: {{ kid: K, hmac-key: {{ file: /etc/eab }} }} }}
{PROVIDER}defaults: {{ ca: [], challenges: [], chain: longest }}
certificates:
  a: {{ names: [a.test], ca: [le, trail], profile: {{ nobody: x }} }}
  b: {{ names: [b.test], ca: [le, le, trial], profile: shortlived }}
  c: {{ names: ["*.c.test"], ca: it, challenges: [http-01, dns-1, dns-01, dns-01, email-reply-00] }}
  d: {{ names: [d.test], ca: le, chain: {{ root: A, issuer: B }}, lifetime: 0s, standing-lifetime: 400d }}
  e: {{ names: [e.test], ca: le, chain: {{ root-sha256: abc }}, profile: [x] }}
  f: {{ names: [f.test], ca: le, chain: {{}}, profile: {{ trial: x }} }}
  g: {{ names: [g.test], ca: {{ le: 1 }}, chain: {{ rot: A }} }}
  i: {{ names: [i.test], ca: le, challenges: [dns-persist-01], standing-lifetime: 8d }}
  h: {{ names: [h.test], ca: [le, it], profile: {{ trial: x, el: y, le: "" }} }}
"#
    ));
    insta::assert_snapshot!(report);
}

#[test]
fn the_same_names_may_have_certificates_of_different_kinds() {
    let site = Site::new();
    let config = load(
        &site,
        &with(
            "certificates:\n  rsa: { names: [a.test], key: rsa-2048 }\n  ec: { names: [a.test], key: ecdsa-p256 }\n  short: { names: [a.test], profile: shortlived }\n",
        ),
    );
    assert_eq!(whats(&config.warnings), Vec::<String>::new());
}

#[test]
fn a_ca_for_trials_of_the_other_is_not_meant_by_default() {
    let site = Site::new();
    let config = load(
        &site,
        &format!(
            "cas:\n  letsencrypt: {{ agree-terms: true }}\n  letsencrypt-staging: {{ agree-terms: true }}\n\
             {PROVIDER}certificates:\n  a: {{ names: [a.test] }}\n"
        ),
    );
    assert_eq!(
        config.certificates[0].cas,
        ["letsencrypt".parse().expect("a name")]
    );
}
