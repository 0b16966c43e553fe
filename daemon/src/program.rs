//! Programs that operators name: where they are, before they are needed.

use std::{
    ffi::OsStr,
    io,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

/// Where programs are searched, whatever started the daemon.
pub const SEARCH_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Finds the program as `execvp` would: a name with a slash is a path, any
/// other is looked up in [`SEARCH_PATH`].
///
/// # Errors
/// `NotFound`, or `PermissionDenied` for a path that is no executable file.
pub fn find(program: &str) -> io::Result<PathBuf> {
    find_in(program, OsStr::new(SEARCH_PATH))
}

fn find_in(program: &str, search: &OsStr) -> io::Result<PathBuf> {
    if program.contains('/') {
        return executable(Path::new(program)).map(|()| program.into());
    }
    std::env::split_paths(search)
        .map(|directory| directory.join(program))
        .find(|path| executable(path).is_ok())
        .ok_or_else(|| rustix::io::Errno::NOENT.into())
}

fn executable(path: &Path) -> io::Result<()> {
    let data = std::fs::metadata(path)?;
    if data.is_file() && data.permissions().mode() & 0o111 != 0 {
        Ok(())
    } else {
        Err(rustix::io::Errno::ACCESS.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_found_where_path_says_and_a_path_is_itself() {
        assert_eq!(
            find_in("sh", OsStr::new("/nowhere:/bin")).expect("found"),
            Path::new("/bin/sh")
        );
        assert_eq!(
            find_in("/bin/sh", OsStr::new("")).expect("found"),
            Path::new("/bin/sh")
        );
        let kind = |name| find_in(name, OsStr::new("/bin")).expect_err("missing").kind();
        assert_eq!(kind("no-such-program"), io::ErrorKind::NotFound);
        assert_eq!(kind("/bin"), io::ErrorKind::PermissionDenied);
        assert_eq!(kind(""), io::ErrorKind::NotFound);
    }
}
