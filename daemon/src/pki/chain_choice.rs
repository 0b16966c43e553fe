use super::{Chain, ChainPreference};

/// One chain out of those that a CA offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choice {
    /// Which one, counted from 0.
    pub index: usize,
    /// False when none is what was preferred, and the CA's first one stands in: worth a warning,
    /// never an outage.
    pub matched: bool,
}

/// Chooses among the chains of one certificate, in the CA's order, of which there is at least
/// one; where several fit, the first of them.
///
/// A root that is not in its chain, as is the rule, is known by name only: for
/// [`ChainPreference::RootSha256`] use [`choose_by_root`].
pub fn choose(chains: &[Chain], preference: &ChainPreference) -> Choice {
    choose_by_root(chains, preference, |_| None)
}

/// As [`choose`], with the SHA-256 of the root that a chain leads to where `root` knows it. Only
/// asked for a chain without its root.
pub fn choose_by_root(
    chains: &[Chain],
    preference: &ChainPreference,
    root: impl Fn(&Chain) -> Option<[u8; 32]>,
) -> Choice {
    let first = |fits: &dyn Fn(&Chain) -> bool| chains.iter().position(fits);
    let found = match preference {
        ChainPreference::Default => Some(0),
        ChainPreference::Shortest => {
            let shortest = chains.iter().map(Chain::length).min();
            first(&|chain| Some(chain.length()) == shortest)
        }
        ChainPreference::Root(name) => first(&|chain| chain.root_name().as_ref() == Some(name)),
        ChainPreference::Issuer(name) => first(&|chain| chain.issuer_name().as_ref() == Some(name)),
        ChainPreference::RootSha256(hash) => {
            first(&|chain| chain.own_root_sha256().or_else(|| root(chain)).as_ref() == Some(hash))
        }
    };
    Choice {
        index: found.unwrap_or(0),
        matched: found.is_some(),
    }
}

#[cfg(test)]
mod tests;
