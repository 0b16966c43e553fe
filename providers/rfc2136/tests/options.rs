//! Half, wrong and weak configurations are refused before any packet is sent.
#![allow(clippy::unwrap_used)]

use dns01_plugin_api::Level;
use dns01_plugin_api::abi::status;
use dns01_plugin_api::testing::TestHost;
use dns01_rfc2136::Rfc2136;

const SERVER: (&str, &str) = ("server", "192.0.2.1");
const KEY: (&str, &str) = ("tsig-key", "k");
const SECRET: (&str, &str) = ("tsig-secret", "c2VjcmV0");

#[test]
fn faults_name_the_option_and_the_remedy() {
    let cases: [(&[(&str, &str)], &str); 15] = [
        (&[], "`server` is missing"),
        (&[("server", "https://ns1")], "`server`"),
        (&[("server", "192.0.2.1:99999")], "from 1 to 65535"),
        (&[SERVER, ("zone", "..")], "`zone`"),
        (&[SERVER, ("transport", "quic")], "neither udp nor tcp"),
        (&[SERVER, KEY], "`tsig-secret`: is missing"),
        (&[SERVER, SECRET], "`tsig-key`: is missing"),
        (&[SERVER, KEY, ("tsig-secret", "not base64!")], "not base64"),
        (&[SERVER, KEY, SECRET, ("tsig-algorithm", "hmac-md5")], "broken"),
        (&[SERVER, KEY, SECRET, ("tsig-algorithm", "hmac-sha1")], "broken"),
        (&[SERVER, ("tsig-algorithm", "gss-tsig")], "make a key of its own"),
        (&[SERVER, KEY, ("tsig-algorithm", "GSS-TSIG.")], "CNAME"),
        (&[SERVER, ("ttl", "-1")], "`ttl`"),
        (&[SERVER, ("timeout", "0")], "`timeout`"),
        (&[SERVER, ("tsig_key", "k")], "no option `tsig_key`"),
    ];
    for (options, expected) in cases {
        let host = TestHost::start();
        let refused = host.open::<Rfc2136>(options).unwrap_err();
        assert_eq!(refused.status, status::CONFIG, "{options:?}");
        assert!(
            refused.message.contains(expected),
            "{options:?}: {}",
            refused.message
        );
        assert!(
            !refused.message.contains("not base64!"),
            "a secret, even a wrong one"
        );
        assert!(host.logged(Level::Trace).is_empty());
    }
}

#[test]
fn a_full_and_a_minimal_configuration_open() {
    let host = TestHost::start();
    host.open::<Rfc2136>(&[SERVER]).unwrap();
    host.open::<Rfc2136>(&[
        SERVER,
        ("server", "[2001:db8::1]:5353"),
        ("server", "ns1.example.org"),
        ("zone", "Example.ORG."),
        ("transport", "tcp"),
        KEY,
        SECRET,
        ("tsig-algorithm", "HMAC-SHA512."),
        ("ttl", "30"),
        ("timeout", "2500"),
    ])
    .unwrap();
}
