//! `POST zones/{zone}/dns_records/batch`: all changes or none.

use std::sync::Arc;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Shared;
use super::answer::{Answer, Refusal, found};
use super::record::Body;
use super::records::{json_body, with_zone};
use super::token::Token;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Batch {
    #[serde(default)]
    deletes: Vec<Deletion>,
    #[serde(default)]
    patches: Vec<Value>,
    #[serde(default)]
    puts: Vec<Value>,
    #[serde(default)]
    posts: Vec<Body>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Deletion {
    id: String,
}

/// Deletes, patches, puts, posts, in this order; the first failure undoes all.
pub(super) async fn batch(
    State(shared): State<Arc<Shared>>,
    Extension(token): Extension<Token>,
    Path(zone): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    if !shared.knobs.current().batch {
        return Err(Refusal::new(405, 7001, "Method POST not available for that URI."));
    }
    let batch: Batch = json_body(&headers, &body)?;
    with_zone(&shared, &token, &zone, true, |zone, knobs| {
        let changes = batch.deletes.len() + batch.patches.len() + batch.puts.len() + batch.posts.len();
        if changes == 0 || changes > zone.batch_limit() {
            let words = format!(
                "a batch has from 1 to {} changes, not {changes}",
                zone.batch_limit()
            );
            return Err(Refusal::schema(words));
        }
        let mut changed = zone.clone();
        let mut deletes = Vec::new();
        for deletion in &batch.deletes {
            deletes.push(changed.delete(&deletion.id)?.shown());
        }
        let mut patches = Vec::new();
        for patch in batch.patches {
            let (id, body) = with_id(patch)?;
            patches.push(changed.edit(knobs, &id, body)?);
        }
        let mut puts = Vec::new();
        for put in batch.puts {
            let (id, body) = with_id(put)?;
            puts.push(changed.replace(knobs, &id, body)?);
        }
        let mut posts = Vec::new();
        for post in batch.posts {
            posts.push(changed.create(knobs, post)?);
        }
        *zone = changed;
        if !knobs.batch_order {
            posts.reverse();
        }
        found(json!({"deletes": deletes, "patches": patches, "puts": puts, "posts": posts}))
    })
}

/// A change with the id of its record among its fields.
fn with_id(mut change: Value) -> Result<(String, Body), Refusal> {
    let id = change.as_object_mut().and_then(|fields| fields.remove("id"));
    let Some(Value::String(id)) = id else {
        return Err(Refusal::schema("field `id` is missing"));
    };
    let body = serde_json::from_value(change).map_err(|error| Refusal::schema(error.to_string()))?;
    Ok((id, body))
}
