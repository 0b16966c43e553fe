//! `dns01d why NAME`: how a certificate came to stand as it does.

use crate::control::protocol::Explanation;

use super::{
    plan,
    view::{Color, View, push_lines},
};

const INDENT: usize = 2;

/// The sentences, then what comes next.
pub fn text(explanation: &Explanation, view: &View) -> String {
    let name = explanation.certificate.to_string();
    let mut out = format!("{}\n", view.paint(Color::Bold, &name));
    for sentence in &explanation.sentences {
        push_lines(&mut out, &" ".repeat(INDENT), INDENT, sentence, view);
    }
    if let Some(next) = &explanation.next {
        out.push_str(&format!("\nnext: {}\n", plan::line(next, view)));
        push_lines(&mut out, &" ".repeat(INDENT), INDENT, &next.because, view);
    }
    let decided = format!("decided {}", view.both(explanation.decided_at));
    out.push_str(&format!("\n{}\n", view.paint(Color::Dim, &decided)));
    out
}
