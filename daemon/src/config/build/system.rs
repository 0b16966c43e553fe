//! What is not about certificates: state, log, control socket, plugin host, engine.

use std::{path::PathBuf, time::Duration};

use super::Builder;
use crate::{
    config::{
        DEFAULT_DRAIN, DEFAULT_PLUGIN_DIRECTORIES, DEFAULT_PLUGIN_HOST, DEFAULT_SOCKET,
        DEFAULT_STATE_DIRECTORY, fault::Problem, findings::Location, raw, raw::Text,
    },
    control, engine, plugin, program, telemetry,
};

/// Longest path of a unix socket: `sun_path` with its final NUL (unix(7)).
const MAX_SOCKET_PATH: usize = 107;
/// Above this the CA's limits and the plugins' memory are what counts.
const MAX_CONCURRENCY: u64 = 1024;
/// Providers count requests, and a failure is told of within a day in any case.
const MIN_CANARY: Duration = Duration::from_secs(3600);

#[derive(Debug, thiserror::Error)]
enum SystemProblem {
    #[error("a socket's path may have {MAX_SOCKET_PATH} bytes; this one has {0}")]
    SocketPath(usize),
    #[error("the plugin host {} cannot be run: {error}", path.display())]
    PluginHost { path: PathBuf, error: std::io::Error },
    #[error("{0} orders at once is out of range")]
    Concurrency(u64),
    #[error("canaries less than an hour apart are a load to the provider, and tell no more")]
    CanaryInterval,
    #[error("no directory is left to look for plugins in")]
    NoPluginDirectories,
}

impl Problem for SystemProblem {
    fn help(&self) -> Option<String> {
        match self {
            SystemProblem::SocketPath(_) => Some(format!("write a shorter one, such as `{DEFAULT_SOCKET}`")),
            SystemProblem::PluginHost { .. } => {
                Some("install `dns01-plugin-host` there, or write under `plugins.host` where it is".into())
            }
            SystemProblem::Concurrency(_) => Some(format!(
                "write 1 to {MAX_CONCURRENCY}, or leave it out for {}",
                engine::DEFAULT_CONCURRENCY
            )),
            SystemProblem::CanaryInterval => Some(
                "write `1h` or more, or leave it out for 7d; `dns01d check --online` sends one at once"
                    .into(),
            ),
            SystemProblem::NoPluginDirectories => {
                Some("leave `directories` out for the usual ones, or name one".into())
            }
        }
    }
}

/// The `plugins` part.
pub(super) struct Plugins {
    pub host: plugin::HostOptions,
    pub directories: Vec<PathBuf>,
}

impl Builder<'_> {
    pub(super) fn state_directory(&mut self, top: &Location, text: Option<Text>) -> PathBuf {
        text.and_then(|text| self.path(&top.key("state-directory"), &text))
            .unwrap_or_else(|| DEFAULT_STATE_DIRECTORY.into())
    }

    pub(super) fn control(&mut self, at: &Location, raw: raw::Control) -> control::Options {
        let location = at.key("socket");
        let socket = raw
            .socket
            .and_then(|text| self.path(&location, &text))
            .unwrap_or_else(|| DEFAULT_SOCKET.into());
        let length = socket.as_os_str().len();
        if length > MAX_SOCKET_PATH {
            self.findings.value(&location, &SystemProblem::SocketPath(length));
        }
        control::Options {
            socket,
            group: self.group(&at.key("group"), raw.group),
        }
    }

    pub(super) fn plugins(&mut self, at: &Location, raw: raw::Plugins) -> Plugins {
        let location = at.key("host");
        let given = raw.host.is_some();
        let executable = raw
            .host
            .and_then(|text| self.path(&location, &text))
            .unwrap_or_else(|| DEFAULT_PLUGIN_HOST.into());
        if self.looks()
            && let Err(error) = program::find(&executable.to_string_lossy())
        {
            let at = if given { &location } else { at };
            self.findings.value(
                at,
                &SystemProblem::PluginHost {
                    path: executable.clone(),
                    error,
                },
            );
        }
        let location = at.key("directories");
        let directories = match raw.directories {
            None => DEFAULT_PLUGIN_DIRECTORIES.map(PathBuf::from).into(),
            Some(texts) => {
                if texts.is_empty() {
                    self.findings.key(&location, &SystemProblem::NoPluginDirectories);
                }
                let path = |(index, text)| self.path(&location.index(index), text);
                texts.iter().enumerate().filter_map(path).collect()
            }
        };
        let host = plugin::HostOptions {
            executable,
            sandbox: match raw.sandbox {
                None | Some(raw::Sandbox::Required) => plugin::Sandbox::Required,
                Some(raw::Sandbox::BestEffort) => plugin::Sandbox::BestEffort,
            },
            idle: raw.idle.map_or(plugin::DEFAULT_IDLE, |raw::Duration(idle)| idle),
            grace: plugin::DEFAULT_GRACE,
        };
        Plugins { host, directories }
    }

    pub(super) fn engine(
        &mut self,
        at: &Location,
        raw: raw::Engine,
        canary: Option<Duration>,
    ) -> engine::Options {
        let concurrency = match raw.concurrency {
            None => engine::DEFAULT_CONCURRENCY,
            Some(number @ 1..=MAX_CONCURRENCY) => number as usize,
            Some(number) => {
                self.findings
                    .value(&at.key("concurrency"), &SystemProblem::Concurrency(number));
                engine::DEFAULT_CONCURRENCY
            }
        };
        engine::Options { concurrency, canary }
    }

    /// The time between canaries; `None` where none are wanted.
    pub(super) fn canary(&mut self, at: &Location, raw: Option<raw::Canary>) -> Option<Duration> {
        let interval = match raw {
            Some(raw::Canary::Off) => return None,
            Some(raw::Canary::Of(of)) => of.interval,
            None => None,
        };
        let raw::Duration(interval) = interval.unwrap_or(raw::Duration(engine::DEFAULT_CANARY));
        if interval < MIN_CANARY {
            self.findings
                .value(&at.key("interval"), &SystemProblem::CanaryInterval);
        }
        Some(interval)
    }
}

pub(super) fn log(raw: raw::Log) -> telemetry::Options {
    use telemetry::{LogFormat, LogLevel};
    telemetry::Options {
        level: match raw.level {
            Some(raw::LogLevel::Error) => LogLevel::Error,
            Some(raw::LogLevel::Warn) => LogLevel::Warn,
            None | Some(raw::LogLevel::Info) => LogLevel::Info,
            Some(raw::LogLevel::Debug) => LogLevel::Debug,
            Some(raw::LogLevel::Trace) => LogLevel::Trace,
        },
        format: match raw.format {
            None | Some(raw::LogFormat::Auto) => LogFormat::Auto,
            Some(raw::LogFormat::Human) => LogFormat::Human,
            Some(raw::LogFormat::Json) => LogFormat::Json,
        },
    }
}

pub(super) fn drain(raw: raw::Shutdown) -> Duration {
    raw.drain.map_or(DEFAULT_DRAIN, |raw::Duration(drain)| drain)
}
