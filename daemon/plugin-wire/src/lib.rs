//! What dns01d and its plugin host say to each other over a socket pair.
//!
//! The protocol is private: both ends come from one build or from two builds with the same
//! [`PROTOCOL`]. A conversation:
//!
//! ```text
//! daemon                                  host
//! Greeting (library as SCM_RIGHTS)  ->
//! Start                             ->    confines itself
//!                                   <-    Greeting
//!                                   <-    Confined
//!                                         loads the library
//!                                   <-    Loaded | Refused            describe ends here
//! Open (secrets travel only now)    ->
//!                                   <-    Opened | OpenFailed
//! Call, Cancel                      ->
//!                                   <-    Answer, Log, State
//! StateAnswer, Close                ->
//!                                   <-    Closed, where a test opens it again
//! ```
#![forbid(unsafe_code)]

mod description;
mod frame;
mod message;
mod record;
mod sensitive;

pub use description::{
    Description, InstanceInfo, LoadFault, OptionDescription, OptionKind, ProviderDescription, TableFault,
};
pub use frame::{FrameError, HEADER, MAX_FRAME, body_length, decode, encode, read, write};
pub use message::{
    Answer, CONCURRENT_CALLS, Call, Confinement, FromHost, Greeting, Log, Open, OptionEntry, PROTOCOL, Start,
    StateAnswer, StateQuestion, StateRequest, Structs, ToHost, TrialRules,
};
pub use record::{Operation, Outcome, Record, RecordKind, status};
pub use sensitive::Sensitive;

/// The version of this build, told in the greeting.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
