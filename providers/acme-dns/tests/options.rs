//! Half, wrong and weak configurations are refused before any packet is sent.
#![allow(clippy::unwrap_used)]

use dns01_acme_dns::AcmeDns;
use dns01_plugin_api::Level;
use dns01_plugin_api::abi::status;
use dns01_plugin_api::testing::TestHost;

const SERVER: (&str, &str) = ("server", "https://auth.example.org");
const USERNAME: (&str, &str) = ("username", "c36f50e8-4632-44f0-83fe-e070fef28a10");
const PASSWORD: (&str, &str) = ("password", "htB9mR9DYgcu9bX_afHF62erXaH2TS7bg9KW3F7Z");
const FULLDOMAIN: (&str, &str) = (
    "fulldomain",
    "8e5700ea-a4bf-41c7-8a77-e990661dcc6a.auth.example.org",
);

#[test]
fn faults_name_the_option_and_the_remedy() {
    let cases: &[(&[(&str, &str)], &str)] = &[
        (&[], "`server` is missing"),
        (&[("server", "auth.example.org")], "`server`: is not a URL"),
        (&[("server", "http://auth.example.org")], "https is needed"),
        (
            &[("server", "https://me:s3cr3t@auth.example.org")],
            "there are options",
        ),
        (
            &[SERVER, ("allow-from", "192.0.2.0/33")],
            "`allow-from`: `192.0.2.0/33`",
        ),
        (&[SERVER, ("allow-from", "here")], "2001:db8::/32"),
        (&[SERVER, ("allow-from", "192.0.2.0/+8")], "`allow-from`"),
        (
            &[SERVER, ("accounts", "{\"example.org\": \"s3cr3t\"}")],
            "`accounts`: is not the JSON",
        ),
        (&[SERVER, USERNAME, FULLDOMAIN], "`password`: is missing"),
        (&[SERVER, PASSWORD, FULLDOMAIN], "`username`: is missing"),
        (&[SERVER, USERNAME, PASSWORD], "`fulldomain`: is missing"),
        (&[SERVER, ("subdomain", "x")], "`username`: is missing"),
        (
            &[SERVER, USERNAME, PASSWORD, FULLDOMAIN, ("subdomain", "x")],
            "first label",
        ),
        (
            &[SERVER, USERNAME, ("password", "s3cr3t\n"), FULLDOMAIN],
            "its password",
        ),
        (
            &[SERVER, USERNAME, PASSWORD, ("fulldomain", "auth")],
            "its fulldomain",
        ),
        (&[SERVER, ("timeout", "0")], "`timeout`"),
        (&[SERVER, ("ca-file", "/nowhere/ca.pem")], "`ca-file`"),
        (&[SERVER, ("proxy", "nonsense")], "`proxy`"),
    ];
    for (options, expected) in cases {
        let host = TestHost::start();
        let refused = host.open::<AcmeDns>(options).unwrap_err();
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
fn a_full_and_a_minimal_configuration_open() {
    let host = TestHost::start();
    host.open::<AcmeDns>(&[SERVER]).unwrap();
    let instance = host
        .open::<AcmeDns>(&[
            ("server", "http://192.0.2.1:8080/acme-dns"),
            ("allow-http", "true"),
            ("allow-from", "192.0.2.0/24"),
            ("allow-from", "2001:db8::1"),
            ("accounts", "{}"),
            USERNAME,
            PASSWORD,
            FULLDOMAIN,
            ("subdomain", "8E5700EA-A4BF-41C7-8A77-E990661DCC6A"),
            ("timeout", "2500"),
            ("proxy", "http://proxy.example.net:3128"),
            ("proxy-credentials", "me:s3cr3t"),
        ])
        .unwrap();
    assert_eq!(instance.info().max_values_per_name, 2);
}
