//! Segments of paths. The router decodes a path only in part, so that an id may hold an encoded `/`; the rest
//! is decoded here.

use actix_web::HttpRequest;
use percent_encoding::percent_decode_str;

use crate::error::ApiError;

/// Refuses a path with a broken percent sequence or bytes that are no UTF-8: the router would let the first
/// stand and replace the second, and so answer for another path.
pub(crate) fn check_path(raw: &str) -> Result<(), ApiError> {
    decoded(raw).map(|_| ())
}

/// The decoded segment that the route calls `name`.
pub(crate) fn segment(request: &HttpRequest, name: &str) -> Result<String, ApiError> {
    decoded(request.match_info().query(name))
}

/// Decodes percent sequences; every `%` must begin one, and the result must be UTF-8.
pub(super) fn decoded(text: &str) -> Result<String, ApiError> {
    let broken = text.split('%').skip(1).any(|after| {
        let mut digits = after.bytes();
        !matches!((digits.next(), digits.next()), (Some(a), Some(b)) if a.is_ascii_hexdigit() && b.is_ascii_hexdigit())
    });
    if broken {
        return Err(ApiError::bad_request("The address holds a '%' without two hexadecimal digits after it"));
    }
    percent_decode_str(text)
        .decode_utf8()
        .map(std::borrow::Cow::into_owned)
        .map_err(|_| ApiError::bad_request("The address holds bytes that are no UTF-8"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encoded_text_is_decoded_once() {
        assert_eq!(decoded("a%2Fb%252F%20%C3%A4+").unwrap(), "a/b%2F ä+");
    }

    #[test]
    fn broken_sequences_and_bytes_are_refused() {
        for text in ["%", "a%2", "%zz", "%c3", "%ff", "%F0%28%8C%BC"] {
            assert!(decoded(text).is_err(), "{text}");
        }
    }
}
