//! TXT records of a zone: list, create, delete, one by one or many in one request.

use std::sync::atomic::{AtomicBool, Ordering};

use dns01_plugin_api::Call;
use reqwest::Method;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use crate::api::{Api, NO_BODY, Request};
use crate::error::Error;
use crate::txt;
use crate::zones::Zone;

/// Most changes in one request in a zone of the Free plan; other plans allow 3,500.
pub(crate) const BATCH: usize = 200;
/// Records per page: more than a name has in all but broken zones.
const PAGE: &str = "100";

/// The records of an account, with what was learned about it.
#[derive(Debug)]
pub(crate) struct Records {
    pub api: Api,
    /// The batch endpoint is there.
    pub batches: AtomicBool,
    /// Comments are taken.
    pub comments: AtomicBool,
}

/// A record to create.
#[derive(Clone, Debug)]
pub(crate) struct New<'a> {
    pub fqdn: &'a str,
    pub value: &'a str,
    pub ttl: u32,
    pub comment: &'a str,
}

#[derive(Serialize)]
struct Body<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    name: &'a str,
    content: String,
    ttl: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    comment: Option<&'a str>,
}

#[derive(Serialize)]
struct Posts<'a> {
    posts: Vec<Body<'a>>,
}

#[derive(Serialize)]
struct Deletes<'a> {
    deletes: Vec<Id<'a>>,
}

#[derive(Serialize)]
struct Id<'a> {
    id: &'a str,
}

/// A record as Cloudflare has it.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Held {
    pub id: String,
    pub name: String,
    #[serde(default)]
    content: String,
}

#[derive(Deserialize)]
struct Batched {
    #[serde(default)]
    posts: Option<Vec<Held>>,
}

impl Records {
    pub(crate) fn new(api: Api) -> Self {
        Self {
            api,
            batches: AtomicBool::new(true),
            comments: AtomicBool::new(true),
        }
    }

    /// Creates one record.
    pub(crate) fn create(&self, call: &Call<'_>, zone: &Zone, new: &New<'_>) -> Result<Held, Error> {
        let doing = format!("add TXT at {} in zone {}", new.fqdn, zone.label());
        let request = Request {
            method: Method::POST,
            path: &["zones", &zone.id, "dns_records"],
            query: &[],
            doing: &doing,
        };
        Ok(self.api.send(call, &request, Some(&self.body(new)))?.result)
    }

    /// Creates all records or none, in one request. The result is in their order.
    pub(crate) fn create_all(
        &self,
        call: &Call<'_>,
        zone: &Zone,
        new: &[New<'_>],
    ) -> Result<Vec<Held>, Error> {
        let doing = format!("add {} TXT records in zone {}", new.len(), zone.label());
        let body = Posts {
            posts: new.iter().map(|new| self.body(new)).collect(),
        };
        let batched: Batched = self.batch(call, zone, &doing, &body)?;
        batched
            .posts
            .filter(|posts| posts.len() == new.len())
            .ok_or(Error::Unexpected {
                doing,
                missing: "list of the records added",
            })
    }

    /// Deletes one record.
    pub(crate) fn delete(&self, call: &Call<'_>, zone: &Zone, id: &str) -> Result<(), Error> {
        let doing = format!("remove a record of zone {}", zone.label());
        let request = Request {
            method: Method::DELETE,
            path: &["zones", &zone.id, "dns_records", id],
            query: &[],
            doing: &doing,
        };
        self.api.send::<IgnoredAny>(call, &request, NO_BODY)?;
        Ok(())
    }

    /// Deletes all records or none, in one request.
    pub(crate) fn delete_all(&self, call: &Call<'_>, zone: &Zone, ids: &[&str]) -> Result<(), Error> {
        let doing = format!("remove {} records of zone {}", ids.len(), zone.label());
        let body = Deletes {
            deletes: ids.iter().map(|id| Id { id }).collect(),
        };
        self.batch::<IgnoredAny>(call, zone, &doing, &body)?;
        Ok(())
    }

    /// The TXT records at a name, whatever their values.
    pub(crate) fn at(&self, call: &Call<'_>, zone: &Zone, fqdn: &str) -> Result<Vec<Held>, Error> {
        let doing = format!("list TXT at {fqdn} in zone {}", zone.label());
        let (mut held, mut page, mut pages) = (Vec::new(), 1, 1);
        while page <= pages {
            let request = Request {
                method: Method::GET,
                path: &["zones", &zone.id, "dns_records"],
                query: &[
                    ("type", "TXT"),
                    ("name.exact", fqdn),
                    ("page", &page.to_string()),
                    ("per_page", PAGE),
                ],
                doing: &doing,
            };
            let reply = self.api.send::<Vec<Held>>(call, &request, NO_BODY)?;
            held.extend(reply.result);
            pages = reply.pages;
            page += 1;
        }
        // an API that does not know the filter would give others too
        held.retain(|held: &Held| held.is_at(fqdn));
        Ok(held)
    }

    fn batch<T: serde::de::DeserializeOwned>(
        &self,
        call: &Call<'_>,
        zone: &Zone,
        doing: &str,
        body: &impl Serialize,
    ) -> Result<T, Error> {
        let request = Request {
            method: Method::POST,
            path: &["zones", &zone.id, "dns_records", "batch"],
            query: &[],
            doing,
        };
        Ok(self.api.send(call, &request, Some(body))?.result)
    }

    fn body<'a>(&self, new: &New<'a>) -> Body<'a> {
        Body {
            kind: "TXT",
            name: new.fqdn,
            content: txt::quoted(new.value),
            ttl: new.ttl,
            comment: self.comments.load(Ordering::Relaxed).then_some(new.comment),
        }
    }
}

impl Held {
    /// Whether it may be at this name: one with letters beyond ASCII comes in either form.
    pub(crate) fn is_at(&self, fqdn: &str) -> bool {
        self.name.eq_ignore_ascii_case(fqdn) || !self.name.is_ascii()
    }

    /// Whether it is a record of this value.
    pub(crate) fn means(&self, value: &str) -> bool {
        txt::means(&self.content, value)
    }
}
