//! How operators lay their zones out: from the root down, with a recursive resolver that follows real delegations.

mod authorities;
mod delegations;
mod servers;
mod world;
