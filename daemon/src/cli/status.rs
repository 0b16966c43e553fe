//! `dns01d status`: a table for people, the protocol's object for programs.

use crate::control::protocol::{
    Blocked, CertificateState, CertificateStatus, HookStatus, LastError, RenewalInfoStatus, RevokedSince,
    Status,
};

use super::troubles::{Trouble, troubles};
use super::view::{Color, LABEL, View, clean, push_field, push_paragraph, wrap};

/// `--json`: one object, with its final line end.
///
/// # Errors
/// None in practice: a status has a JSON form.
pub fn json(status: &Status) -> Result<String, serde_json::Error> {
    let mut text = serde_json::to_string_pretty(status)?;
    text.push('\n');
    Ok(text)
}

/// The overview: one line per certificate, then everything that a person should look at.
pub fn table(status: &Status, view: &View) -> String {
    let troubles = troubles(status, view);
    let mut out = head(status, troubles.is_empty(), view);
    if status.certificates.is_empty() {
        out.push_str("\nno certificate is configured\n");
    } else {
        let rows: Vec<_> = status
            .certificates
            .iter()
            .map(|certificate| Row::of(certificate, view))
            .collect();
        out.push('\n');
        out.push_str(&rows_or_blocks(&rows, status, view));
    }
    if !troubles.is_empty() {
        out.push_str(&format!("\n{}\n", view.paint(Color::Bold, "to look at")));
        for Trouble { what, text } in troubles {
            push_paragraph(
                &mut out,
                &view.paint(Color::Bad, &what),
                what.chars().count(),
                &text,
                view,
            );
        }
    }
    out
}

/// Everything about one certificate.
pub fn certificate(certificate: &CertificateStatus, view: &View) -> String {
    let mut out = String::new();
    let name = certificate.name.to_string();
    out.push_str(&format!("{}\n", view.paint(Color::Bold, &name)));
    let (color, state) = state(certificate);
    let label = view.paint(Color::Dim, &format!("  {:LABEL$}", "state"));
    out.push_str(&format!("{label}{}\n", view.paint(color, &state)));
    let mut field = |label: &str, text: &str| push_field(&mut out, label, text, view);
    field("names", &names(certificate));
    let key = match certificate.key_type {
        Some(kind) => format!("{kind} key"),
        None => "key of a request".to_owned(),
    };
    field("issuer", &format!("{}, {key}", issuer(certificate)));
    if let Some(serial) = &certificate.serial {
        field("serial", serial);
    }
    if let Some(time) = certificate.not_before {
        field("valid from", &view.both(time));
    }
    if let Some(time) = certificate.not_after {
        field("expires", &view.both(time));
    }
    if let Some(revoked) = &certificate.revoked {
        field("revoked", &revocation(revoked, view));
    }
    if let Some(time) = certificate.renew_at {
        field("renewal", &view.both(time));
    }
    if let Some(info) = &certificate.renewal_info {
        field("CA suggests", &suggestion(info, view));
    }
    if let Some(blocked) = &certificate.blocked_until {
        field("held back", &held_back(blocked, view));
    }
    if let Some(url) = &certificate.paused_url {
        field("paused", &paused(url));
    }
    field("files", &certificate.live.display().to_string());
    if let Some(generation) = certificate.generation {
        let deployed = match certificate.deployed_at {
            Some(time) => format!("deployed {}", view.both(time)),
            None => "not yet deployed".to_owned(),
        };
        field("generation", &format!("{generation}, {deployed}"));
    }
    field("hook", &hook(&certificate.hook, view));
    if let Some(error) = &certificate.last_error {
        field("last error", &failure(error, certificate, view));
    }
    out
}

fn issuer(certificate: &CertificateStatus) -> String {
    let mut issuer = match &certificate.ca_used {
        Some(used) => format!("{used}, in place of {}", certificate.ca),
        None => certificate.ca.to_string(),
    };
    if certificate.staging {
        issuer.push_str(" (for trials: nobody trusts it)");
    }
    if let Some(profile) = &certificate.profile {
        issuer.push_str(&format!(", profile {profile}"));
    }
    issuer
}

fn suggestion(info: &RenewalInfoStatus, view: &View) -> String {
    let why = match &info.explanation_url {
        Some(url) => format!("; it explains this at {url}"),
        None => String::new(),
    };
    let next = match info.next_check_at {
        Some(time) => format!(", asked again {}", view.relative(time)),
        None => String::new(),
    };
    format!(
        "{} to {}{why}; asked {}{next}",
        view.absolute(info.start),
        view.absolute(info.end),
        view.relative(info.checked_at)
    )
}

pub(super) fn held_back(blocked: &Blocked, view: &View) -> String {
    format!(
        "until {} ({}): {}",
        view.absolute(blocked.at),
        view.relative(blocked.at),
        blocked.text
    )
}

pub(super) fn paused(url: &str) -> String {
    format!("the CA issues for these names only after a person was at {url}")
}

pub(super) fn revocation(revoked: &RevokedSince, view: &View) -> String {
    let reason = match revoked.reason {
        Some(reason) => format!(", {reason}"),
        None => String::new(),
    };
    let confirmed = match &revoked.confirmed {
        Some(confirmed) => format!("; confirmed by {confirmed}"),
        None => String::new(),
    };
    format!("since {}{reason}{confirmed}", view.absolute(revoked.at))
}

fn head(status: &Status, all_well: bool, view: &View) -> String {
    let mut out = String::new();
    let since = format!(
        "dns01d {}, up since {}, configuration of {}",
        status.version,
        view.absolute(status.started_at),
        view.absolute(status.config_loaded_at),
    );
    for line in wrap(&since, view.width) {
        out.push_str(&format!("{line}\n"));
    }
    let faulty = status
        .certificates
        .iter()
        .filter(|certificate| is_bad(certificate))
        .count();
    let count = match status.certificates.len() {
        0 => return out,
        1 => "1 certificate".to_owned(),
        count => format!("{count} certificates"),
    };
    let (color, text) = match faulty {
        0 if all_well => (Color::Good, format!("{count}, all is well")),
        0 => (Color::Busy, format!("{count}, none of them failing")),
        _ => (Color::Bad, format!("{count}, {faulty} failing")),
    };
    out.push_str(&format!("{}\n", view.paint(color, &text)));
    out
}

fn is_bad(certificate: &CertificateStatus) -> bool {
    let (color, _) = state(certificate);
    color == Color::Bad || matches!(certificate.hook, HookStatus::Failing { .. })
}

/// One line of the table.
struct Row {
    name: String,
    color: Color,
    state: String,
    expires: String,
    renews: String,
}

const HEADINGS: [&str; 4] = ["CERTIFICATE", "STATE", "EXPIRES", "NEXT"];

impl Row {
    fn of(certificate: &CertificateStatus, view: &View) -> Self {
        let (color, state) = state(certificate);
        let time = |time: Option<_>| time.map_or_else(|| "-".to_owned(), |time| view.both(time));
        let next = match certificate.state {
            CertificateState::Issuing => "now".to_owned(),
            _ => match (certificate.next_attempt_at, certificate.renew_at) {
                (Some(attempt), _) => format!("try {}", view.both(attempt)),
                (None, renewal) => time(renewal),
            },
        };
        Row {
            name: certificate.name.to_string(),
            color,
            state,
            expires: time(certificate.not_after),
            renews: next,
        }
    }

    fn cells(&self) -> [&str; 4] {
        [&self.name, &self.state, &self.expires, &self.renews]
    }
}

/// A table where it fits, else a block for each certificate.
fn rows_or_blocks(rows: &[Row], status: &Status, view: &View) -> String {
    let mut widths = HEADINGS.map(str::len);
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row.cells()) {
            *width = (*width).max(cell.chars().count());
        }
    }
    const GAP: usize = 2;
    if widths.iter().sum::<usize>() + GAP * (widths.len() - 1) > view.width {
        let blocks: Vec<_> = status
            .certificates
            .iter()
            .map(|one| certificate(one, view))
            .collect();
        return blocks.join("\n");
    }
    let line = |cells: [&str; 4], color: &dyn Fn(usize) -> Option<Color>| {
        let mut line = String::new();
        let mut gap = 0;
        for (column, (cell, width)) in cells.into_iter().zip(widths).enumerate() {
            let painted = color(column).map_or_else(|| cell.to_owned(), |color| view.paint(color, cell));
            line.push_str(&" ".repeat(gap));
            line.push_str(&painted);
            gap = width - cell.chars().count() + GAP;
        }
        line.push('\n');
        line
    };
    let mut out = line(HEADINGS, &|_| Some(Color::Dim));
    for row in rows {
        out.push_str(&line(row.cells(), &|column| (column == 1).then_some(row.color)));
    }
    out
}

/// The state in plain words.
fn state(certificate: &CertificateStatus) -> (Color, String) {
    let activity = certificate.activity.as_deref();
    let (color, text) = match certificate.state {
        // also while another one is on its way
        _ if certificate.revoked.is_some() => (Color::Bad, activity.unwrap_or("revoked")),
        CertificateState::Pending => (Color::Busy, activity.unwrap_or("not yet issued")),
        CertificateState::Issuing => (Color::Busy, activity.unwrap_or("being issued")),
        CertificateState::Valid => (Color::Good, "valid"),
        CertificateState::Failing if certificate.not_after.is_some() => (Color::Bad, "renewal fails"),
        CertificateState::Failing => (Color::Bad, "issuance fails"),
        CertificateState::Expired => (Color::Bad, "expired"),
        CertificateState::Unknown => (Color::Busy, "unknown to this command"),
    };
    (color, clean(text).replace('\n', " "))
}

fn names(certificate: &CertificateStatus) -> String {
    let names: Vec<_> = certificate
        .identifiers
        .iter()
        .map(|identifier| {
            let (ascii, unicode) = (identifier.to_string(), identifier.unicode());
            if ascii == unicode {
                ascii
            } else {
                format!("{unicode} ({ascii})")
            }
        })
        .collect();
    names.join(" ")
}

pub(super) fn hook(hook: &HookStatus, view: &View) -> String {
    match hook {
        HookStatus::None => "none".to_owned(),
        HookStatus::Due => "is due or running".to_owned(),
        HookStatus::Succeeded => "succeeded".to_owned(),
        HookStatus::Failing {
            failures,
            text,
            next_attempt_at,
        } => {
            format!(
                "{}: {text}; next try {}",
                failed(*failures),
                view.both(*next_attempt_at)
            )
        }
        HookStatus::Unknown => "unknown to this command".to_owned(),
    }
}

pub(super) fn failed(times: u32) -> String {
    match times {
        0 => "failed".to_owned(),
        1 => "failed once".to_owned(),
        times => format!("failed {times} times"),
    }
}

pub(super) fn failure(error: &LastError, certificate: &CertificateStatus, view: &View) -> String {
    let next = match certificate.next_attempt_at {
        Some(time) => format!("next try {}", view.both(time)),
        None => "no further try is planned".to_owned(),
    };
    format!(
        "{}, last {}: {}; {next}",
        failed(certificate.attempts),
        view.relative(error.at),
        error.text
    )
}
