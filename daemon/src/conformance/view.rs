//! What the authoritative servers show.

use std::{collections::HashMap, time::Duration};

use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::verdict::{Trouble, failed};
use crate::{
    dns::{Dns, LocateError, Location, ServerTxt},
    types::DnsName,
};

/// A change that takes longer than this is looked for less and less often, up to every two seconds.
const FIRST: Duration = Duration::from_millis(10);
const LAST: Duration = Duration::from_secs(2);

/// The servers' side of the zone.
#[derive(Debug)]
pub(super) struct View {
    dns: Dns,
    /// How long a change may take to show.
    pub(super) within: Duration,
    // asked once per name: an alias or a cut does not move during a test
    places: HashMap<DnsName, Location>,
}

/// What should be seen at a name.
#[derive(Clone, Debug, Default)]
pub(super) struct Wanted {
    /// These must be there.
    pub present: Vec<String>,
    /// These must not.
    pub absent: Vec<String>,
}

impl View {
    pub(super) fn new(dns: Dns, within: Duration) -> Self {
        View {
            dns,
            within,
            places: HashMap::new(),
        }
    }

    /// Where the record of this name belongs.
    ///
    /// # Errors
    /// As [`Dns::locate`].
    pub(super) async fn place(&mut self, name: &str) -> Result<Location, PlaceError> {
        let name: DnsName = name.parse()?;
        if let Some(known) = self.places.get(&name) {
            return Ok(known.clone());
        }
        let location = self.dns.locate(&name).await?;
        self.places.insert(name, location.clone());
        Ok(location)
    }

    /// What every server shows at the name now.
    ///
    /// # Errors
    /// As [`View::place`].
    pub(super) async fn values(&mut self, name: &str) -> Result<Vec<ServerTxt>, PlaceError> {
        let location = self.place(name).await?;
        Ok(self.dns.txt(&location).await)
    }

    /// Waits until every server shows what is wanted at the name.
    pub(super) async fn until(
        &mut self,
        name: &str,
        wanted: &Wanted,
        stop: &CancellationToken,
    ) -> Result<(), Trouble> {
        let deadline = Instant::now() + self.within;
        let mut pause = FIRST;
        loop {
            let seen = self
                .values(name)
                .await
                .map_err(|error| Trouble::Failed(error.to_string()))?;
            let lagging: Vec<String> = seen.iter().filter_map(|server| wanted.lacks(server)).collect();
            if lagging.is_empty() && !seen.is_empty() {
                return Ok(());
            }
            if Instant::now() + pause > deadline {
                let within = self.within.as_secs();
                return failed(format!("{name}: after {within} s {}", lagging.join("; ")));
            }
            tokio::select! {
                () = stop.cancelled() => return Err(Trouble::Interrupted),
                () = sleep(pause) => {}
            }
            pause = (pause + pause / 2).min(LAST);
        }
    }
}

impl Wanted {
    fn lacks(&self, server: &ServerTxt) -> Option<String> {
        let at = server.address;
        let values = match &server.values {
            Ok(values) => values,
            Err(error) => return Some(format!("{at} does not tell: {error}")),
        };
        let missing = self
            .present
            .iter()
            .filter(|value| !values.contains(value))
            .count();
        let kept = self.absent.iter().filter(|value| values.contains(value)).count();
        match (missing, kept) {
            (0, 0) => None,
            (0, _) => Some(format!(
                "{at} still shows {kept} of the values that should be gone"
            )),
            (_, 0) => Some(format!(
                "{at} shows {} of the {} values that should be there",
                self.present.len() - missing,
                self.present.len()
            )),
            _ => Some(format!(
                "{at} lacks {missing} of the values that should be there and still shows {kept} that should be gone"
            )),
        }
    }
}

/// Why it is not known where a name belongs.
#[derive(Debug, thiserror::Error)]
pub enum PlaceError {
    /// It is none.
    #[error("not a name for a record: {0}")]
    Name(#[from] crate::types::NameError),
    /// Its zone is not found.
    #[error(transparent)]
    Locate(#[from] LocateError),
}
