//! What systemd is told, and asked. Everything is a no-op outside of systemd.

use sd_notify::NotifyState;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

#[cfg(test)]
mod tests;

/// The daemon is up, or its reload is over; `status` is shown by `systemctl status`.
pub fn ready(status: &str) {
    notify(&[NotifyState::Ready, NotifyState::Status(&one_line(status))]);
}

/// A reload begins; [`ready`] ends it. For `Type=notify-reload` systemd wants to
/// know when, on its own clock.
pub fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => notify(&[NotifyState::Reloading, now]),
        Err(error) => warn!(%error, "systemd cannot be told of the reload"),
    }
}

/// The daemon is on its way out.
pub fn stopping() {
    notify(&[NotifyState::Stopping]);
}

/// A sentence for `systemctl status`.
pub fn status(text: &str) {
    notify(&[NotifyState::Status(&one_line(text))]);
}

/// Pets the watchdog until `stop`, at half of the time that the unit sets
/// (`WatchdogSec=`), as long as `alive` says that the engine moved since the
/// last call. A process that hangs is thus restarted, also when its timers run.
pub async fn watchdog(alive: impl Fn() -> bool + Send, stop: CancellationToken) {
    let Some(limit) = sd_notify::watchdog_enabled().filter(|limit| !limit.is_zero()) else {
        return;
    };
    let mut ticks = interval(limit / 2);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut hung = false;
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            _ = ticks.tick() => {}
        }
        if alive() {
            hung = false;
            notify(&[NotifyState::Watchdog]);
        } else if !hung {
            hung = true;
            error!("the engine does not move: systemd will restart this daemon");
        }
    }
}

/// A new line would begin another assignment in the message.
fn one_line(text: &str) -> String {
    text.replace('\n', " ")
}

fn notify(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        warn!(%error, "systemd cannot be told how the daemon is");
    }
}
