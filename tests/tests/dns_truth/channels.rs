//! Resolvers over TCP, TLS and HTTPS.

use std::{
    collections::BTreeSet,
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use dns01d::dns::{Channel, Endpoint, Options};
use lab::{ca::ServerIdentity, named::Resolver};
use tempfile::TempDir;

use super::primary::{OWNER, ZONE, dns, name, primary};

struct Lab {
    resolver: Resolver,
    root: TempDir,
    _primary: lab::named::Named,
}

impl Lab {
    async fn new() -> Self {
        let identity = ServerIdentity::loopback().unwrap();
        let primary = primary("@ NS ns1").await;
        let resolver = Resolver::start(ZONE, primary.addr(), Ipv4Addr::LOCALHOST, &identity);
        let root = tempfile::tempdir().unwrap();
        std::fs::write(root.path().join("root.pem"), &identity.root_pem).unwrap();
        Lab {
            resolver: resolver.await.unwrap(),
            root,
            _primary: primary,
        }
    }

    /// Options with one resolver, for a zone whose name server is not on port 53.
    fn with(&self, address: SocketAddr, channel: Channel) -> Options {
        Options {
            resolvers: vec![dns01d::dns::Resolver::At(Endpoint { address, channel })],
            ca_file: Some(self.root.path().join("root.pem")),
            name_server_port: self._primary.addr().port(),
            query_timeout: Duration::from_secs(3),
            ..Options::default()
        }
    }

    fn tls(&self, whom: Option<&str>) -> Options {
        self.with(self.resolver.tls, Channel::Tls { name: whom.map(name) })
    }

    fn https(&self, whom: Option<&str>, path: &str) -> Options {
        let channel = Channel::Https {
            name: whom.map(name),
            path: path.into(),
        };
        self.with(self.resolver.https, channel)
    }

    async fn refusal(&self, options: Options) -> String {
        let error = dns(options).locate(&name(OWNER)).await;
        error.expect_err("no resolver may be believed").to_string()
    }
}

#[tokio::test]
async fn a_zone_is_found_through_every_kind_of_channel() {
    let lab = Lab::new().await;
    let tcp = lab.with(lab.resolver.named.addr(), Channel::Tcp);
    let plain = lab.with(lab.resolver.named.addr(), Channel::Plain);
    for options in [
        plain,
        tcp,
        lab.tls(None),
        lab.tls(Some("localhost")),
        lab.https(None, "/dns-query"),
        lab.https(Some("localhost"), "/dns-query"),
    ] {
        let shown = format!("{:?}", options.resolvers);
        let found = dns(options).locate(&name(OWNER)).await;
        let found = found.unwrap_or_else(|error| panic!("{shown}: {error}"));
        assert_eq!(found.zone, name(ZONE), "{shown}");
    }
}

#[tokio::test]
async fn one_connection_carries_many_questions() {
    let lab = Lab::new().await;
    for options in [lab.tls(None), lab.https(None, "/dns-query")] {
        let before = lab.resolver.named.asked().len();
        let dns = dns(options);
        for host in 0..6 {
            let challenge_name = name(&format!("_acme-challenge.h{host}.{ZONE}"));
            dns.locate(&challenge_name).await.expect("a location");
        }
        let asked = lab.resolver.named.asked().split_off(before);
        let connections: BTreeSet<&String> = asked.iter().map(|asked| &asked.client).collect();
        assert!(asked.len() >= 8, "{asked:#?}");
        // A and AAAA go out at once, over TLS on a connection each
        assert!(connections.len() <= 2, "{connections:?}");
    }
}

#[tokio::test]
async fn a_certificate_that_does_not_fit_is_refused_and_said() {
    let lab = Lab::new().await;
    for options in [
        lab.tls(Some("other.test")),
        lab.https(Some("other.test"), "/dns-query"),
    ] {
        let text = lab.refusal(options).await;
        assert!(
            text.contains("no TLS with") && text.contains("other.test@127.0.0.1"),
            "{text}"
        );
        assert!(
            text.to_lowercase().contains("mismatch") || text.contains("verify failed"),
            "{text}"
        );
    }
    for mut options in [lab.tls(None), lab.https(None, "/dns-query")] {
        options.ca_file = None;
        let text = lab.refusal(options).await;
        assert!(
            text.contains("no TLS with") && text.contains("self-signed certificate")
                || text.contains("unable to get local issuer certificate"),
            "{text}"
        );
    }
    let asked = lab.resolver.named.asked();
    assert!(
        asked.iter().all(|asked| asked.name == ZONE),
        "nothing was told: {asked:?}"
    );
}

#[tokio::test]
async fn what_http_and_the_network_say_is_in_the_error() {
    let lab = Lab::new().await;
    let text = lab.refusal(lab.https(None, "/elsewhere")).await;
    assert!(text.contains("HTTP status 404 from https://127.0.0.1"), "{text}");
    // plain DNS is spoken there
    let deaf = Channel::Tls { name: None };
    let text = lab.refusal(lab.with(lab.resolver.named.addr(), deaf)).await;
    assert!(text.contains("tls://127.0.0.1"), "{text}");
    let nobody = SocketAddr::from((Ipv4Addr::LOCALHOST, lab::process::free_port().unwrap()));
    for channel in [
        Channel::Tcp,
        Channel::Tls { name: None },
        Channel::Https {
            name: None,
            path: "/dns-query".into(),
        },
    ] {
        let text = lab.refusal(lab.with(nobody, channel)).await;
        assert!(text.contains("refused the connection"), "{text}");
    }
    let mut options = lab.tls(None);
    options.ca_file = Some(lab.root.path().join("no-such.pem"));
    let text = lab.refusal(options).await;
    assert!(text.contains("no-such.pem: No such file"), "{text}");
}

#[tokio::test]
async fn a_resolver_that_takes_connections_and_says_nothing_is_left_at_the_deadline() {
    let lab = Lab::new().await;
    let deaf = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .await
        .unwrap();
    let address = deaf.local_addr().unwrap();
    for channel in [
        Channel::Tcp,
        Channel::Tls { name: None },
        Channel::Https {
            name: None,
            path: "/dns-query".into(),
        },
    ] {
        let mut options = lab.with(address, channel);
        options.query_timeout = Duration::from_millis(500);
        let begun = tokio::time::Instant::now();
        let text = lab.refusal(options).await;
        assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
        assert!(text.contains("within 500ms"), "{text}");
    }
}
