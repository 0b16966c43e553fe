//! The libraries of this machine, each as it describes itself.

use std::{
    collections::BTreeSet,
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use dns01_plugin_wire::Description;
use futures_util::{StreamExt as _, stream};

use super::{CallError, Plugins};

/// Each description is a process that lives for milliseconds; more at once only wait for each other.
const AT_ONCE: usize = 4;
/// Around a plugin's name in the name of its file.
const PREFIX: &str = "libdns01_";
const SUFFIX: &str = ".so";

/// A library on this machine.
#[derive(Clone, Debug)]
pub struct Found {
    /// Where it is.
    pub path: PathBuf,
    /// What it says of itself, or why it cannot be used.
    pub description: Result<Arc<Description>, CallError>,
}

/// The file that a configuration means by `library: NAME`.
pub fn file_name(name: &str) -> String {
    format!("{PREFIX}{}{SUFFIX}", name.replace('-', "_"))
}

/// The shortest `library:` that means this file when its directory is looked at; `None` when only the
/// path does.
pub fn short_name(path: &Path) -> Option<String> {
    let file = path.file_name()?.to_str()?;
    let name = file.strip_prefix(PREFIX)?.strip_suffix(SUFFIX)?;
    (!name.is_empty()).then(|| name.replace('_', "-"))
}

/// The libraries of `directories` in their order, then `others`; each once, described.
///
/// # Errors
/// When a directory is there and cannot be read.
pub async fn catalogue(
    plugins: &Plugins,
    directories: &[PathBuf],
    others: impl IntoIterator<Item = PathBuf>,
) -> Result<Vec<Found>, io::Error> {
    let mut paths = Vec::new();
    for directory in directories {
        paths.extend(libraries(directory)?);
    }
    let known: BTreeSet<PathBuf> = paths.iter().cloned().collect();
    let others: BTreeSet<PathBuf> = others.into_iter().filter(|path| !known.contains(path)).collect();
    paths.extend(others);
    let described = stream::iter(paths).map(|path| async move {
        let description = plugins.describe(&path, None).await;
        Found { path, description }
    });
    Ok(described.buffered(AT_ONCE).collect().await)
}

/// The shared libraries in a directory, by name; none where there is no such directory.
fn libraries(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match directory.read_dir() {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => {
            let text = format!("plugin directory {}: {error}", directory.display());
            return Err(io::Error::new(error.kind(), text));
        }
    };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "so") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_name_means_its_own_file() {
        for name in ["rfc2136", "acme-dns"] {
            let path = Path::new("/usr/lib").join(file_name(name));
            assert_eq!(short_name(&path).as_deref(), Some(name));
        }
        for other in [
            "/usr/lib/libssl.so",
            "/usr/lib/libdns01_.so",
            "/usr/lib/libdns01_x.so.1",
        ] {
            assert_eq!(short_name(Path::new(other)), None, "{other}");
        }
    }

    #[test]
    fn a_directory_is_read_in_the_order_of_names_and_may_be_missing() {
        let directory = tempfile::tempdir().unwrap();
        for file in ["libdns01_b.so", "libdns01_a.so", "libdns01_a.d", "notes.txt"] {
            std::fs::write(directory.path().join(file), "").unwrap();
        }
        let names: Vec<_> = libraries(directory.path()).unwrap();
        assert_eq!(
            names,
            ["libdns01_a.so", "libdns01_b.so"].map(|file| directory.path().join(file))
        );
        assert!(libraries(&directory.path().join("nosuch")).unwrap().is_empty());
    }
}
