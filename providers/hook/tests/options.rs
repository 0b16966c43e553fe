//! Half, wrong and mixed configurations are refused before any program runs.
#![allow(clippy::unwrap_used)]

use dns01_hook::Hook;
use dns01_plugin_api::Level;
use dns01_plugin_api::abi::status;
use dns01_plugin_api::testing::TestHost;

const PROGRAM: (&str, &str) = ("program", "/bin/true");
const CERTBOT: (&str, &str) = ("convention", "certbot-hook");
const ACME_SH: (&str, &str) = ("convention", "acme-sh");
const TREE: (&str, &str) = ("tree", "/opt/acme.sh");
const API: (&str, &str) = ("api", "dns_cf");

#[test]
fn faults_name_the_option_and_the_remedy() {
    let long = "x".repeat(40_000);
    let long_variable = format!("A={long}");
    let cases: [(&[(&str, &str)], &str); 18] = [
        (&[], "`program`: is missing"),
        (&[("convention", "dehydrated")], "none of lego-exec"),
        (&[("program", "update.sh")], "not an absolute path"),
        (
            &[PROGRAM, ("files", "lib")],
            "`files`: `lib` is not an absolute path",
        ),
        (
            &[PROGRAM, TREE],
            "`tree`: has no meaning for convention lego-exec",
        ),
        (&[PROGRAM, ("stdin", &long)], "`stdin`: is longer than"),
        (
            &[CERTBOT, ("auth-hook", "/bin/true")],
            "`cleanup-hook`: is missing",
        ),
        (&[CERTBOT, PROGRAM], "`program`: has no meaning"),
        (&[ACME_SH, API], "`tree`: is missing"),
        (&[ACME_SH, TREE], "`api`: is missing"),
        (&[ACME_SH, TREE, ("api", "cf")], "such as dns_cf"),
        (&[ACME_SH, TREE, ("api", "dns_../x")], "such as dns_cf"),
        (
            &[ACME_SH, TREE, API, ("variables", "s3cr3t")],
            "must be NAME=value",
        ),
        (
            &[ACME_SH, TREE, API, ("variables", "9A=s3cr3t")],
            "a NAME of letters",
        ),
        (
            &[ACME_SH, TREE, API, ("variables", "PATH=s3cr3t")],
            "the shell itself",
        ),
        (
            &[ACME_SH, TREE, API, ("variables", "A=s3cr3t\nB=1")],
            "the end of a line",
        ),
        (
            &[ACME_SH, TREE, API, ("variables", &long_variable)],
            "longer than",
        ),
        (&[PROGRAM, ("path", "/bin")], "no option `path`"),
    ];
    for (options, expected) in cases {
        let host = TestHost::start();
        let refused = host.open::<Hook>(options).unwrap_err();
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
fn each_convention_opens_with_what_it_needs() {
    let host = TestHost::start();
    host.open::<Hook>(&[PROGRAM]).unwrap();
    host.open::<Hook>(&[
        ("convention", "lego-exec-raw"),
        PROGRAM,
        ("arguments", "--zone"),
        ("arguments", "example.org"),
        ("stdin", "a credential"),
        ("files", "/etc/ssl/private/update.key"),
    ])
    .unwrap();
    host.open::<Hook>(&[CERTBOT, ("auth-hook", "/bin/true"), ("cleanup-hook", "/bin/true")])
        .unwrap();
    host.open::<Hook>(&[
        ACME_SH,
        TREE,
        API,
        ("variables", "CF_Token=a=b c"),
        ("variables", "_X="),
    ])
    .unwrap();
}
