//! `dns01d check --online`: what an issuance would meet, line by line.

use std::{
    io::{IsTerminal as _, stderr, stdout},
    path::PathBuf,
    process::ExitCode,
};

use futures_util::{Stream, StreamExt as _};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{
    commands::{call_back_when_interrupted, client, configured, failed, print},
    view::{Color, View, clean, wrap},
};
use crate::{
    app::{self, PreparationError},
    clock::{Clock as _, SystemClock},
    control::{
        AskError, ClientError,
        protocol::{FaultCode, Finding, OnlineLine, OnlineReport, OnlineWish, Part, Prospect, Verdict},
    },
};

/// Where texts begin: mark, time, step.
const INDENT: usize = 29;
/// Where the details of a step begin.
const DETAIL: usize = INDENT + 2;
/// Columns of the name of a step.
const SUBJECT: usize = 12;
/// A name that nothing has is a mistake of whoever typed it.
const USAGE: u8 = 2;
/// Lines on their way to the terminal.
const LINES: usize = 16;

pub(super) async fn check(
    socket: Option<PathBuf>,
    config: PathBuf,
    names: Vec<String>,
    json: bool,
) -> ExitCode {
    let wish = OnlineWish { names };
    let mut shown = Shown::new(json);
    match client(socket, &config).look(&wish).await {
        Ok(lines) => match shown.all(Box::pin(lines)).await {
            Ok(code) => code,
            Err(error) => failed(&error),
        },
        Err(ClientError::Missing(_) | ClientError::Dead(_)) => alone(config, wish, &mut shown).await,
        Err(error) => {
            failed(&error);
            match error {
                ClientError::Fault(fault) if fault.code == FaultCode::UnknownName => ExitCode::from(USAGE),
                _ => ExitCode::FAILURE,
            }
        }
    }
}

/// In this process: no daemon runs.
async fn alone(path: PathBuf, wish: OnlineWish, shown: &mut Shown) -> ExitCode {
    let (config, starter) = match configured(path).await {
        Ok(configured) => configured,
        Err(code) => return code,
    };
    let stop = CancellationToken::new();
    let call_back = match call_back_when_interrupted(stop.clone()) {
        Ok(call_back) => call_back,
        Err(error) => return failed(&error),
    };
    let (sink, lines) = mpsc::channel(LINES);
    let lines = futures_util::stream::unfold(lines, |mut lines| async move {
        let line = lines.recv().await?;
        Some((Ok::<_, ClientError>(line), lines))
    });
    let looking = app::look(&config, starter, &wish, sink, stop.clone());
    let both = async { tokio::join!(looking, shown.all(Box::pin(lines))) };
    let (looked, told) = tokio::select! {
        both = both => both,
        () = call_back => return ExitCode::FAILURE,
    };
    match (looked, told) {
        (Err(error), _) => {
            failed(&error);
            match error {
                PreparationError::Ask(AskError::UnknownName(_)) => ExitCode::from(USAGE),
                _ => ExitCode::FAILURE,
            }
        }
        (Ok(()), Ok(code)) => code,
        (Ok(()), Err(_)) => ExitCode::FAILURE,
    }
}

/// What was shown so far.
struct Shown {
    json: bool,
    view: View,
    part: Option<Part>,
    /// A person waits at a terminal.
    waits: bool,
}

impl Shown {
    fn new(json: bool) -> Self {
        Shown {
            json,
            view: View::of(&stdout(), SystemClock.now()),
            part: None,
            waits: !json && stderr().is_terminal(),
        }
    }

    /// Every line until the last; what they come to.
    async fn all(
        &mut self,
        mut lines: impl Stream<Item = Result<OnlineLine, ClientError>> + Unpin,
    ) -> Result<ExitCode, ClientError> {
        while let Some(line) = lines.next().await {
            let line = line?;
            let text = match &line {
                line if self.json => serde_json::to_string(line)? + "\n",
                OnlineLine::Finding(one) => {
                    let heading = self.part.as_ref() != Some(&one.part);
                    self.part = Some(one.part.clone());
                    finding(one, heading, &self.view)
                }
                OnlineLine::Waiting { part, text } => {
                    if self.waits {
                        let text = format!("{part}: waiting: {}", clean(text));
                        eprintln!("{}", self.view.paint(Color::Dim, &text));
                    }
                    continue;
                }
                OnlineLine::Done(report) => summary(report, &self.view),
            };
            match line {
                OnlineLine::Done(report) => {
                    let blocked = report
                        .certificates
                        .iter()
                        .any(|one| one.verdict == Verdict::Blocks);
                    let code = if blocked {
                        ExitCode::FAILURE
                    } else {
                        ExitCode::SUCCESS
                    };
                    return Ok(print(&text, code));
                }
                OnlineLine::Finding(_) | OnlineLine::Waiting { .. } => {
                    print(&text, ExitCode::SUCCESS);
                }
            }
        }
        Err(ClientError::Unfinished)
    }
}

/// One step, below the heading of its part.
pub fn finding(finding: &Finding, heading: bool, view: &View) -> String {
    let mut out = String::new();
    if heading {
        let part = finding.part.to_string();
        let gap = if finding.part == Part::Configuration {
            ""
        } else {
            "\n"
        };
        out.push_str(&format!("{gap}{}\n", view.paint(Color::Bold, &clean(&part))));
    }
    let (word, color) = mark(finding.verdict);
    let lead = format!(
        "  {} {} {:SUBJECT$} ",
        view.paint(color, word),
        view.paint(Color::Dim, &format!("{:>6.1} s", finding.took.as_secs_f64())),
        finding.subject
    );
    block(&mut out, &lead, INDENT, &finding.seen, view);
    for detail in &finding.details {
        block(&mut out, &format!("{:INDENT$}- ", ""), DETAIL, detail, view);
    }
    if let Some(remedy) = &finding.remedy {
        block(
            &mut out,
            &format!("{:16}{:SUBJECT$} ", "", "what to do"),
            INDENT,
            remedy,
            view,
        );
    }
    out
}

/// What all of it comes to: one line for each certificate, and below it what keeps it from being issued.
pub fn summary(report: &OnlineReport, view: &View) -> String {
    let mut out = String::from("\n");
    for one in &report.certificates {
        let (text, color) = outlook(one);
        let name = view.paint(Color::Bold, one.certificate.as_str());
        out.push_str(&format!("{name}  {}\n", view.paint(color, &text)));
        for because in one
            .because
            .iter()
            .filter(|because| because.verdict == one.verdict)
        {
            block(
                &mut out,
                "  ",
                4,
                &format!("{}: {}", because.part, because.seen),
                view,
            );
            if let Some(remedy) = &because.remedy {
                block(&mut out, "    what to do: ", 6, remedy, view);
            }
        }
    }
    let took = format!(
        "nothing was asked of a CA but its directory; {:.1} s",
        report.took.as_secs_f64()
    );
    out.push_str(&format!("{}\n", view.paint(Color::Dim, &took)));
    out
}

fn outlook(prospect: &Prospect) -> (String, Color) {
    let part = match prospect.looked_at == prospect.names {
        true => String::new(),
        false => format!(
            " as far as {} of its {} names tell",
            prospect.looked_at, prospect.names
        ),
    };
    match prospect.verdict {
        Verdict::Fine => (format!("would be issued{part}"), Color::Good),
        Verdict::Unknown => (
            format!("would be issued{part}, if what could not be told is well"),
            Color::Busy,
        ),
        Verdict::Warning => (
            format!("would be issued{part}, and something should be looked at"),
            Color::Busy,
        ),
        Verdict::Blocks => ("would NOT be issued".to_owned(), Color::Bad),
    }
}

fn mark(verdict: Verdict) -> (&'static str, Color) {
    match verdict {
        Verdict::Fine => ("ok  ", Color::Good),
        Verdict::Unknown => ("?   ", Color::Busy),
        Verdict::Warning => ("warn", Color::Busy),
        Verdict::Blocks => ("FAIL", Color::Bad),
    }
}

/// A text whose lines after the first are indented; `lead` may hold colours and begins the first one.
fn block(out: &mut String, lead: &str, indent: usize, text: &str, view: &View) {
    for (at, line) in wrap(text, view.width.saturating_sub(indent)).iter().enumerate() {
        match at {
            0 => out.push_str(&format!("{lead}{line}\n")),
            _ => out.push_str(&format!("{:indent$}{line}\n", "")),
        }
    }
}
