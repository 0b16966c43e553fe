//! Requests for the records of a zone, one at a time.

use std::sync::Arc;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, header};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::Shared;
use super::answer::{Answer, Refusal, found, page};
use super::filter::{Filter, Pages, pairs};
use super::knobs::Knobs;
use super::record::{Body, Record, is_id};
use super::token::Token;
use super::zone::Zone;

/// Runs `work` on the zone of a request that may do that.
pub(super) fn with_zone<T>(
    shared: &Shared,
    token: &Token,
    id: &str,
    write: bool,
    work: impl FnOnce(&mut Zone, &Knobs) -> Result<T, Refusal>,
) -> Result<T, Refusal> {
    if !is_id(id) {
        return Err(Refusal::no_route(&format!("/client/v4/zones/{id}/dns_records")));
    }
    let knobs = shared.knobs.current();
    let mut state = shared.state.lock();
    match state.zones.iter_mut().find(|zone| zone.id == id) {
        _ if !token.may(id, write) => Err(Refusal::not_allowed()),
        None => Err(Refusal::new(404, 1003, "Invalid or missing zone id.")),
        Some(zone) => {
            let done = work(zone, &knobs)?;
            if write {
                state.show(id);
            }
            Ok(done)
        }
    }
}

/// A JSON body that is said to be one.
pub(super) fn json_body<T: DeserializeOwned>(headers: &HeaderMap, body: &[u8]) -> Result<T, Refusal> {
    let kind = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    if kind.and_then(|kind| kind.split(';').next()) != Some("application/json") {
        return Err(Refusal::schema("Content-type must be application/json."));
    }
    let value: Value = serde_json::from_slice(body)
        .map_err(|_| Refusal::new(400, 6007, "Malformed JSON in request body"))?;
    serde_json::from_value(value).map_err(|error| Refusal::schema(error.to_string()))
}

impl Zone {
    /// The record of this id.
    pub(super) fn position(&self, id: &str) -> Result<usize, Refusal> {
        if !is_id(id) {
            return Err(Refusal::no_route(&format!(
                "/client/v4/zones/{}/dns_records/{id}",
                self.id
            )));
        }
        let position = self.records.iter().position(|record| record.id == id);
        position.ok_or_else(|| Refusal::new(404, 81044, "Record does not exist."))
    }

    pub(super) fn create(&mut self, knobs: &Knobs, body: Body) -> Result<Value, Refusal> {
        let record = Record::create(self, knobs, body)?;
        self.refuse_conflicts(&record)?;
        if self.records.len() >= knobs.records {
            return Err(Refusal::new(400, 81045, "The record quota has been exceeded."));
        }
        let shown = record.shown();
        self.records.push(record);
        Ok(shown)
    }

    pub(super) fn edit(&mut self, knobs: &Knobs, id: &str, body: Body) -> Result<Value, Refusal> {
        let at = self.position(id)?;
        let mut record = self.records[at].clone();
        record.change(self, knobs, body)?;
        self.refuse_conflicts(&record)?;
        let shown = record.shown();
        self.records[at] = record;
        Ok(shown)
    }

    /// As `edit`, from a whole body: what it leaves out goes back to what a new record has.
    pub(super) fn replace(&mut self, knobs: &Knobs, id: &str, body: Body) -> Result<Value, Refusal> {
        let at = self.position(id)?;
        let mut record = Record::create(self, knobs, body)?;
        record.id = id.to_owned();
        record.created = self.records[at].created;
        self.refuse_conflicts(&record)?;
        let shown = record.shown();
        self.records[at] = record;
        Ok(shown)
    }

    pub(super) fn delete(&mut self, id: &str) -> Result<Record, Refusal> {
        let at = self.position(id)?;
        Ok(self.records.remove(at))
    }

    fn refuse_conflicts(&self, record: &Record) -> Result<(), Refusal> {
        self.records
            .iter()
            .find_map(|other| record.conflict(other))
            .map_or(Ok(()), Err)
    }
}

/// `GET zones/{zone}/dns_records`
pub(super) async fn list(
    State(shared): State<Arc<Shared>>,
    Extension(token): Extension<Token>,
    Path(zone): Path<String>,
    RawQuery(query): RawQuery,
) -> Answer {
    let pairs = pairs(query.as_deref())?;
    with_zone(&shared, &token, &zone, false, |zone, knobs| {
        let (mut filter, mut pages) = (Filter::default(), Pages::of_records(knobs.page));
        for (key, value) in &pairs {
            if !filter.read(key, value)? {
                pages.read(key, value)?;
            }
        }
        let records = zone.records.iter().filter(|record| filter.takes(record));
        let shown: Vec<Value> = records.map(Record::shown).collect();
        page(&shown, pages.page, pages.per_page)
    })
}

/// `POST zones/{zone}/dns_records`
pub(super) async fn create(
    State(shared): State<Arc<Shared>>,
    Extension(token): Extension<Token>,
    Path(zone): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    let body = json_body(&headers, &body)?;
    with_zone(&shared, &token, &zone, true, |zone, knobs| {
        found(zone.create(knobs, body)?)
    })
}

/// `GET zones/{zone}/dns_records/{record}`
pub(super) async fn one(
    State(shared): State<Arc<Shared>>,
    Extension(token): Extension<Token>,
    Path((zone, record)): Path<(String, String)>,
) -> Answer {
    with_zone(&shared, &token, &zone, false, |zone, _| {
        found(zone.records[zone.position(&record)?].shown())
    })
}

/// `PATCH zones/{zone}/dns_records/{record}`
pub(super) async fn edit(
    State(shared): State<Arc<Shared>>,
    Extension(token): Extension<Token>,
    Path((zone, record)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    let body = json_body(&headers, &body)?;
    with_zone(&shared, &token, &zone, true, |zone, knobs| {
        found(zone.edit(knobs, &record, body)?)
    })
}

/// `PUT zones/{zone}/dns_records/{record}`
pub(super) async fn replace(
    State(shared): State<Arc<Shared>>,
    Extension(token): Extension<Token>,
    Path((zone, record)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    let body = json_body(&headers, &body)?;
    with_zone(&shared, &token, &zone, true, |zone, knobs| {
        found(zone.replace(knobs, &record, body)?)
    })
}

/// `DELETE zones/{zone}/dns_records/{record}`
pub(super) async fn delete(
    State(shared): State<Arc<Shared>>,
    Extension(token): Extension<Token>,
    Path((zone, record)): Path<(String, String)>,
) -> Answer {
    with_zone(&shared, &token, &zone, true, |zone, _| {
        found(json!({"id": zone.delete(&record)?.id}))
    })
}
