//! Findings as they are made.

use std::time::Duration;

use tokio::sync::mpsc;

use crate::control::protocol::{Finding, OnlineLine, Part, Verdict};

/// Lines of one part that wait for their turn. A part has a dozen findings; what only tells of waiting gives way.
const LINES: usize = 64;
/// Kept free for findings.
const RESERVED: usize = 32;

/// Where the findings of one part go, in their order.
#[derive(Debug)]
pub(super) struct Notes {
    part: Part,
    sink: mpsc::Sender<OnlineLine>,
    pub findings: Vec<Finding>,
}

impl Notes {
    pub fn new(part: Part) -> (Self, mpsc::Receiver<OnlineLine>) {
        let (sink, lines) = mpsc::channel(LINES);
        let findings = Vec::new();
        (Notes { part, sink, findings }, lines)
    }

    pub fn add(&mut self, finding: Finding) {
        // full only if a part had more findings than there are steps
        let _ = self.sink.try_send(OnlineLine::Finding(finding.clone()));
        self.findings.push(finding);
    }

    /// A step of this part, its verdict [`Verdict::Fine`] until it is said otherwise.
    pub fn step(&self, subject: &str, seen: String, took: Duration) -> Finding {
        Finding {
            part: self.part.clone(),
            subject: subject.to_owned(),
            verdict: Verdict::Fine,
            seen,
            details: Vec::new(),
            remedy: None,
            took,
        }
    }

    /// A step that stops an issuance.
    pub fn failed(&self, subject: &str, seen: String, remedy: Option<String>, took: Duration) -> Finding {
        Finding {
            verdict: Verdict::Blocks,
            remedy,
            ..self.step(subject, seen, took)
        }
    }

    pub fn waiting(&self, text: String) {
        if self.sink.capacity() > RESERVED {
            let part = self.part.clone();
            let _ = self.sink.try_send(OnlineLine::Waiting { part, text });
        }
    }
}
