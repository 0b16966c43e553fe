//! Half, wrong and weak configurations are refused before any packet is sent.
#![allow(clippy::unwrap_used)]

use dns01_httpreq::HttpReq;
use dns01_plugin_api::Level;
use dns01_plugin_api::abi::{cap, status};
use dns01_plugin_api::testing::TestHost;

const ENDPOINT: (&str, &str) = ("endpoint", "https://portal.example.org/dns");

#[test]
fn faults_name_the_option_and_the_remedy() {
    let cases: &[(&[(&str, &str)], &str)] = &[
        (&[], "`endpoint` is missing"),
        (&[("endpoint", "portal.example.org")], "`endpoint`: is not a URL"),
        (&[("endpoint", "http://portal.example.org")], "https is needed"),
        (&[ENDPOINT, ("mode", "cooked")], "neither default nor raw"),
        (&[ENDPOINT, ("username", "me")], "`password`: is missing"),
        (&[ENDPOINT, ("password", "s3cr3t")], "`username`: is missing"),
        (&[ENDPOINT, ("username", "m:e"), ("password", "s3cr3t")], "colon"),
        (&[ENDPOINT, ("headers", "s3cr3t")], "`headers`: takes lines"),
        (
            &[ENDPOINT, ("headers", "X-Key: s3cr3t\nX-Other: 1")],
            "`headers`: takes lines",
        ),
        (
            &[ENDPOINT, ("headers", "content-type: s3cr3t")],
            "must not set content-type",
        ),
        (
            &[
                ENDPOINT,
                ("headers", "Authorization: Bearer s3cr3t"),
                ("username", "me"),
                ("password", "s3cr3t"),
            ],
            "so do `username`",
        ),
        (&[ENDPOINT, ("timeout", "0")], "`timeout`"),
        (&[ENDPOINT, ("ca-file", "/nowhere/ca.pem")], "`ca-file`"),
    ];
    for (options, expected) in cases {
        let host = TestHost::start();
        let refused = host.open::<HttpReq>(options).unwrap_err();
        assert_eq!(refused.status, status::CONFIG, "{options:?}");
        assert!(
            refused.message.contains(expected),
            "{options:?}: {}",
            refused.message
        );
        assert!(!refused.message.contains("s3cr3t"), "a secret, even a wrong one");
        assert!(host.logged(Level::Trace).is_empty());
    }
}

#[test]
fn a_full_and_a_minimal_configuration_open_and_raw_needs_the_challenge() {
    let host = TestHost::start();
    let plain = host.open::<HttpReq>(&[ENDPOINT]).unwrap();
    assert_eq!(plain.info().caps & (cap::NEEDS_KEY_AUTH | cap::FOLLOWS_CNAME), 0);
    let raw = host
        .open::<HttpReq>(&[
            ("endpoint", "http://192.0.2.1:8080"),
            ("allow-http", "true"),
            ("mode", "RAW"),
            ("username", "me"),
            ("password", "s3cr3t"),
            ("headers", "X-Tenant: 7"),
            ("headers", "X-Trace: on"),
            ("timeout", "2500"),
            ("proxy", "http://proxy.example.net:3128"),
            ("proxy-credentials", "me:s3cr3t"),
        ])
        .unwrap();
    let wanted = cap::NEEDS_KEY_AUTH | cap::FOLLOWS_CNAME;
    assert_eq!(raw.info().caps & wanted, wanted);
}
