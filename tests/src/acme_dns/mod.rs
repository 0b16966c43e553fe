//! acme-dns, twice: joohoi's own server where it is installed, and a double that is as strict, with faults to
//! order. [`Double`] answers what release 1.0 of the real one answers, checked against its source, and
//! joohoi's client is served by it unchanged.

mod double;
mod real;

pub(crate) use double::is_value;
pub use double::{AcmeDnsKnobs, AcmeDnsSeen, Double, Registered};
pub use real::{Real, installed};
