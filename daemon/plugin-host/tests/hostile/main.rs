//! Plugins that misbehave, through the daemon's own client: each fails its own call with its cause, and
//! nothing else.

mod calls;
#[cfg(target_arch = "x86_64")]
#[cfg(target_arch = "x86_64")]
mod cgroups;
mod confinement;
mod endings;
mod lab;
mod lifecycle;
mod programs;
mod secrets;
mod service;
mod tables;
