use std::ffi::CString;

use nix::unistd::{Gid, Uid, User, getgrouplist};
use tokio::net::{UnixStream, unix::UCred};

/// Who is at the other end, as the kernel noted when the connection was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Its process, where it is visible from here.
    pub pid: Option<i32>,
    /// Its effective user.
    pub uid: u32,
    /// Its effective group.
    pub gid: u32,
}

impl Peer {
    pub(super) fn of(stream: &UnixStream) -> std::io::Result<Self> {
        stream.peer_cred().map(|cred: UCred| Peer {
            pid: cred.pid(),
            uid: cred.uid(),
            gid: cred.gid(),
        })
    }

    /// True for root, the daemon's own user and members of `group`. Blocks on
    /// NSS for the last ones.
    ///
    /// The socket's mode says the same; this holds when somebody changes that,
    /// and for a socket that was handed over.
    pub(super) fn is_permitted(&self, group: Option<u32>) -> bool {
        if self.uid == 0 || self.uid == rustix::process::geteuid().as_raw() {
            return true;
        }
        group.is_some_and(|group| self.gid == group || is_member(self.uid, group))
    }
}

fn is_member(uid: u32, group: u32) -> bool {
    let Ok(Some(user)) = User::from_uid(Uid::from_raw(uid)) else {
        return false;
    };
    let Ok(name) = CString::new(user.name) else {
        return false;
    };
    getgrouplist(&name, user.gid).is_ok_and(|groups| groups.contains(&Gid::from_raw(group)))
}
