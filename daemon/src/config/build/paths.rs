use std::{
    fs::Metadata,
    io,
    path::{Component, Path, PathBuf},
};

use super::Builder;
use crate::config::{fault::Problem, findings::Location, raw::Text};

#[derive(Debug, thiserror::Error)]
pub(super) enum PathProblem {
    #[error("`{0}` is not an absolute path")]
    Relative(String),
    #[error("{} cannot be used: {error}", path.display())]
    Missing { path: PathBuf, error: io::Error },
    #[error("{} is not a regular file", .0.display())]
    NotAFile(PathBuf),
    #[error("{} is neither a regular file nor a directory", .0.display())]
    NotReadable(PathBuf),
    #[error("a path cannot hold a NUL character")]
    Nul,
}

impl Problem for PathProblem {
    fn help(&self) -> Option<String> {
        match self {
            PathProblem::Relative(text) => Some(format!(
                "write it from the root on, such as `/{}`: the daemon has no working directory of its own",
                text.trim_start_matches("./").trim_start_matches("../")
            )),
            PathProblem::Missing { .. }
            | PathProblem::NotAFile(_)
            | PathProblem::NotReadable(_)
            | PathProblem::Nul => None,
        }
    }
}

/// An absolute path without `.`, `..`, doubled and final slashes, so that equal
/// paths are equal text. Links are not followed here.
pub(super) fn absolute(text: &str) -> Result<PathBuf, PathProblem> {
    if text.contains('\0') {
        return Err(PathProblem::Nul);
    }
    let path = Path::new(text);
    if !path.is_absolute() {
        return Err(PathProblem::Relative(text.to_owned()));
    }
    let mut normal = PathBuf::from("/");
    for component in path.components() {
        match component {
            Component::ParentDir => {
                normal.pop();
            }
            Component::Normal(name) => normal.push(name),
            Component::RootDir | Component::CurDir | Component::Prefix(_) => {}
        }
    }
    Ok(normal)
}

/// Where the path leads once links are followed, as far as it exists.
pub(super) fn resolved(path: &Path) -> PathBuf {
    let mut rest = Vec::new();
    let mut existing = path;
    loop {
        if let Ok(found) = existing.canonicalize() {
            return rest.iter().rev().fold(found, |path, name| path.join(name));
        }
        match (existing.parent(), existing.file_name()) {
            (Some(parent), Some(name)) => {
                rest.push(name.to_owned());
                existing = parent;
            }
            _ => return path.to_owned(),
        }
    }
}

impl Builder<'_> {
    /// The path, noting what is wrong with it.
    pub fn path(&mut self, location: &Location, text: &Text) -> Option<PathBuf> {
        match absolute(&text.0) {
            Ok(path) => Some(path),
            Err(problem) => {
                self.findings.value(location, &problem);
                None
            }
        }
    }

    /// The path of a file that must be there.
    pub fn file(&mut self, location: &Location, text: &Text) -> Option<PathBuf> {
        self.present(location, text, Metadata::is_file, PathProblem::NotAFile)
    }

    /// The path of a file or a directory that must be there.
    pub fn file_or_directory(&mut self, location: &Location, text: &Text) -> Option<PathBuf> {
        let suits = |data: &Metadata| data.is_file() || data.is_dir();
        self.present(location, text, suits, PathProblem::NotReadable)
    }

    fn present(
        &mut self,
        location: &Location,
        text: &Text,
        suits: impl Fn(&Metadata) -> bool,
        unsuitable: impl Fn(PathBuf) -> PathProblem,
    ) -> Option<PathBuf> {
        let path = self.path(location, text)?;
        if self.looks() {
            let problem = match std::fs::metadata(&path) {
                Ok(data) if suits(&data) => None,
                Ok(_) => Some(unsuitable(path.clone())),
                Err(error) => Some(PathProblem::Missing {
                    path: path.clone(),
                    error,
                }),
            };
            if let Some(problem) = problem {
                self.findings.value(location, &problem);
            }
        }
        Some(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_paths_become_equal_text() {
        for text in ["/a/b", "/a//b/", "/a/./b", "/a/c/../b", "/../a/b"] {
            assert_eq!(absolute(text).expect("a path"), Path::new("/a/b"), "{text}");
        }
        assert!(matches!(absolute("a/b"), Err(PathProblem::Relative(_))));
    }

    #[test]
    fn links_are_followed_as_far_as_the_path_exists() {
        let directory = tempfile::tempdir().expect("a directory");
        let real = directory.path().join("real");
        std::fs::create_dir(&real).expect("a directory");
        std::os::unix::fs::symlink(&real, directory.path().join("link")).expect("a link");
        let real = real.canonicalize().expect("a path");
        assert_eq!(
            resolved(&directory.path().join("link/new/deep")),
            real.join("new/deep")
        );
    }
}
