//! Answers that were done, in their envelope.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::ContentType;
use reinstate_api::{Page, Success};
use serde::Serialize;

/// 200 with `data`.
pub(crate) fn ok(data: impl Serialize) -> HttpResponse {
    HttpResponse::Ok().json(Success::new(data))
}

/// `data` whose JSON text is there already, as records come out of the store.
pub(crate) fn raw(status: StatusCode, data: &str) -> HttpResponse {
    envelope(status, data, None)
}

/// A list of JSON texts.
pub(crate) fn raw_list(status: StatusCode, records: &[String], page: Option<Page>) -> HttpResponse {
    let length = records.iter().map(|record| record.len() + 1).sum::<usize>();
    let mut data = String::with_capacity(length + 2);
    data.push('[');
    for (index, record) in records.iter().enumerate() {
        if index > 0 {
            data.push(',');
        }
        data.push_str(record);
    }
    data.push(']');
    envelope(status, &data, page)
}

fn envelope(status: StatusCode, data: &str, page: Option<Page>) -> HttpResponse {
    let page = page.and_then(|page| serde_json::to_string(&page).ok());
    let page = page.map_or_else(String::new, |page| format!(",\"page\":{page}"));
    HttpResponse::build(status)
        .content_type(ContentType::json())
        .body(format!("{{\"success\":true,\"data\":{data}{page}}}"))
}
