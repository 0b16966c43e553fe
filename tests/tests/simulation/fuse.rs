//! The moment at which a daemon is killed.

use parking_lot::Mutex;
use tokio::sync::Notify;

/// Burns at every edge between the engine and the world; when it has burnt down, whoever stands at such an edge goes
/// no further, as in a process that is no more.
#[derive(Debug, Default)]
pub struct Fuse {
    left: Mutex<Option<u64>>,
    blown: Notify,
}

impl Fuse {
    /// Blows at the `edges`-th edge from now; `None`: never.
    pub fn set(&self, edges: Option<u64>) {
        *self.left.lock() = edges;
    }

    /// Passes an edge, unless the fuse is or was burnt down.
    pub async fn burn(&self) {
        let is_blown = match &mut *self.left.lock() {
            None => false,
            Some(0) => true,
            Some(left) => {
                *left -= 1;
                *left == 0
            }
        };
        if is_blown {
            self.blown.notify_one();
            std::future::pending::<()>().await;
        }
    }

    /// Until it has burnt down.
    pub async fn blown(&self) {
        self.blown.notified().await;
    }
}
