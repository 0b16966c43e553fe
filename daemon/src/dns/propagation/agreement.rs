//! Whether enough of a zone's servers show a record ([`crate::dns::Agreement::Quorum`]).

use super::sighting::Standing;

/// True when more than half of the servers show it, each on an address at least, and no server answers otherwise on any.
/// Each server comes with the standings of its addresses.
pub(super) fn is_quorum(servers: &[Vec<&Standing>]) -> bool {
    let is_visible = |standing: &&&Standing| matches!(standing, Standing::Visible { .. });
    let is_failed = |standing: &&Standing| matches!(standing, Standing::Failed(_));
    let showing = servers
        .iter()
        .filter(|server| server.iter().any(|one| is_visible(&one)));
    let showing = showing.count();
    let unanimous = servers
        .iter()
        .flatten()
        .all(|standing| is_visible(&standing) || is_failed(standing));
    unanimous && 2 * showing > servers.len()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::dns::Failure;

    #[test]
    fn servers_that_cannot_be_asked_are_excused_and_those_that_answer_otherwise_are_not() {
        let shows = Standing::Visible {
            after: Duration::ZERO,
        };
        let silent = Standing::Failed(Failure::ConnectionRefused);
        let lame = Standing::Failed(Failure::NotAuthoritative);
        let lags = Standing::Lagging {
            missing: 1,
            shows: Vec::new(),
            alias: None,
            serial: None,
        };
        let of =
            |servers: &[&[&Standing]]| is_quorum(&servers.iter().map(|one| one.to_vec()).collect::<Vec<_>>());
        assert!(of(&[&[&shows]]));
        assert!(of(&[&[&shows], &[&shows], &[&lame]]));
        assert!(
            of(&[&[&shows, &silent], &[&shows], &[&silent]]),
            "one address is enough"
        );
        assert!(!of(&[&[&shows], &[&silent]]), "half is no quorum");
        assert!(!of(&[&[&shows], &[&shows], &[&lags]]), "a CA may ask the third");
        assert!(
            !of(&[&[&shows, &lags], &[&shows], &[&shows]]),
            "or its other address"
        );
        assert!(
            !of(&[&[&shows], &[&shows], &[&Standing::Unasked]]),
            "it may answer yet"
        );
        assert!(!of(&[]));
    }
}
