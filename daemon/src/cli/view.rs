use std::{io::IsTerminal, os::fd::AsFd};

use jiff::{SignedDuration, Timestamp, tz::TimeZone};

/// How output is to look: decided once, at the edge.
#[derive(Clone, Debug)]
pub struct View {
    /// What "in 3 days" counts from.
    pub now: Timestamp,
    /// In which times are shown.
    pub zone: TimeZone,
    /// Columns that lines should keep to.
    pub width: usize,
    /// Whether to colour.
    pub color: bool,
}

/// What a colour says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Color {
    /// All is well: green.
    Good,
    /// Something is under way: yellow.
    Busy,
    /// A person should look: red.
    Bad,
    /// Less important: grey.
    Dim,
    /// A heading: bold.
    Bold,
}

/// Of output that goes into a file or a pipe.
const DEFAULT_WIDTH: usize = 100;
/// Narrower than this, lines run over: tables cannot help it.
const MIN_WIDTH: usize = 40;
/// Wider lines are hard to follow.
const MAX_WIDTH: usize = 120;

impl View {
    /// For `output`: colours only on a terminal, and not against the wish of `NO_COLOR`
    /// (<https://no-color.org>) or a dumb terminal.
    pub fn of(output: &(impl IsTerminal + AsFd), now: Timestamp) -> Self {
        let terminal = output.is_terminal();
        let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
            || std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let width = terminal
            .then(|| rustix::termios::tcgetwinsize(output).ok())
            .flatten()
            .map_or(DEFAULT_WIDTH, |size| usize::from(size.ws_col));
        View {
            now,
            zone: TimeZone::system(),
            width: width.clamp(MIN_WIDTH, MAX_WIDTH),
            color: terminal && !unwanted,
        }
    }

    /// `text` in `color`, where there are colours.
    pub fn paint(&self, color: Color, text: &str) -> String {
        if !self.color || text.is_empty() {
            return text.to_owned();
        }
        let code = match color {
            Color::Good => "32",
            Color::Busy => "33",
            Color::Bad => "31",
            Color::Dim => "2",
            Color::Bold => "1",
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }

    /// `in 59 days` or `3 h ago`.
    pub fn relative(&self, time: Timestamp) -> String {
        let distance = time.duration_since(self.now);
        match distance.as_secs() {
            0 => "now".to_owned(),
            1.. => format!("in {}", amount(distance)),
            _ => format!("{} ago", amount(distance)),
        }
    }

    /// `2027-01-22 10:00`, local.
    pub fn absolute(&self, time: Timestamp) -> String {
        time.to_zoned_datetime(self.zone.clone())
            .strftime("%Y-%m-%d %H:%M")
            .to_string()
    }

    /// `10:00:05`, local.
    pub fn time_of_day(&self, time: Timestamp) -> String {
        time.to_zoned_datetime(self.zone.clone())
            .strftime("%H:%M:%S")
            .to_string()
    }

    /// `in 59 days, 2027-01-22 10:00`.
    pub fn both(&self, time: Timestamp) -> String {
        format!("{}, {}", self.relative(time), self.absolute(time))
    }
}

/// A length of time in the one unit that says enough.
fn amount(distance: SignedDuration) -> String {
    amount_of(distance.as_secs().unsigned_abs())
}

/// As [`amount`], of seconds.
pub(super) fn amount_of(seconds: u64) -> String {
    let (count, unit) = match seconds {
        0..=89 => return format!("{seconds} s"),
        90..=5_399 => return format!("{} min", (seconds + 30) / 60),
        5_400..=172_799 => return format!("{} h", (seconds + 1_800) / 3_600),
        172_800..=63_071_999 => (seconds / 86_400, "days"),
        _ => (seconds / 31_536_000, "years"),
    };
    format!("{count} {unit}")
}

/// Without anything that a terminal would act on: texts of CAs, name servers
/// and hooks end up here.
pub(super) fn clean(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() && c != '\n' { ' ' } else { c })
        .collect()
}

/// `text`, [cleaned](clean), in lines of at most `width` columns, cut between
/// words; longer words stay whole, so that paths and addresses can be copied.
pub(super) fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for paragraph in clean(text).lines() {
        let mut line = String::new();
        for word in paragraph.split_whitespace() {
            if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > width {
                lines.push(std::mem::take(&mut line));
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        lines.push(line);
    }
    lines
}

/// Columns of a field's label.
pub(super) const LABEL: usize = 12;

/// `  label       text`, with the following lines indented.
pub(super) fn push_field(out: &mut String, label: &str, text: &str, view: &View) {
    let label = format!("  {label:LABEL$}");
    push_lines(out, &view.paint(Color::Dim, &label), LABEL + 2, text, view);
}

/// `  what: text`, with the following lines indented.
pub(super) fn push_paragraph(out: &mut String, painted: &str, columns: usize, text: &str, view: &View) {
    const INDENT: usize = 4;
    let mut lines = wrap(
        &format!("{}: {text}", "x".repeat(columns)),
        view.width.saturating_sub(INDENT),
    )
    .into_iter();
    let first = lines.next().unwrap_or_default();
    let rest: String = first.chars().skip(columns).collect();
    out.push_str(&format!("  {painted}{rest}\n"));
    for line in lines {
        out.push_str(&format!("{:INDENT$}{line}\n", ""));
    }
}

/// `lead` and the text, with the following lines indented.
pub(super) fn push_lines(out: &mut String, lead: &str, indent: usize, text: &str, view: &View) {
    for (index, line) in wrap(text, view.width.saturating_sub(indent)).iter().enumerate() {
        if index == 0 {
            out.push_str(&format!("{lead}{line}\n"));
        } else {
            out.push_str(&format!("{:indent$}{line}\n", ""));
        }
    }
}
