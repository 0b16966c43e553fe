//! What authors of providers are given works: the three complete examples, `dns01d provider new` in each
//! language, and the commands of docs/writing-a-provider.md.
//!
//! Tests of Go are ignored, and so counted, where Go is not installed.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on says where"
)]

mod examples;
mod guide;
#[path = "../providers/instance.rs"]
#[allow(dead_code, reason = "the tests of providers use all of it")]
mod instance;
mod new_project;
mod tinyhost;
mod tools;
