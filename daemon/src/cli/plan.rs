//! `dns01d next` and `dns01d plan`: what will happen, and why then.

use crate::control::protocol::{Plan, Planned};

use super::view::{Color, View, clean, push_lines};

/// Columns before the reason.
const INDENT: usize = 4;

/// What is planned, the earliest first: when and what in one line, why below it.
pub fn text(plan: &Plan, view: &View) -> String {
    let mut out = String::new();
    if plan.planned.is_empty() {
        out.push_str("nothing is planned");
        if let Some(until) = plan.until {
            out.push_str(&format!(" until {}", view.absolute(until)));
        }
        out.push('\n');
        return out;
    }
    for planned in &plan.planned {
        out.push_str(&format!("{}\n", line(planned, view)));
        push_lines(&mut out, &" ".repeat(INDENT), INDENT, &planned.because, view);
    }
    if plan.left_out > 0 {
        let more = format!("and {} more", plan.left_out);
        out.push_str(&format!("{}\n", view.paint(Color::Dim, &more)));
    }
    out
}

/// When and what, in one line.
pub(super) fn line(planned: &Planned, view: &View) -> String {
    let what = format!("{} {}", planned.what, clean(&planned.subject).replace('\n', " "));
    let when = if planned.at <= view.now {
        "now".to_owned()
    } else {
        view.both(planned.at)
    };
    format!("{}  {when}", view.paint(Color::Bold, &what))
}
