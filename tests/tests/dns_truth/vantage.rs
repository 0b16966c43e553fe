//! A real resolver that remembers a "no".

use std::{collections::BTreeMap, net::Ipv4Addr, time::Duration};

use dns01d::dns::{Dns, Options, Patience, Standing};
use hickory_proto::rr::RecordType;
use lab::{
    ca::ServerIdentity,
    named::{Named, Resolver},
};
use tokio::time::Instant;

use super::primary::{NEGATIVE_TTL, OWNER, ZONE, asks, dns, name, primary, publish, wanted};

struct Lab {
    server: Named,
    resolver: Resolver,
    dns: Dns,
}

impl Lab {
    async fn new() -> Self {
        let server = primary("@ NS ns1").await;
        let identity = ServerIdentity::loopback().unwrap();
        let resolver = Resolver::start(ZONE, server.addr(), Ipv4Addr::LOCALHOST, &identity)
            .await
            .unwrap();
        let dns = dns(Options {
            vantage: vec![resolver.named.addr().into()],
            zones: BTreeMap::from([(name(ZONE), asks(server.addr()))]),
            ..Options::default()
        });
        Lab {
            server,
            resolver,
            dns,
        }
    }

    fn questions(&self) -> usize {
        let asked = self.resolver.named.asked();
        asked.iter().filter(|asked| asked.is_within(OWNER)).count()
    }
}

#[tokio::test]
async fn a_vantage_resolver_that_remembers_a_no_is_waited_for_as_long_and_no_longer() {
    let lab = Lab::new().await;
    let location = lab.dns.locate(&name(OWNER)).await.expect("a location");
    assert_eq!(lab.questions(), 0);
    // somebody was too early
    lab::dns::ask(lab.resolver.named.addr(), OWNER, RecordType::TXT)
        .await
        .unwrap();
    publish(lab.server.addr(), "v1");
    let begun = Instant::now();
    let mut shown = Vec::new();
    let patience = Patience {
        until: begun + Duration::from_secs(1),
        memory: begun + Duration::from_secs(60),
    };
    let wanted = wanted(location);
    let echoed = lab.dns.wait_echoed(&wanted, patience, |progress| {
        shown.extend(progress.sightings);
    });
    let seen = echoed.await.expect("it forgets");
    let took = begun.elapsed();
    assert!(matches!(seen[0].standing, Standing::Visible { .. }));
    // it counts whole seconds, from its own question on
    assert!(
        took + Duration::from_millis(1500) > NEGATIVE_TTL
            && took < NEGATIVE_TTL + Duration::from_millis(1500),
        "{took:?}"
    );
    assert!(
        shown
            .iter()
            .any(|one| matches!(one.standing, Standing::Remembers { .. }))
    );
    let questions = lab.questions();
    assert!(
        questions <= 12,
        "{questions} questions to a resolver that had said until when"
    );
}

#[tokio::test]
async fn a_vantage_resolver_that_never_sees_it_fails_the_wait_and_says_until_when_it_remembers() {
    let lab = Lab::new().await;
    let location = lab.dns.locate(&name(OWNER)).await.expect("a location");
    let begun = Instant::now();
    let patience = Patience {
        until: begun + Duration::from_secs(1),
        memory: begun + Duration::from_secs(2),
    };
    let error = lab.dns.wait_echoed(&wanted(location), patience, drop).await;
    let text = error.expect_err("nothing was published").to_string();
    assert!(begun.elapsed() < Duration::from_millis(2500));
    assert!(
        text.contains("the vantage resolver 127.0.0.1:") && text.contains("and remembers so until 20"),
        "{text}"
    );
}
