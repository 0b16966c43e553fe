//! Values that may be written in more than one way.

use std::{collections::BTreeMap, fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{
        Error, MapAccess, SeqAccess, Visitor,
        value::{MapAccessDeserializer, SeqAccessDeserializer},
    },
};

use super::{Duration, Flag, Rate, Text};

/// One name, or a list of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::config) enum OneOrMore {
    One(Text),
    More(Vec<Text>),
}

/// One profile, or one for each CA.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::config) enum Profile {
    One(Text),
    ByCa(BTreeMap<String, Text>),
}

/// Which of a CA's chains.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::config) enum Chain {
    Default,
    Shortest,
    Of(ChainOf),
}

/// What the chain is recognised by.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(
    default,
    deny_unknown_fields,
    rename_all = "kebab-case",
    expecting = "one of `root`, `issuer` and `root-sha256`"
)]
pub(in crate::config) struct ChainOf {
    pub root: Option<Text>,
    pub issuer: Option<Text>,
    pub root_sha256: Option<Text>,
}

/// What a CA allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::config) enum Limits {
    LetsEncrypt,
    None,
    Of(LimitsOf),
}

/// What differs from the CA's usual limits.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(
    default,
    deny_unknown_fields,
    rename_all = "kebab-case",
    expecting = "a mapping with `orders` and more"
)]
pub(in crate::config) struct LimitsOf {
    pub orders: Option<Rate>,
    pub exact_set: Option<Rate>,
    pub registered_domain: Option<Rate>,
    pub failed_authorizations: Option<Rate>,
    pub breaker: Option<Flag>,
}

/// Whether the ways of challenge records are tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::config) enum Canary {
    Off,
    Of(CanaryOf),
}

/// How they are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(
    default,
    deny_unknown_fields,
    rename_all = "kebab-case",
    expecting = "a mapping with `interval`"
)]
pub(in crate::config) struct CanaryOf {
    pub interval: Option<Duration>,
}

/// By whose word a record is visible.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::config) enum Visibility {
    Authorities,
    Doh,
    ProviderSync,
    Wait(std::time::Duration),
}

/// The mapping form.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a mapping with `wait`")]
struct WaitFor {
    wait: Duration,
}

/// A type that one word, a list or a mapping can stand for. What it does not override is refused.
trait Forms: Sized {
    /// What is expected, for a report.
    const EXPECTED: &'static str;

    fn word<E: Error>(text: &str) -> Result<Self, E>;

    fn list<'de, A: SeqAccess<'de>>(list: A) -> Result<Self, A::Error> {
        drop(list);
        Err(A::Error::invalid_type(
            serde::de::Unexpected::Seq,
            &Self::EXPECTED,
        ))
    }

    fn map<'de, A: MapAccess<'de>>(map: A) -> Result<Self, A::Error> {
        drop(map);
        Err(A::Error::invalid_type(
            serde::de::Unexpected::Map,
            &Self::EXPECTED,
        ))
    }
}

struct Form<T>(PhantomData<T>);

impl<'de, T: Forms> Visitor<'de> for Form<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(T::EXPECTED)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        T::word(text)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<T, A::Error> {
        T::list(list)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
        T::map(map)
    }
}

macro_rules! in_forms {
    ($($type:ident),+) => {$(
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_any(Form(PhantomData))
            }
        }
    )+};
}

in_forms!(OneOrMore, Profile, Chain, Limits, Canary, Visibility);

impl Forms for OneOrMore {
    const EXPECTED: &'static str = "a name or a list of names";

    fn word<E: Error>(text: &str) -> Result<Self, E> {
        Ok(OneOrMore::One(Text(text.to_owned())))
    }

    fn list<'de, A: SeqAccess<'de>>(list: A) -> Result<Self, A::Error> {
        Deserialize::deserialize(SeqAccessDeserializer::new(list)).map(OneOrMore::More)
    }
}

impl Forms for Profile {
    const EXPECTED: &'static str = "a profile, or a mapping of CAs to profiles";

    fn word<E: Error>(text: &str) -> Result<Self, E> {
        Ok(Profile::One(Text(text.to_owned())))
    }

    fn map<'de, A: MapAccess<'de>>(map: A) -> Result<Self, A::Error> {
        Deserialize::deserialize(MapAccessDeserializer::new(map)).map(Profile::ByCa)
    }
}

impl Forms for Chain {
    const EXPECTED: &'static str = "`default`, `shortest` or a mapping";

    fn word<E: Error>(text: &str) -> Result<Self, E> {
        match text {
            "default" => Ok(Chain::Default),
            "shortest" => Ok(Chain::Shortest),
            other => Err(E::unknown_variant(other, &["default", "shortest"])),
        }
    }

    fn map<'de, A: MapAccess<'de>>(map: A) -> Result<Self, A::Error> {
        Deserialize::deserialize(MapAccessDeserializer::new(map)).map(Chain::Of)
    }
}

impl Forms for Limits {
    const EXPECTED: &'static str = "`lets-encrypt`, `none` or a mapping";

    fn word<E: Error>(text: &str) -> Result<Self, E> {
        match text {
            "lets-encrypt" => Ok(Limits::LetsEncrypt),
            "none" => Ok(Limits::None),
            other => Err(E::unknown_variant(other, &["lets-encrypt", "none"])),
        }
    }

    fn map<'de, A: MapAccess<'de>>(map: A) -> Result<Self, A::Error> {
        Deserialize::deserialize(MapAccessDeserializer::new(map)).map(Limits::Of)
    }
}

impl Forms for Canary {
    const EXPECTED: &'static str = "`off` or a mapping with `interval`";

    fn word<E: Error>(text: &str) -> Result<Self, E> {
        match text {
            "off" => Ok(Canary::Off),
            other => Err(E::unknown_variant(other, &["off"])),
        }
    }

    fn map<'de, A: MapAccess<'de>>(map: A) -> Result<Self, A::Error> {
        Deserialize::deserialize(MapAccessDeserializer::new(map)).map(Canary::Of)
    }
}

impl Forms for Visibility {
    const EXPECTED: &'static str = "`authorities`, `doh`, `provider-sync` or `{wait: DURATION}`";

    fn word<E: Error>(text: &str) -> Result<Self, E> {
        match text {
            "authorities" => Ok(Visibility::Authorities),
            "doh" => Ok(Visibility::Doh),
            "provider-sync" => Ok(Visibility::ProviderSync),
            other => Err(E::unknown_variant(
                other,
                &["authorities", "doh", "provider-sync", "{wait: DURATION}"],
            )),
        }
    }

    fn map<'de, A: MapAccess<'de>>(map: A) -> Result<Self, A::Error> {
        let WaitFor { wait: Duration(time) } = Deserialize::deserialize(MapAccessDeserializer::new(map))?;
        Ok(Visibility::Wait(time))
    }
}
