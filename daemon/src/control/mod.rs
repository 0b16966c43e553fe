//! The control socket: HTTP/1.1 and JSON on a unix socket.
//!
//! | Request | Answer |
//! |---|---|
//! | `GET /v1/version` | [`Version`](protocol::Version) |
//! | `GET /v1/status` | [`Status`](protocol::Status) |
//! | `POST /v1/renew/NAME` | 202 and [`Accepted`](protocol::Accepted) |
//! | `POST /v1/renew/NAME?wait=true` | one [`Step`](protocol::Step) per line, the last one with `done` |
//! | `POST /v1/providers/NAME/check` and [`Names`](protocol::Names) | [`Prepared`](protocol::Prepared) |
//! | `POST /v1/providers/NAME/setup` and [`Names`](protocol::Names) | [`Prepared`](protocol::Prepared) |
//! | `GET /v1/why/NAME` | [`Explanation`](protocol::Explanation) |
//! | `GET /v1/plan?until=TIME`, without `until` what is next | [`Plan`](protocol::Plan) |
//! | `GET /v1/cas?ca=NAME`, without `ca` all | list of [`CaInfo`](protocol::CaInfo) |
//! | `GET /v1/account?ca=NAME` | [`AccountInfo`](protocol::AccountInfo) |
//! | `POST /v1/revoke` and [`RevokeWish`](protocol::RevokeWish) | one [`Step`](protocol::Step) per line, the last one with `done` |
//! | `POST /v1/account/update?ca=NAME`, `rollover`, `deactivate`, `register`, `import` with the key as body | the same |
//! | `POST /v1/online` and [`OnlineWish`](protocol::OnlineWish) | one [`OnlineLine`](protocol::OnlineLine) per line, the last one with `done` |
//! | `POST /v1/reload` | [`Reloaded`](protocol::Reloaded) |
//!
//! Every failure answers with a [`Fault`](protocol::Fault). Each answer carries
//! the header `dns01d-protocol`. One request per connection.

mod client;
mod handle;
mod options;
mod peer;
pub mod protocol;
mod routes;
mod server;
mod socket;

#[cfg(test)]
mod tests;

pub use client::{Client, ClientError};
pub use handle::{AskError, Handle, PrepareError, ReloadError, RenewError};
pub use options::Options;
pub use peer::Peer;
pub use server::{Refuse, Server};
pub use socket::{SocketError, activated};
