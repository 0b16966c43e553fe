//! Where zones are cut, and where aliases lead.

use lab::{loopback::Site, named::Named};

use super::world::{World, authority, publish, stand};

const ZONE: &str = "example.test";
const PARTNER: &str = "partner.test";
const DELEGATIONS: &str = "example.test. NS ns1.example.test.\nns1.example.test. A {1}\n\
                           partner.test. NS ns2.partner.test.\nns2.partner.test. A {2}\n\
                           third.test. NS ns3.third.test.\nns3.third.test. A {3}";
const OWN: &str = "@ NS ns1\nns1 A {1}\nwww A 192.0.2.80\n";
const OF_PARTNER: &str = "@ NS ns2\nns2 A {2}\nns3 A {3}\n";

/// One server, on host 1.
async fn alone(zones: &[(&str, &str)]) -> (World, Named) {
    let site = Site::new().unwrap();
    let server = authority(site, zones).await;
    let relays = vec![stand(site, 1, &server).await];
    (World::over(site, relays, DELEGATIONS, ZONE).await, server)
}

/// The zone with these records on host 1, and a partner's server with its zones on hosts 2 and 3.
async fn beside(own: &str, zones: &[(&str, &str)]) -> (World, [Named; 2]) {
    let site = Site::new().unwrap();
    let own = authority(site, &[(ZONE, &format!("{OWN}{own}"))]).await;
    let partner = authority(site, zones).await;
    let relays = vec![
        stand(site, 1, &own).await,
        stand(site, 2, &partner).await,
        stand(site, 3, &partner).await,
    ];
    (World::over(site, relays, DELEGATIONS, ZONE).await, [own, partner])
}

#[tokio::test]
async fn below_empty_non_terminals_the_record_goes_into_the_zone_around_them() {
    let (world, server) = alone(&[(ZONE, &format!("{OWN}deep.b.a A 192.0.2.80"))]).await;
    for host in ["a", "b.a", "deep.b.a"] {
        let owner = format!("_acme-challenge.{host}.{ZONE}");
        world
            .proves(&owner, (&owner, ZONE), server.addr(), &[world.site.at(1)])
            .await;
    }
}

#[tokio::test]
async fn a_delegated_challenge_name_is_proved_on_the_server_of_its_own_zone() {
    let cut = "_acme-challenge.www.example.test";
    let zones = [(PARTNER, OF_PARTNER), (cut, "@ NS ns2.partner.test.")];
    let (world, [_parent, child]) = beside("_acme-challenge.www NS ns2.partner.test.", &zones).await;
    world
        .proves(cut, (cut, cut), child.addr(), &[world.site.at(2)])
        .await;
}

#[tokio::test]
async fn a_sub_zone_on_another_server_takes_the_record_and_its_parent_does_not() {
    let sub = "sub.example.test";
    // no glue, and a name server outside of both
    let zones = [(PARTNER, OF_PARTNER), (sub, "@ NS ns2.partner.test.")];
    let (world, [_parent, child]) = beside("sub NS ns2.partner.test.", &zones).await;
    for host in ["sub", "host.sub", "very.deep.sub"] {
        let owner = format!("_acme-challenge.{host}.{ZONE}");
        world
            .proves(&owner, (&owner, sub), child.addr(), &[world.site.at(2)])
            .await;
    }
}

#[tokio::test]
async fn parent_and_child_on_one_server_are_told_apart() {
    let sub = "sub.example.test";
    let parent = format!("{OWN}sub NS ns1");
    let (world, server) = alone(&[(ZONE, &parent), (sub, "@ NS ns1.example.test.")]).await;
    for (host, zone) in [("sub", sub), ("host.sub", sub), ("www", ZONE)] {
        let owner = format!("_acme-challenge.{host}.{ZONE}");
        world
            .proves(&owner, (&owner, zone), server.addr(), &[world.site.at(1)])
            .await;
    }
}

#[tokio::test]
async fn where_parent_and_child_name_different_servers_those_of_the_child_count() {
    let sub = "sub.example.test";
    // the parent still knows the server from before a move, which is there no more
    let parent = "sub NS ns2.partner.test.\nsub NS gone.partner.test.";
    let of_child = "@ NS ns2.partner.test.\n@ NS ns3.partner.test.";
    let of_partner = format!("{OF_PARTNER}gone A {{8}}");
    let (world, [_parent, child]) = beside(parent, &[(PARTNER, &of_partner), (sub, of_child)]).await;
    let owner = "_acme-challenge.host.sub.example.test";
    world
        .proves(
            owner,
            (owner, sub),
            child.addr(),
            &[world.site.at(2), world.site.at(3)],
        )
        .await;
}

#[tokio::test]
async fn a_name_server_whose_name_is_an_alias_is_asked_where_the_alias_leads() {
    let sub = "sub.example.test";
    // RFC 2181 10.3 forbids it, and some resolvers pass such a server by
    let parent = "sub NS ns2.partner.test.\nsub NS alias.partner.test.";
    let of_child = "@ NS ns2.partner.test.\n@ NS alias.partner.test.";
    let of_partner = format!("{OF_PARTNER}alias CNAME ns3");
    let (world, [_parent, child]) = beside(parent, &[(PARTNER, &of_partner), (sub, of_child)]).await;
    let owner = "_acme-challenge.host.sub.example.test";
    world
        .proves(
            owner,
            (owner, sub),
            child.addr(),
            &[world.site.at(2), world.site.at(3)],
        )
        .await;
}

#[tokio::test]
async fn a_chain_of_aliases_over_three_servers_ends_where_the_record_goes() {
    let site = Site::new().unwrap();
    let first = format!("{OWN}_acme-challenge.www CNAME www.partner.test.");
    let second =
        format!("{OF_PARTNER}www CNAME www.third.test.\nback CNAME _acme-challenge.loop.example.test.");
    let first = format!("{first}\n_acme-challenge.loop CNAME back.partner.test.");
    let first = authority(site, &[(ZONE, &first)]).await;
    let second = authority(site, &[(PARTNER, &second)]).await;
    let third = "@ NS ns3\nns3 A {3}\nwww CNAME here.there";
    let third = authority(site, &[("third.test", third)]).await;
    let relays = vec![
        stand(site, 1, &first).await,
        stand(site, 2, &second).await,
        stand(site, 3, &third).await,
    ];
    let world = World::over(site, relays, DELEGATIONS, ZONE).await;
    let owner = "here.there.third.test";
    world
        .proves(
            "_acme-challenge.www.example.test",
            (owner, "third.test"),
            third.addr(),
            &[site.at(3)],
        )
        .await;

    let error = world
        .locate("_acme-challenge.loop.example.test")
        .await
        .expect_err("a loop over two servers");
    assert!(
        matches!(error, dns01d::dns::LocateError::AliasLoop { .. }),
        "{error}"
    );
}

#[tokio::test]
async fn under_a_dname_the_record_goes_where_the_whole_tree_went() {
    let (world, [_parent, partner]) =
        beside("moved DNAME acme.partner.test.", &[(PARTNER, OF_PARTNER)]).await;
    world
        .proves(
            "_acme-challenge.www.moved.example.test",
            ("_acme-challenge.www.acme.partner.test", PARTNER),
            partner.addr(),
            &[world.site.at(2)],
        )
        .await;
}

#[tokio::test]
async fn a_wildcard_alias_is_not_followed_and_makes_way_for_the_record() {
    let (world, [server, _partner]) =
        beside("*.wild CNAME www.partner.test.", &[(PARTNER, OF_PARTNER)]).await;
    let owner = "_acme-challenge.www.wild.example.test";
    world
        .proves(owner, (owner, ZONE), server.addr(), &[world.site.at(1)])
        .await;
}

#[tokio::test]
async fn what_a_wildcard_says_is_not_taken_for_the_record() {
    let (world, server) = alone(&[(ZONE, &format!("{OWN}*.wild TXT \"v=spf1 -all\""))]).await;
    let owner = "_acme-challenge.www.wild.example.test";
    let location = world.locate(owner).await.expect("a location");
    assert_eq!(location.unfollowed, None);
    let error = world.wait(&location, 1).await.expect_err("nothing is there yet");
    assert!(error.to_string().contains("shows v=spf1 -all"), "{error}");
    publish(server.addr(), ZONE, owner, "value");
    world.wait(&location, 10).await.expect("visible");
}

#[tokio::test]
async fn a_host_that_is_an_alias_into_a_broken_zone_is_proved_in_its_own() {
    let site = Site::new().unwrap();
    let own = format!("{OWN}cdn CNAME host.broken.test.");
    let server = authority(site, &[(ZONE, &own)]).await;
    // its name server knows nothing of it, so that resolvers answer SERVFAIL
    let delegations = format!("{DELEGATIONS}\nbroken.test. NS ns1.example.test.");
    let relays = vec![stand(site, 1, &server).await];
    let world = World::over(site, relays, &delegations, ZONE).await;
    let owner = "_acme-challenge.cdn.example.test";
    world
        .proves(owner, (owner, ZONE), server.addr(), &[site.at(1)])
        .await;
}
