use std::{
    fs, io,
    path::{Path, PathBuf},
};

use crate::config::{
    fault::Problem,
    findings::{Findings, Location},
    raw::Text,
};

/// More files than this are a pattern gone wrong.
const MAX_FILES: usize = 4096;

#[derive(Debug, thiserror::Error)]
enum IncludeProblem {
    #[error("`{0}` has a wildcard in a directory; `*` and `?` may stand in the file name only")]
    WildcardDirectory(String),
    #[error("there is no file {}", .0.display())]
    Missing(PathBuf),
    #[error("{} is no file", .0.display())]
    NotAFile(PathBuf),
    #[error("the directory {} cannot be read: {error}", path.display())]
    Directory { path: PathBuf, error: io::Error },
    #[error("`{0}` names no file")]
    NoFile(String),
    #[error("more than {MAX_FILES} files are included")]
    TooMany,
    #[error("the file {} is included twice", .0.display())]
    Twice(PathBuf),
}

impl Problem for IncludeProblem {
    fn help(&self) -> Option<String> {
        match self {
            IncludeProblem::NoFile(_) | IncludeProblem::NotAFile(_) => {
                Some("write a file or a pattern, such as `certificates.d/*.yaml`".into())
            }
            IncludeProblem::Missing(_) => {
                Some("relative names count from the directory of the main file".into())
            }
            _ => None,
        }
    }
}

/// The files that `include` means, in the order of the patterns and of their names.
pub(super) fn expand(
    main: &Path,
    patterns: &[Text],
    document: usize,
    findings: &mut Findings,
) -> Vec<PathBuf> {
    let base = main.parent().unwrap_or(Path::new(""));
    let mut files: Vec<PathBuf> = Vec::new();
    for (index, Text(pattern)) in patterns.iter().enumerate() {
        let location = Location::top(document).key("include").index(index);
        match one(base, pattern) {
            Ok(found) => {
                for file in found {
                    if files.contains(&file) || same_file(&file, main) {
                        findings.value(&location, &IncludeProblem::Twice(file));
                    } else {
                        files.push(file);
                    }
                }
            }
            Err(problem) => {
                findings.value(&location, &problem);
                findings.incomplete = true;
            }
        }
        if files.len() > MAX_FILES {
            findings.value(&location, &IncludeProblem::TooMany);
            files.truncate(MAX_FILES);
            break;
        }
    }
    files
}

fn one(base: &Path, pattern: &str) -> Result<Vec<PathBuf>, IncludeProblem> {
    let (directory, name) = pattern.rsplit_once('/').unwrap_or(("", pattern));
    if has_wildcard(directory) {
        return Err(IncludeProblem::WildcardDirectory(pattern.to_owned()));
    }
    if name.is_empty() {
        return Err(IncludeProblem::NoFile(pattern.to_owned()));
    }
    if !has_wildcard(name) {
        let file = base.join(pattern);
        return match file.metadata() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(IncludeProblem::Missing(file)),
            Ok(metadata) if !metadata.is_file() => Err(IncludeProblem::NotAFile(file)),
            // one that cannot be looked at says why when it is read
            Ok(_) | Err(_) => Ok(vec![file]),
        };
    }
    // "/*.yaml" splits into "" and a name, and is still absolute
    let directory = if pattern.starts_with('/') && directory.is_empty() {
        "/"
    } else {
        directory
    };
    let directory = base.join(directory);
    let failed = |error| IncludeProblem::Directory {
        path: directory.clone(),
        error,
    };
    let listed = if directory.as_os_str().is_empty() {
        Path::new(".")
    } else {
        &directory
    };
    let mut files = Vec::new();
    let entries = match fs::read_dir(listed) {
        // nothing there yet matches nothing
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(files),
        entries => entries.map_err(failed)?,
    };
    for entry in entries {
        let entry = entry.map_err(failed)?;
        let file_name = entry.file_name();
        let Some(candidate) = file_name.to_str() else {
            continue;
        };
        // as a shell does: an editor's `.x.yaml.swp` is not meant
        if !candidate.starts_with('.') && matches(name, candidate) {
            files.push(directory.join(candidate));
        }
    }
    files.sort();
    Ok(files)
}

fn has_wildcard(text: &str) -> bool {
    text.contains(['*', '?'])
}

/// `*` is any run of characters, `?` any one.
fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    let (mut p, mut n) = (0, 0);
    // where the last star was, and how much of the name it takes so far
    let mut star: Option<(usize, usize)> = None;
    while n < name.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, n));
                p += 1;
            }
            Some(c) if *c == '?' || *c == name[n] => {
                p += 1;
                n += 1;
            }
            _ => match &mut star {
                Some((at, taken)) => {
                    *taken += 1;
                    (p, n) = (*at + 1, *taken);
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

fn same_file(one: &Path, other: &Path) -> bool {
    matches!((one.canonicalize(), other.canonicalize()), (Ok(one), Ok(other)) if one == other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_in_a_shell() {
        for (pattern, name) in [
            ("*.yaml", "a.yaml"),
            ("*", "x"),
            ("a*b*c", "aXbYbc"),
            ("?.yaml", "é.yaml"),
            ("**", ""),
            ("*a", "aa"),
        ] {
            assert!(matches(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [("*.yaml", "a.yml"), ("?", ""), ("a*b", "abc"), ("", "a")] {
            assert!(!matches(pattern, name), "{pattern} {name}");
        }
    }
}
