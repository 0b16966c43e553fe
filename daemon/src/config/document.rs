//! A file of the configuration: read once, then only looked at.

use std::{
    fs::File,
    io::{self, Read as _},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use crate::secret_source::{Weakness, keeps_secrets};

use super::{
    fault::{Excerpt, Place, Problem},
    yaml::{Mark, Marks, Span},
};

/// Ten thousand certificates of a hundred bytes each; a fleet of more is split by `include`.
pub(super) const MAX_FILE: u64 = 1 << 20;
/// Longer lines are not shown: they would drown the report.
const MAX_SHOWN_LINE: usize = 200;
/// Stands for what may be a secret.
const ELIDED: &str = "..";

/// A file of the configuration.
#[derive(Debug)]
pub(super) struct Document {
    pub file: PathBuf,
    /// Why no secret may stand in it, by its owner and permissions when it was read.
    pub weakness: Option<Weakness>,
    pub text: String,
    /// `None` when it is no YAML.
    pub marks: Option<Marks>,
}

/// Why a file is not read.
#[derive(Debug, thiserror::Error)]
pub(super) enum FileProblem {
    #[error("the configuration cannot be read: {0}")]
    Unreadable(#[source] io::Error),
    #[error("the configuration is not a regular file")]
    NotAFile,
    #[error("the configuration is larger than {} KiB", MAX_FILE >> 10)]
    TooLarge,
    #[error("the configuration is not text in UTF-8 (byte {0})")]
    NotUtf8(usize),
    #[error("everybody on this machine can change the configuration (mode {mode:04o})")]
    WorldWritable { path: PathBuf, mode: u32 },
}

impl Problem for FileProblem {
    fn help(&self) -> Option<String> {
        match self {
            FileProblem::Unreadable(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                Some("the daemon's user must be able to read the file and to enter its directories".into())
            }
            FileProblem::TooLarge => {
                Some("spread the certificates over several files and `include` them".into())
            }
            FileProblem::WorldWritable { path, .. } => Some(format!(
                "run `chmod o-w {}` and look at what it says now",
                path.display()
            )),
            FileProblem::Unreadable(_) | FileProblem::NotAFile | FileProblem::NotUtf8(_) => None,
        }
    }
}

impl Document {
    /// Reads the file and looks whether a secret may stand in it. The last value is a fault that does
    /// not keep us from reading on, so that all others can be reported too.
    pub fn read(path: &Path) -> Result<(String, Option<Weakness>, Option<FileProblem>), FileProblem> {
        let file = File::open(path).map_err(FileProblem::Unreadable)?;
        let data = file.metadata().map_err(FileProblem::Unreadable)?;
        if !data.is_file() {
            return Err(FileProblem::NotAFile);
        }
        let mut bytes = Vec::new();
        file.take(MAX_FILE + 1)
            .read_to_end(&mut bytes)
            .map_err(FileProblem::Unreadable)?;
        if bytes.len() as u64 > MAX_FILE {
            return Err(FileProblem::TooLarge);
        }
        let text = String::from_utf8(bytes)
            .map_err(|error| FileProblem::NotUtf8(error.utf8_error().valid_up_to()))?;
        let mode = data.mode() & 0o7777;
        let writable = (mode & 0o002 != 0).then(|| FileProblem::WorldWritable {
            path: path.to_owned(),
            mode,
        });
        Ok((text, keeps_secrets(&data).err(), writable))
    }

    /// The place of `span`, with its line as far as it may be shown.
    pub fn place(&self, span: Span, hide_line: bool) -> Place {
        let Mark { line, column } = span.start;
        if line == 0 {
            return Place {
                file: self.file.clone(),
                excerpt: None,
            };
        }
        let text = self.text.lines().nth(line - 1).unwrap_or_default();
        let end = if span.end.line == line {
            span.end.column
        } else {
            text.chars().count() + 1
        };
        let shown = self.shown(line, text, column, end.max(column + 1));
        let (text, caret, width) = shown;
        let text = Some(text).filter(|text| !hide_line && text.chars().count() <= MAX_SHOWN_LINE);
        Place {
            file: self.file.clone(),
            excerpt: Some(Excerpt {
                line,
                column,
                text,
                caret,
                width,
            }),
        }
    }

    /// The line with all that may be a secret elided, and where the columns
    /// `start..end` have gone: the line, the first column from 0, the width.
    fn shown(&self, line: usize, text: &str, start: usize, end: usize) -> (String, usize, usize) {
        let hidden = self.marks.as_ref().map_or(&[][..], Marks::sensitive);
        let mut out = String::new();
        let (mut length, mut caret, mut caret_end) = (0, None, 0);
        let mut eliding = false;
        for (index, character) in text.chars().enumerate() {
            let at = Mark {
                line,
                column: index + 1,
            };
            let hide = hidden.iter().any(|span| span.start <= at && at < span.end);
            if at.column == start {
                caret = Some(length);
            }
            if !hide {
                // a tab or a control character would move the caret, or the terminal
                out.push(if character.is_control() { ' ' } else { character });
                length += 1;
            } else if !eliding {
                out.push_str(ELIDED);
                length += ELIDED.len();
            }
            eliding = hide;
            if at.column < end {
                caret_end = length;
            }
        }
        let caret = caret.unwrap_or(length);
        (
            out.trim_end().to_owned(),
            caret,
            caret_end.saturating_sub(caret).max(1),
        )
    }
}
