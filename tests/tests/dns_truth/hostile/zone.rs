//! One server as the resolver and as every authority on loopback.

use dns01d::dns::{Dns, Options};

use super::{
    super::primary::dns,
    DEADLINE,
    scripted::{A, NS, OWN_NAME, Reply, SOA, Scripted, Section, asked, wire},
};

/// Says that `apex` is a zone, that `host` serves it, and that this is here; and what `other` says, before all that.
pub async fn zone_server(
    apex: &str,
    host: &str,
    other: impl Fn(Reply, &str, u16) -> Option<Reply> + Send + Sync + 'static,
) -> Scripted {
    let (apex, host) = (apex.to_owned(), host.to_owned());
    Scripted::saying(move |query| {
        let (name, kind) = asked(query);
        let reply = Reply::to(query);
        let reply = match other(reply.clone(), &name, kind) {
            Some(reply) => reply,
            None if name == apex && kind == SOA => reply.soa(Section::Answer, &apex),
            None if name == apex && kind == NS => reply.answer(OWN_NAME, NS, &wire(&host)),
            None if name == host && kind == A => reply.answer(OWN_NAME, A, &[127, 0, 0, 1]),
            None => reply.soa(Section::Authority, &apex),
        };
        reply.octets()
    })
    .await
}

/// Who asks this server first.
pub fn client(server: &Scripted) -> Dns {
    dns(Options {
        resolvers: vec![server.address().into()],
        name_server_port: server.address().port(),
        query_timeout: DEADLINE,
        ..Options::default()
    })
}
