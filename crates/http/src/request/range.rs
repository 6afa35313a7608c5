//! Which part of a file a request asks for, and whether it has the file already.
//!
//! A range that is malformed, of another unit, or one of several is passed over, as HTTP wants it: whoever asks so
//! gets the whole file, and learns that from the status.

use std::ops::Range;

use actix_web::HttpRequest;
use actix_web::http::{Method, header};

/// What of a file is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Part {
    /// All of it.
    Whole,
    /// These bytes, at least one.
    Bytes(Range<u64>),
    /// Bytes beyond its end.
    Beyond,
}

/// What a request asks for of a file with that tag and so many bytes.
pub(crate) fn asked_part(request: &HttpRequest, etag: &str, size_bytes: u64) -> Part {
    // For other methods, HEAD included, a range means nothing.
    if request.method() != Method::GET {
        return Part::Whole;
    }
    match text(request, header::RANGE) {
        Some(range) if is_same_file(text(request, header::IF_RANGE), etag) => part_of(range, size_bytes),
        _ => Part::Whole,
    }
}

/// Whether the client says that it has the file with that tag.
pub(crate) fn is_unchanged(request: &HttpRequest, etag: &str) -> bool {
    let lists = request.headers().get_all(header::IF_NONE_MATCH).filter_map(|list| list.to_str().ok());
    let mut tags = lists.flat_map(|list| list.split(',')).map(str::trim);
    tags.any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag)
}

/// The value of a header that comes once and is text.
fn text(request: &HttpRequest, name: header::HeaderName) -> Option<&str> {
    let mut values = request.headers().get_all(name);
    let only = values.next()?;
    if values.next().is_some() { None } else { only.to_str().ok().map(str::trim) }
}

/// Whether the part may be of the file as it is now. A weak tag promises too little for that, and of dates this
/// server keeps none.
fn is_same_file(if_range: Option<&str>, etag: &str) -> bool {
    if_range.is_none_or(|tag| tag == etag)
}

fn part_of(range: &str, size_bytes: u64) -> Part {
    let unit_and_ends = range.split_once('=').filter(|(unit, _)| unit.trim().eq_ignore_ascii_case("bytes"));
    let Some((first, last)) = unit_and_ends.and_then(|(_, ends)| ends.trim().split_once('-')) else {
        return Part::Whole;
    };
    match (first, last) {
        ("", last) => suffix(number(last), size_bytes),
        (first, "") => bytes(number(first), Some(u64::MAX), size_bytes),
        (first, last) => bytes(number(first), number(last), size_bytes),
    }
}

/// The last so many bytes.
fn suffix(length: Option<u64>, size_bytes: u64) -> Part {
    match length {
        Some(0) => Part::Beyond,
        // There is no way to name a part of a file without bytes.
        Some(_) if size_bytes == 0 => Part::Whole,
        Some(length) => Part::Bytes(size_bytes.saturating_sub(length)..size_bytes),
        None => Part::Whole,
    }
}

/// The bytes from one to another, both included.
fn bytes(first: Option<u64>, last: Option<u64>, size_bytes: u64) -> Part {
    match (first, last) {
        (Some(first), Some(last)) if first > last => Part::Whole,
        (Some(first), Some(_)) if first >= size_bytes => Part::Beyond,
        (Some(first), Some(last)) => Part::Bytes(first..last.saturating_add(1).min(size_bytes)),
        _ => Part::Whole,
    }
}

/// A number of digits alone; one that is too large for any file stays too large.
fn number(text: &str) -> Option<u64> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    const ETAG: &str = "\"tag\"";

    fn asked(headers: &[(&str, &str)]) -> Part {
        let request = TestRequest::get();
        let request = headers.iter().fold(request, |request, header| request.append_header(*header));
        asked_part(&request.to_http_request(), ETAG, 100)
    }

    #[test]
    fn single_ranges_are_cut_to_the_file() {
        for (range, expected) in [
            ("bytes=0-0", Part::Bytes(0..1)),
            ("bytes=10-19", Part::Bytes(10..20)),
            ("bytes=10-1000", Part::Bytes(10..100)),
            ("bytes=99-", Part::Bytes(99..100)),
            ("bytes=-1", Part::Bytes(99..100)),
            ("bytes=-1000", Part::Bytes(0..100)),
            ("Bytes = 5-", Part::Bytes(5..100)),
            ("bytes=0-99999999999999999999999", Part::Bytes(0..100)),
            ("bytes=100-", Part::Beyond),
            ("bytes=99999999999999999999999-", Part::Beyond),
            ("bytes=-0", Part::Beyond),
        ] {
            assert_eq!(asked(&[("range", range)]), expected, "{range}");
        }
    }

    #[test]
    fn everything_else_is_passed_over() {
        for range in [
            "bytes=5-4",
            "bytes=0-1,4-5",
            "bytes=-",
            "bytes=",
            "bytes",
            "",
            "lines=0-1",
            "bytes=a-b",
            "bytes=+1-2",
            "bytes=1-2-3",
            "bytes=1 -2",
        ] {
            assert_eq!(asked(&[("range", range)]), Part::Whole, "{range}");
        }
        assert_eq!(asked(&[("range", "bytes=0-1"), ("range", "bytes=0-1")]), Part::Whole);
        assert_eq!(asked(&[]), Part::Whole);
    }

    #[test]
    fn a_part_of_another_file_is_not_a_part() {
        let tagged = |tag: &str| asked(&[("range", "bytes=0-1"), ("if-range", tag)]);
        assert_eq!(tagged(ETAG), Part::Bytes(0..2));
        for other in ["\"other\"", "W/\"tag\"", "tag", "Tue, 15 Nov 1994 12:45:26 GMT"] {
            assert_eq!(tagged(other), Part::Whole, "{other}");
        }
    }

    #[test]
    fn a_file_without_bytes_has_no_parts() {
        assert_eq!(part_of("bytes=-5", 0), Part::Whole);
        assert_eq!(part_of("bytes=0-", 0), Part::Beyond);
    }

    #[test]
    fn any_tag_of_the_list_says_that_the_file_is_there() {
        let unchanged = |tags: &str| {
            let request = TestRequest::get().insert_header(("if-none-match", tags)).to_http_request();
            is_unchanged(&request, ETAG)
        };
        for tags in [ETAG, "*", "W/\"tag\"", "\"a\", \"tag\""] {
            assert!(unchanged(tags), "{tags}");
        }
        for tags in ["\"a\"", "tag", "\"a\",\"b\"", ""] {
            assert!(!unchanged(tags), "{tags}");
        }
    }
}
