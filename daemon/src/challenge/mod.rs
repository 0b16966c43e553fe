//! Challenge records: routed, journalled, published, seen, removed.

mod batch;
mod canary;
mod clean_up;
mod error;
mod learned;
mod options;
mod owner_locks;
mod preparation;
mod publisher;
mod room;
mod round;
mod route;
mod standing;
mod sync;
#[cfg(test)]
mod tests;
mod visible;

pub use batch::{DEFAULT_BATCH_WINDOW, OnTheWay, Provider};
pub use canary::{CanaryPlace, CanaryStep, Flight};
pub use clean_up::{CLEAN_UP_TRIES, Swept};
pub use error::ChallengeError;
pub use options::Route;
pub use owner_locks::OwnerLocks;
pub use preparation::{Prepared, Task};
pub use publisher::{CHALLENGE_TTL, Patience, Publisher};
pub use room::ROOM_PATIENCE;
pub use route::Routes;
pub use standing::Stands;
pub use visible::Deadline;
