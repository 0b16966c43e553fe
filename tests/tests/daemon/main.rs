//! The real daemon in the lab: what an operator gets, and what no crash may take away.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on says where"
)]

mod bad_input;
mod c_plugin;
mod canary;
mod command_line;
mod containment;
mod crash;
mod deployment;
mod interop;
mod issuance;
mod online;
mod operator;
mod plugins;
mod processes;
mod provider_command;
mod reload;
mod secrecy;
mod stage;
mod trial;
