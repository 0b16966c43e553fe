//! A dry run: what can be seen without a change.

use aws_sdk_route53::Client;

use crate::aws::{self, LIST_SETS, LIST_ZONES};
use crate::change;
use crate::error::Error;
use crate::record_set::{Change, Found, Want, plan};
use crate::sets::{self, Reading};
use crate::zones::Zone;

/// Are the credentials good? Says how that was seen.
pub(crate) async fn credentials(client: &Client, zone_id: Option<&str>) -> Result<String, Error> {
    match zone_id {
        Some(id) => {
            let sets = client.list_resource_record_sets().hosted_zone_id(id);
            let asked = sets.max_items(1).send().await;
            asked.map_err(|error| aws::failure(&error, LIST_SETS, id))?;
            Ok(format!(
                "AWS accepts the credentials and lets them read zone {id}"
            ))
        }
        None => {
            let zones = client.list_hosted_zones_by_name().max_items(1);
            let asked = zones.send().await;
            asked.map_err(|error| aws::failure(&error, LIST_ZONES, "the account"))?;
            Ok("AWS accepts the credentials and lets them list zones".to_owned())
        }
    }
}

/// What can be seen of the right to change TXT at a name. Says how.
pub(crate) async fn name(client: &Client, zone: &Zone, fqdn: &str) -> Result<String, Error> {
    let found = sets::read(client, zone, [fqdn], Reading::Pages).await?;
    let found = found.get(fqdn).unwrap_or(&Found::Nothing);
    // what stands there must be able to hold a value
    let probe = Want {
        index: 0,
        value: "dns01-check",
        ttl: 0,
    };
    plan(fqdn, found, Change::Add, &[probe])?;
    change::rehearse(client, zone, fqdn).await?;
    Ok(format!(
        "zone {}: TXT at {fqdn} may be changed (tried with a change that cannot be done); that it reaches the \
         name servers, only a canary shows",
        zone.shown()
    ))
}
