//! Resolvers, vantage and visibility.

use std::time::Duration;

use super::*;
use crate::dns::Visibility;

#[test]
fn every_way_to_see_a_record_is_read_and_summed_up() {
    let site = Site::new();
    let config = site
        .load(&with(
            r#"dns:
  resolvers: [192.0.2.1, "tls://dns.example.test"]
  vantage: ["https://dns.example.test@192.0.2.9/dns-query"]
  zones:
    usual.test: { authorities: [192.0.2.2] }
    closed.test:
      visibility: doh
      resolvers: ["https://resolver.closed.test@192.0.2.3/dns-query", "tls://[2001:db8::3]"]
      vantage: []
    slow.test: { visibility: { wait: 60s } }
    told.test: { visibility: provider-sync }
    said.test: { visibility: authorities, aliases: follow, agreement: all }
    strict.test: { aliases: refuse, agreement: quorum }
    _acme-challenge.made.test: { aliases: plain }
certificates:
  a: { names: [a.closed.test] }
"#,
        ))
        .unwrap_or_else(|faults| panic!("{faults}"));
    let said = |zone: &str| config.dns.zones[&zone.parse().expect("a name")].visibility;
    assert_eq!(said("usual.test"), None);
    assert_eq!(said("closed.test"), Some(Visibility::Doh));
    assert_eq!(said("slow.test"), Some(Visibility::Wait(Duration::from_secs(60))));
    assert_eq!(said("told.test"), Some(Visibility::ProviderSync));
    assert_eq!(said("said.test"), Some(Visibility::Authorities));
    insta::assert_snapshot!(summary::text(&config));
    let json = summary::json(&config);
    assert_eq!(json["zones"][1]["visibility"], "doh");
    assert_eq!(
        json["vantage"][0],
        "https://dns.example.test@192.0.2.9:443/dns-query"
    );
}

#[test]
fn resolvers_that_cannot_be_asked_and_ways_that_contradict_themselves_are_refused() {
    let site = Site::new();
    let report = site.report(&with(
        r#"dns:
  ca-file: roots.pem
  resolvers: ["tls://dns.example.test", "https://dns.example.org/dns-query"]
  vantage: ["udp://192.0.2.1", "tcp://dns.example.test", "https://192.0.2.1/a?b", "tls://192.0.2.1:0"]
  zones:
    nothing.test: {}
    plain.test: { visibility: doh, resolvers: [192.0.2.3] }
    none.test: { visibility: doh }
    inside.test: { resolvers: ["tls://resolver.inside.test"] }
    both.test: { visibility: provider-sync, authorities: [192.0.2.4] }
    watched.test: { visibility: { wait: 1m }, vantage: [192.0.2.5] }
    long.test: { visibility: { wait: 2h } }
    word.test: { visibility: dot }
    number.test: { visibility: 60 }
    empty.test: { visibility: {} }
    more.test: { visibility: { wait: 1s, hours: 2 } }
    policies.test: { aliases: none, agreement: most }
    unused.test: { visibility: { wait: 1s }, aliases: refuse, agreement: quorum }
certificates:
  a: { names: [a.test] }
"#,
    ));
    insta::assert_snapshot!(report);
}

#[test]
fn a_resolver_given_by_name_needs_somebody_who_looks_it_up() {
    let site = Site::new();
    for (dns, works) in [
        ("resolvers: [\"tls://dns.test\"]", false),
        ("resolvers: [192.0.2.1, \"tls://dns.test\"]", true),
        ("resolvers: [\"tls://dns.test@192.0.2.1\"]", true),
        ("vantage: [\"tls://dns.test\"]", true),
        ("zones: { a.test: { resolvers: [\"tls://dns.test\"] } }", true),
        ("zones: { a.test: { resolvers: [\"tls://dns.a.test\"] } }", false),
        (
            "zones: { a.test: { resolvers: [192.0.2.1, \"tls://dns.a.test\"] } }",
            true,
        ),
        (
            "zones: { a.test: { resolvers: [\"tls://dns.b.test\"] }, b.test: { resolvers: [\"tls://dns.a.test\"] } }",
            false,
        ),
    ] {
        let text = with(&format!(
            "dns: {{ {dns} }}\ncertificates:\n  a: {{ names: [a.test] }}\n"
        ));
        assert_eq!(site.load(&text).is_ok(), works, "{dns}");
    }
}
