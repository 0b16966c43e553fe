//! Log lines: for people on a terminal, for the journal under systemd, as JSON on request.
//!
//! Everything goes to standard error; standard output belongs to commands.
//! The environment variable [`LEVEL_VARIABLE`] overrides the configured level,
//! also per module (`info,dns01d::acme=debug`).

use std::{fmt, io::IsTerminal as _, os::unix::fs::MetadataExt as _, str::FromStr};

use tracing::{Event, Level, Subscriber};
use tracing_subscriber::{
    EnvFilter,
    fmt::{
        FmtContext, FormatEvent, FormatFields, MakeWriter,
        format::{Format, Writer},
        time::FormatTime,
    },
    registry::LookupSpan,
    util::{SubscriberInitExt as _, TryInitError},
};

/// Overrides the configured level.
pub const LEVEL_VARIABLE: &str = "DNS01D_LOG";

/// What is logged and how it looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Least severe level that is shown.
    pub level: LogLevel,
    /// Shape of a line.
    pub format: LogFormat,
}

/// Least severe level that is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogLevel {
    /// A person must act.
    Error,
    /// And: something failed and is tried again.
    Warn,
    /// And: what the daemon does, a few lines per certificate and renewal.
    #[default]
    Info,
    /// And: why it does so.
    Debug,
    /// And: every message on every wire, without secrets.
    Trace,
}

/// Shape of a log line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// [`LogFormat::Human`], or lines for the journal where standard error is the journal.
    #[default]
    Auto,
    /// For people: a short local time where standard error is a terminal, RFC 3339 elsewhere.
    Human,
    /// One JSON object per line.
    Json,
}

/// Logging could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The variable holds something else than levels.
    #[error("{LEVEL_VARIABLE} holds `{value}`, which is no level: write error, warn, info, debug or trace")]
    Level {
        /// What it holds.
        value: String,
        /// What the filter says about it.
        source: tracing_subscriber::filter::ParseError,
    },
    /// Called twice in one process.
    #[error("logging was set up twice")]
    Twice(#[from] TryInitError),
}

/// Starts logging for the whole process.
///
/// # Errors
/// When [`LEVEL_VARIABLE`] is malformed, or on a second call.
pub fn init(options: Options) -> Result<(), TelemetryError> {
    let filter = filter(options.level, std::env::var(LEVEL_VARIABLE).ok().as_deref())?;
    let terminal = std::io::stderr().is_terminal();
    let journal = journal_is_stderr();
    subscriber(options.format, filter, terminal, journal, std::io::stderr).try_init()?;
    Ok(())
}

fn filter(level: LogLevel, variable: Option<&str>) -> Result<EnvFilter, TelemetryError> {
    let Some(value) = variable.filter(|value| !value.trim().is_empty()) else {
        return Ok(EnvFilter::new(level.as_str()));
    };
    EnvFilter::try_new(value).map_err(|source| TelemetryError::Level {
        value: value.to_owned(),
        source,
    })
}

fn subscriber<W>(
    format: LogFormat,
    filter: EnvFilter,
    terminal: bool,
    journal: bool,
    writer: W,
) -> Box<dyn Subscriber + Send + Sync>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let base = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(terminal)
        .with_writer(writer);
    match format {
        LogFormat::Json => Box::new(
            base.json()
                .flatten_event(true)
                .with_current_span(true)
                .with_span_list(false)
                .finish(),
        ),
        LogFormat::Auto if journal => {
            Box::new(base.with_ansi(false).event_format(JournalLine::new()).finish())
        }
        LogFormat::Auto | LogFormat::Human => {
            let time = if terminal {
                LocalTime::Short
            } else {
                LocalTime::Full
            };
            Box::new(base.with_timer(time).with_target(false).finish())
        }
    }
}

/// systemd names the device and inode of the journal's stream, so that a
/// program whose standard error was redirected can tell (systemd.exec(5)).
fn journal_is_stderr() -> bool {
    let Ok(variable) = std::env::var("JOURNAL_STREAM") else {
        return false;
    };
    let Ok(stderr) = std::fs::metadata("/proc/self/fd/2") else {
        return false;
    };
    names_stream(&variable, stderr.dev(), stderr.ino())
}

fn names_stream(variable: &str, device: u64, inode: u64) -> bool {
    variable
        .split_once(':')
        .is_some_and(|(d, i)| d.parse() == Ok(device) && i.parse() == Ok(inode))
}

impl LogLevel {
    /// Every level, as configured.
    pub const ALL: [LogLevel; 5] = [
        LogLevel::Error,
        LogLevel::Warn,
        LogLevel::Info,
        LogLevel::Debug,
        LogLevel::Trace,
    ];

    /// The name in the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            LogLevel::Error => "error",
            LogLevel::Warn => "warn",
            LogLevel::Info => "info",
            LogLevel::Debug => "debug",
            LogLevel::Trace => "trace",
        }
    }
}

impl fmt::Display for LogLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text that is no [`LogLevel`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no log level: use error, warn, info, debug or trace")]
pub struct UnknownLogLevel(String);

impl FromStr for LogLevel {
    type Err = UnknownLogLevel;

    fn from_str(text: &str) -> Result<Self, UnknownLogLevel> {
        Self::ALL
            .into_iter()
            .find(|level| level.as_str() == text)
            .ok_or_else(|| UnknownLogLevel(text.to_owned()))
    }
}

/// The time of a line, in the zone of the machine.
#[derive(Clone, Copy, Debug)]
enum LocalTime {
    Short,
    Full,
}

impl FormatTime for LocalTime {
    #[expect(
        clippy::disallowed_methods,
        reason = "nothing is decided by the time in a log line"
    )]
    fn format_time(&self, w: &mut Writer<'_>) -> fmt::Result {
        let now = jiff::ZonedDateTime::now();
        match self {
            LocalTime::Short => write!(w, "{}", now.strftime("%H:%M:%S")),
            LocalTime::Full => write!(w, "{}", now.strftime("%Y-%m-%dT%H:%M:%S%.3f%:z")),
        }
    }
}

/// A line for the journal: it knows the time itself and reads the priority
/// from a prefix (sd-daemon(3)).
struct JournalLine {
    inner: Format<tracing_subscriber::fmt::format::Full, ()>,
}

impl JournalLine {
    fn new() -> Self {
        JournalLine {
            inner: Format::default()
                .without_time()
                .with_level(false)
                .with_target(false)
                .with_ansi(false),
        }
    }
}

impl<S, N> FormatEvent<S, N> for JournalLine
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let priority = priority(*event.metadata().level());
        let mut text = String::new();
        self.inner.format_event(context, Writer::new(&mut text), event)?;
        // the journal cuts at each newline; the rest of a message must not lose its priority
        for line in text.trim_end().lines() {
            writeln!(writer, "<{priority}>{line}")?;
        }
        Ok(())
    }
}

/// Syslog priorities (RFC 5424 6.2.1).
fn priority(level: Level) -> u8 {
    match level {
        Level::ERROR => 3,
        Level::WARN => 4,
        Level::INFO => 6,
        Level::DEBUG | Level::TRACE => 7,
    }
}

#[cfg(test)]
mod tests {
    use std::{io, sync::Arc};

    use parking_lot::Mutex;

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(format: LogFormat, journal: bool, log: impl FnOnce()) -> String {
        let lines = Lines::default();
        let sink = lines.clone();
        let filter = filter(LogLevel::Info, None).expect("a level");
        let subscriber = subscriber(format, filter, false, journal, move || sink.clone());
        tracing::subscriber::with_default(subscriber, log);
        let bytes = lines.0.lock().clone();
        String::from_utf8(bytes).expect("text")
    }

    #[test]
    fn the_journal_gets_priorities_and_no_times() {
        let text = logged(LogFormat::Auto, true, || {
            tracing::warn!(cert = "internal", "the order is tried again");
            tracing::error!("first\nsecond");
            tracing::debug!("not shown");
        });
        assert_eq!(
            text,
            "<4>the order is tried again cert=\"internal\"\n<3>first\n<3>second\n"
        );
    }

    #[test]
    fn json_lines_hold_the_fields_at_the_top() {
        let text = logged(LogFormat::Json, true, || {
            tracing::info!(cert = "internal", attempt = 2, "order")
        });
        let line: serde_json::Value = serde_json::from_str(&text).expect("one object");
        assert_eq!(line["cert"], "internal");
        assert_eq!(line["attempt"], 2);
        assert_eq!(line["message"], "order");
        assert_eq!(line["level"], "INFO");
    }

    #[test]
    fn redirected_human_lines_carry_a_full_time() {
        let text = logged(LogFormat::Auto, false, || tracing::info!("order"));
        let time = text.split(' ').next().expect("a first word");
        assert!(time.parse::<jiff::Timestamp>().is_ok(), "{text}");
    }

    #[test]
    fn only_the_stream_that_systemd_named_is_the_journal() {
        assert!(names_stream("9:1234", 9, 1234));
        assert!(!names_stream("9:1234", 9, 1235));
        assert!(!names_stream("", 0, 0));
    }

    #[test]
    fn a_malformed_level_variable_is_an_error_and_an_empty_one_is_none() {
        assert!(matches!(
            filter(LogLevel::Info, Some("a=b=c")),
            Err(TelemetryError::Level { .. })
        ));
        assert!(filter(LogLevel::Info, Some(" ")).is_ok());
    }
}
