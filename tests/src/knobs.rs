//! Knobs: faults and habits that change while a server runs.

use std::time::Duration;

use parking_lot::Mutex;
use serde::{Deserialize, Deserializer, Serializer};

/// Knobs that can be turned while others read them.
#[derive(Debug, Default)]
pub struct KnobCell<K>(Mutex<K>);

impl<K: Clone> KnobCell<K> {
    /// Starts from `knobs`.
    pub fn new(knobs: K) -> Self {
        KnobCell(Mutex::new(knobs))
    }

    /// As they stand.
    pub fn current(&self) -> K {
        self.0.lock().clone()
    }

    /// Turns them; the next request sees it. Gives back what the closure gives.
    pub fn update<T>(&self, turn: impl FnOnce(&mut K) -> T) -> T {
        turn(&mut self.0.lock())
    }
}

/// Durations as seconds with fractions, for the admin endpoint.
pub(crate) mod seconds {
    use super::*;

    pub(crate) fn serialize<S: Serializer>(duration: &Duration, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_f64(duration.as_secs_f64())
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        Duration::try_from_secs_f64(f64::deserialize(from)?).map_err(serde::de::Error::custom)
    }
}

/// The same for a duration that may be absent.
pub(crate) mod optional_seconds {
    use super::*;

    pub(crate) fn serialize<S: Serializer>(duration: &Option<Duration>, to: S) -> Result<S::Ok, S::Error> {
        match duration {
            Some(duration) => to.serialize_some(&duration.as_secs_f64()),
            None => to.serialize_none(),
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
        Option::<f64>::deserialize(from)?
            .map(|seconds| Duration::try_from_secs_f64(seconds).map_err(serde::de::Error::custom))
            .transpose()
    }
}
