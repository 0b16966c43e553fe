//! Faults as `dns01d check` shows them.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::fault::{Excerpt, Fault, Faults, Place};

/// The report for people: each fault with its line, its path and what to write
/// instead, then how many there are. Empty without faults; ends with a newline.
pub fn text(faults: &Faults) -> String {
    let mut out = String::new();
    for fault in faults.iter() {
        one(&mut out, fault);
        out.push('\n');
    }
    if !faults.is_empty() {
        let mut counts = Vec::new();
        counts.extend(count(faults.errors(), "error"));
        counts.extend(count(faults.warnings(), "warning"));
        let _ = writeln!(out, "{}", counts.join(" and "));
    }
    out
}

/// The report for programs: `{"errors": n, "warnings": n, "faults": [..]}`.
///
/// A fault has `severity`, `what`, `help`, `path`, `file`, `line`, `column` and
/// `related`, a list of `what`, `file`, `line`, `column`. What is not known is null.
pub fn json(faults: &Faults) -> Value {
    let faults_json: Vec<Value> = faults
        .iter()
        .map(|fault| {
            let related: Vec<Value> = fault
                .related
                .iter()
                .map(|(place, what)| {
                    json!({
                        "what": what,
                        "file": place.file,
                        "line": place.line(),
                        "column": place.column(),
                    })
                })
                .collect();
            json!({
                "severity": fault.severity.to_string(),
                "what": fault.what,
                "help": fault.help,
                "path": fault.path,
                "file": fault.place.file,
                "line": fault.place.line(),
                "column": fault.place.column(),
                "related": related,
            })
        })
        .collect();
    json!({ "errors": faults.errors(), "warnings": faults.warnings(), "faults": faults_json })
}

fn count(number: usize, noun: &str) -> Option<String> {
    match number {
        0 => None,
        1 => Some(format!("1 {noun}")),
        _ => Some(format!("{number} {noun}s")),
    }
}

fn one(out: &mut String, fault: &Fault) {
    let _ = writeln!(out, "{}: {}", fault.severity, fault.what);
    let gutter = fault
        .related
        .iter()
        .map(|(place, _)| place)
        .chain([&fault.place])
        .map(|place| place.line().unwrap_or(0).to_string().len())
        .max()
        .unwrap_or(1);
    place(out, gutter, "-->", &fault.place, None);
    for (other, what) in &fault.related {
        place(out, gutter, ":::", other, Some(what));
    }
    if !fault.path.is_empty() {
        let _ = writeln!(out, "{:gutter$} = at: {}", "", fault.path);
    }
    if let Some(help) = &fault.help {
        let indent = format!("\n{:gutter$}         ", "");
        let _ = writeln!(out, "{:gutter$} = help: {}", "", help.replace('\n', &indent));
    }
}

fn place(out: &mut String, gutter: usize, arrow: &str, place: &Place, label: Option<&str>) {
    let file = place.file.display();
    let Some(excerpt) = &place.excerpt else {
        let _ = writeln!(out, "{:gutter$}{arrow} {file}", "");
        return;
    };
    let Excerpt {
        line,
        column,
        text,
        caret,
        width,
    } = excerpt;
    let _ = writeln!(out, "{:gutter$}{arrow} {file}:{line}:{column}", "");
    match text {
        Some(text) => {
            let mark = if label.is_some() { "-" } else { "^" }.repeat(*width);
            let label = label.map(|label| format!(" {label}")).unwrap_or_default();
            let _ = writeln!(out, "{:gutter$} |", "");
            let _ = writeln!(out, "{line:>gutter$} | {text}");
            let _ = writeln!(out, "{:gutter$} | {:caret$}{mark}{label}", "", "");
        }
        None => {
            if let Some(label) = label {
                let _ = writeln!(out, "{:gutter$} = {label}", "");
            }
        }
    }
}

impl Place {
    fn line(&self) -> Option<usize> {
        self.excerpt.as_ref().map(|excerpt| excerpt.line)
    }

    fn column(&self) -> Option<usize> {
        self.excerpt.as_ref().map(|excerpt| excerpt.column)
    }
}
