//! nsupdate of BIND 9: an update client (RFC 2136) that we did not write.

use std::ffi::OsStr;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::process::{Command, Output, Stdio};

/// Sends changes to `server`, one update for each zone with its lines (`update add NAME TTL TXT VALUE`), and returns
/// when it has answered. `arguments` are nsupdate's own: `-k FILE`, for example.
///
/// # Errors
/// When nsupdate does not run (`./dev setup` installs it). What the server said is in the output.
pub fn nsupdate<A: AsRef<OsStr>>(
    server: SocketAddr,
    zones: &[(&str, &str)],
    arguments: &[A],
) -> io::Result<Output> {
    let mut script = format!("server {} {}\n", server.ip(), server.port());
    for (zone, lines) in zones {
        script += &format!("zone {zone}\n{lines}\nsend\n");
    }
    let mut child = Command::new("nsupdate")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    if let Some(mut input) = child.stdin.take() {
        input.write_all(script.as_bytes())?;
    }
    child.wait_with_output()
}

/// As [`nsupdate`], where the server is to take the changes.
///
/// # Errors
/// When it did not, with its words.
pub fn updated<A: AsRef<OsStr>>(
    server: SocketAddr,
    zones: &[(&str, &str)],
    arguments: &[A],
) -> io::Result<()> {
    let output = nsupdate(server, zones, arguments)?;
    match output.status.success() {
        true => Ok(()),
        false => Err(io::Error::other(
            String::from_utf8_lossy(&output.stderr).into_owned(),
        )),
    }
}
