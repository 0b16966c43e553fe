//! `dns01d renew --wait`: the steps as they happen.

use jiff::Timestamp;

use crate::control::protocol::{Outcome, Revoked, Step};

use super::view::{Color, View, wrap};

/// Turns steps into lines.
#[derive(Clone, Debug)]
pub struct Steps {
    view: View,
    began: Option<Timestamp>,
}

/// Columns of `  12.3 s  `.
const INDENT: usize = 10;

impl Steps {
    /// For one renewal.
    pub fn new(view: View) -> Self {
        Steps { view, began: None }
    }

    /// What to print for a step, with its final line end: the time since the first step, and its text.
    pub fn show(&mut self, step: &Step) -> String {
        let began = *self.began.get_or_insert(step.at);
        let elapsed = step.at.duration_since(began).as_secs_f64().max(0.0);
        let (text, color) = match &step.done {
            None => (step.text.clone(), None),
            Some(Outcome::Succeeded {
                serial,
                not_after,
                took,
            }) => (
                format!(
                    "{}: serial {serial}, valid until {}; took {:.1} s",
                    step.text,
                    self.view.absolute(*not_after),
                    took.as_secs_f64()
                ),
                Some(Color::Good),
            ),
            Some(Outcome::Revoked(revoked)) => (revocation(&step.text, revoked), Some(Color::Good)),
            Some(Outcome::Failed {
                text,
                next_attempt_at,
            }) => {
                let next = match next_attempt_at {
                    Some(time) => format!("next try {}", self.view.both(*time)),
                    None => "it is not tried again before somebody asks for it".to_owned(),
                };
                (format!("{}: {text}\n{next}", step.text), Some(Color::Bad))
            }
        };

        let mut shown = String::new();
        for (index, line) in wrap(&text, self.view.width.saturating_sub(INDENT))
            .iter()
            .enumerate()
        {
            let line = color.map_or_else(|| line.clone(), |color| self.view.paint(color, line));
            if index == 0 {
                let time = self.view.paint(Color::Dim, &format!("{elapsed:>6.1} s"));
                shown.push_str(&format!("{time}  {line}\n"));
            } else {
                shown.push_str(&format!("{:INDENT$}{line}\n", ""));
            }
        }
        shown
    }
}

fn revocation(text: &str, revoked: &Revoked) -> String {
    let confirmed = match &revoked.confirmed {
        Some(confirmed) => format!("confirmed by {confirmed}"),
        None => "nothing confirms it yet; the CA's list may take hours".to_owned(),
    };
    let replaced = if revoked.replaced {
        "another certificate is live"
    } else {
        "it was not replaced"
    };
    format!(
        "{text}: serial {} is revoked, {}; {confirmed}; {replaced}",
        revoked.serial, revoked.reason
    )
}
