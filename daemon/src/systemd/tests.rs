use std::{
    os::unix::net::UnixDatagram,
    process::{Child, Command},
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use tokio::time::Instant;

use super::*;

/// Set for [`daemon`] only.
const CHILD: &str = "SYSTEMD_TEST_CHILD";

/// The process that systemd started: this binary again, because a test must not change its own environment.
#[test]
fn daemon() {
    if std::env::var_os(CHILD).is_none() {
        return; // run by cargo test, not by a test of this file
    }
    ready("three certificates\nall valid");
    reloading();
    status("one certificate fails");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let (stop, begin) = (CancellationToken::new(), Instant::now());
        let asked = AtomicU32::new(0);
        // moves twice, hangs twice, moves again
        let alive = || {
            let count = asked.fetch_add(1, Ordering::Relaxed);
            if count == 4 {
                stop.cancel();
            }
            !matches!(count, 2 | 3)
        };
        watchdog(alive, stop.clone()).await;
        assert_eq!(asked.load(Ordering::Relaxed), 5);
        // asked at once and then after 500 ms each; a machine under load may be late
        let took = begin.elapsed();
        assert!(
            (Duration::from_secs(2)..Duration::from_millis(3500)).contains(&took),
            "{took:?}"
        );
    });
    stopping();
}

struct Unit {
    _home: tempfile::TempDir,
    socket: UnixDatagram,
    child: Child,
}

impl Unit {
    fn start(watchdog_usec: &str) -> Self {
        let home = tempfile::tempdir().expect("a directory");
        let path = home.path().join("notify");
        let socket = UnixDatagram::bind(&path).expect("bound");
        socket
            .set_read_timeout(Some(Duration::from_secs(10)))
            .expect("set");
        let child = Command::new(std::env::current_exe().expect("this binary"))
            .args(["--exact", "systemd::tests::daemon"])
            .env(CHILD, "1")
            .env("NOTIFY_SOCKET", &path)
            .env("WATCHDOG_USEC", watchdog_usec)
            .env_remove("WATCHDOG_PID")
            .stdout(std::process::Stdio::null())
            .spawn()
            .expect("started");
        Unit {
            _home: home,
            socket,
            child,
        }
    }

    fn message(&self) -> String {
        let mut buffer = [0; 4096];
        let count = self.socket.recv(&mut buffer).expect("a message");
        String::from_utf8(buffer[..count].to_vec())
            .expect("text")
            .trim_end()
            .to_owned()
    }
}

#[test]
fn systemd_is_told_of_every_change_and_a_hung_engine_is_not_petted() {
    let mut unit = Unit::start("1000000");
    assert_eq!(unit.message(), "READY=1\nSTATUS=three certificates all valid");
    let reload = unit.message();
    let usec = reload
        .strip_prefix("RELOADING=1\nMONOTONIC_USEC=")
        .expect("a reload");
    assert!(usec.parse::<u64>().expect("a number") > 0);
    assert_eq!(unit.message(), "STATUS=one certificate fails");
    let mut pets = 0;
    let last = loop {
        match unit.message() {
            message if message == "WATCHDOG=1" => pets += 1,
            message => break message,
        }
    };
    assert_eq!(last, "STOPPING=1");
    assert!(unit.child.wait().expect("ended").success());
    // five looks, two of which found it hung
    assert_eq!(pets, 3);
}
