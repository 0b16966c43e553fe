//! By whose word a record counts as visible.

use std::{fmt, time::Duration};

/// By whose word a record of a zone counts as visible, before the CA is told to look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Visibility {
    /// All authoritative servers of the zone: the only ones that know, and that remember no "no".
    #[default]
    Authorities,
    /// The encrypted resolvers of the zone, where port 53 outward is closed. They remember what they did not find,
    /// and so are asked late, and again only when they have forgotten.
    Doh,
    /// The provider alone.
    ProviderSync,
    /// Nobody: the time passes.
    Wait(Duration),
}

impl Visibility {
    /// True when the authorities of the zone are never asked.
    pub fn is_indirect(self) -> bool {
        self != Visibility::Authorities
    }

    /// What that means, for people.
    pub fn meaning(self) -> impl fmt::Display {
        fmt::from_fn(move |f| match self {
            Visibility::Authorities => f.write_str("all authoritative servers show it"),
            Visibility::Doh => {
                f.write_str("the zone's encrypted resolvers show it; no authoritative server is asked")
            }
            Visibility::ProviderSync => f.write_str("its provider says so; no server is asked"),
            Visibility::Wait(time) => write!(f, "{time:?} have passed; no server is asked"),
        })
    }
}

impl fmt::Display for Visibility {
    /// As the configuration has it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Visibility::Authorities => f.write_str("authorities"),
            Visibility::Doh => f.write_str("doh"),
            Visibility::ProviderSync => f.write_str("provider-sync"),
            Visibility::Wait(time) => write!(f, "wait: {time:?}"),
        }
    }
}
