//! Cloudflare's envelope.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Value, json};

/// A refusal in Cloudflare's form.
#[derive(Clone, Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    errors: Vec<Value>,
}

impl Refusal {
    /// One error.
    pub(super) fn new(status: u16, code: i64, message: impl Into<String>) -> Self {
        Self {
            status: StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
            errors: vec![json!({"code": code, "message": message.into()})],
        }
    }

    /// One error with another below it.
    pub(super) fn chained(status: u16, outer: (i64, &str), inner: (i64, &str)) -> Self {
        let mut refusal = Self::new(status, outer.0, outer.1);
        refusal.errors[0]["error_chain"] = json!([{"code": inner.0, "message": inner.1}]);
        refusal
    }

    /// A record that is not as it must be: 1004, with what is wrong below it.
    pub(super) fn validation(code: i64, message: &str) -> Self {
        Self::chained(400, (1004, "DNS Validation Error"), (code, message))
    }

    /// A body or query that is not as the schema has it.
    pub(super) fn schema(message: impl Into<String>) -> Self {
        Self::new(400, 9207, message)
    }

    /// The path leads nowhere.
    pub(super) fn no_route(path: &str) -> Self {
        let mut refusal = Self::new(
            400,
            7003,
            format!("Could not route to {path}, perhaps your object identifier is invalid?"),
        );
        refusal
            .errors
            .push(json!({"code": 7000, "message": "No route for that URI"}));
        refusal
    }

    /// The token has no right to this.
    pub(super) fn not_allowed() -> Self {
        Self::new(403, 10000, "Authentication error")
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let body = json!({"success": false, "errors": self.errors, "messages": [], "result": null});
        (self.status, Json(body)).into_response()
    }
}

/// What a handler gives back.
pub(super) type Answer = Result<Response, Refusal>;

/// Success with one result.
pub(super) fn found(result: impl Serialize) -> Answer {
    Ok(Json(json!({"success": true, "errors": [], "messages": [], "result": result})).into_response())
}

/// Success with one page of many results.
pub(super) fn page<T: Serialize>(all: &[T], page: usize, per_page: usize) -> Answer {
    let first = (page - 1).saturating_mul(per_page).min(all.len());
    let shown = &all[first..all.len().min(first.saturating_add(per_page))];
    let body = json!({
        "success": true, "errors": [], "messages": [], "result": shown,
        "result_info": {
            "page": page, "per_page": per_page, "count": shown.len(), "total_count": all.len(),
            "total_pages": all.len().div_ceil(per_page),
        },
    });
    Ok(Json(body).into_response())
}
