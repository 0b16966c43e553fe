//! Half, wrong and dangerous configurations are refused before any request is sent.
#![allow(clippy::unwrap_used)]

use dns01_cloudflare::Cloudflare;
use dns01_plugin_api::Level;
use dns01_plugin_api::abi::{cap, status};
use dns01_plugin_api::testing::TestHost;

const TOKEN: (&str, &str) = ("api-token", "YQSn-xWAQiiEh9qM58wZNnyQS7FUdoqGIUAbrh7T");
const ID: &str = "023e105f4ecef8ad9ca31a8372d0c353";
const OTHER: &str = "9a7806061c88ada191ed06f989cc3dac";

#[test]
fn faults_name_the_option_and_the_remedy() {
    let named = format!("example.org={ID}");
    let cases: [(&[(&str, &str)], &str); 17] = [
        (&[], "`api-token` is missing"),
        (
            &[("api-token", "144c9defac04969c7bfad8efaa8ea194fe7e6")],
            "global API key",
        ),
        (&[("api-token", "cfk_0123456789")], "global API key"),
        (&[TOKEN, ("email", "me@example.org")], "global API key"),
        (
            &[TOKEN, ("api-key", "s3cret")],
            "create an API token with DNS:Edit",
        ),
        (&[("api-token", "Bearer s3cret")], "without `Bearer`"),
        (&[TOKEN, ("zone", "example.org")], "not a zone id"),
        (&[TOKEN, ("zone", "example.org=1")], "32 hexadecimal digits"),
        (&[TOKEN, ("zone", ID), ("zone", OTHER)], "example.org=id"),
        (&[TOKEN, ("zone", &named), ("zone", ID)], "example.org=id"),
        (&[TOKEN, ("zone", &named), ("zone", &named)], "given twice"),
        (
            &[TOKEN, ("zone", "a..b=023e105f4ecef8ad9ca31a8372d0c353")],
            "not a domain name",
        ),
        (&[TOKEN, ("ttl", "29")], "`ttl`"),
        (&[TOKEN, ("ttl", "86401")], "`ttl`"),
        (
            &[TOKEN, ("base-url", "http://api.example.net/")],
            "https is needed",
        ),
        (&[TOKEN, ("timeout", "0")], "`timeout`"),
        (&[TOKEN, ("proxy", "nonsense")], "`proxy`"),
    ];
    for (options, expected) in cases {
        let host = TestHost::start();
        let refused = host.open::<Cloudflare>(options).unwrap_err();
        assert_eq!(refused.status, status::CONFIG, "{options:?}");
        assert!(
            refused.message.contains(expected),
            "{options:?}: {}",
            refused.message
        );
        for secret in ["s3cret", "144c9defac"] {
            assert!(!refused.message.contains(secret), "a secret, even a wrong one");
        }
        assert!(host.logged(Level::Trace).is_empty());
    }
}

#[test]
fn full_and_minimal_configurations_open_and_say_what_they_can() {
    let host = TestHost::start();
    let minimal = host.open::<Cloudflare>(&[TOKEN]).unwrap();
    let info = minimal.info();
    let caps = cap::CONCURRENT | cap::STATELESS_REMOVE | cap::CANCELS;
    assert_eq!((info.caps, info.min_ttl, info.max_batch), (caps, 60, 100));
    let (first, second) = (format!("Example.ORG.={ID}"), format!("sub.example.org={OTHER}"));
    for token in ["cfut_abc0123", "cfat_abc0123"] {
        let options = [
            ("api-token", token),
            ("zone", first.as_str()),
            ("zone", second.as_str()),
            ("ttl", "1"),
            ("base-url", "http://[::1]:8080/client/v4"),
            ("proxy", "http://127.0.0.1:3128"),
            ("proxy-credentials", "me:s3cret"),
            ("timeout", "2500"),
        ];
        host.open::<Cloudflare>(&options).unwrap();
    }
}
