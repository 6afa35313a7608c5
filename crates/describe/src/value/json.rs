//! JSON values of JSON columns: taken over as text, without blanks, and checked for what a database refuses.

use super::{ValueFault, decimal, written_bytes_max};

/// Deepest nesting of lists and objects in a value. Readers of JSON recurse and many stop at 128; this leaves
/// room for the record, the list and the answer around the value.
pub const DEPTH_MAX: usize = 120;

/// Longest number that is taken over as it is spelled. Every database holds one of this length.
pub(crate) const SPELLED_BYTES_MAX: usize = 1_000;

/// Appends `raw`, which must be one valid JSON value, without the blanks between its tokens. Numbers stay as
/// they are spelled, but those with an exponent and very long ones, which become canonical decimals.
///
/// # Errors
/// Where the value is nested deeper than [`DEPTH_MAX`], a string holds NUL or half a surrogate pair, a number
/// has more digits than a decimal may have, or all of it takes more than [`written_bytes_max`]; `out` then
/// holds a part of the value.
pub(super) fn compact_into(raw: &str, out: &mut String) -> Result<(), ValueFault> {
    let end_max = out.len().saturating_add(written_bytes_max(raw));
    let mut depth = 0_usize;
    let mut rest = raw;
    while let Some(first) = rest.bytes().next() {
        let length = match first {
            b' ' | b'\t' | b'\n' | b'\r' => {
                rest = rest.get(1..).unwrap_or_default();
                continue;
            }
            b'"' => string_length(rest)?,
            b'-' | b'0'..=b'9' => {
                let length = push_number(rest, out)?;
                if out.len() > end_max {
                    return Err(ValueFault::too_large_written(written_bytes_max(raw)));
                }
                rest = rest.get(length..).unwrap_or_default();
                continue;
            }
            b'[' | b'{' => {
                depth += 1;
                1
            }
            b']' | b'}' => {
                depth = depth.saturating_sub(1);
                1
            }
            b',' | b':' => 1,
            _ => word_length(rest),
        };
        if depth > DEPTH_MAX {
            return Err(ValueFault::new(format!("is nested deeper than {DEPTH_MAX}")));
        }
        let (token, behind) = rest.split_at_checked(length).unwrap_or((rest, ""));
        out.push_str(token);
        rest = behind;
    }
    Ok(())
}

/// Length of the string that `text` begins with, quotes included.
fn string_length(text: &str) -> Result<usize, ValueFault> {
    let bytes = text.as_bytes();
    let mut at = 1;
    let mut high_surrogate = false;
    loop {
        let plain =
            bytes.get(at..).and_then(|rest| rest.iter().position(|byte| matches!(byte, b'"' | b'\\')));
        let Some(plain) = plain else { return Ok(bytes.len()) };
        if high_surrogate && (plain > 0 || bytes.get(at) == Some(&b'"')) {
            return Err(lone_surrogate());
        }
        at += plain;
        if bytes.get(at) == Some(&b'"') {
            return Ok(at + 1);
        }
        if bytes.get(at + 1) == Some(&b'u') {
            high_surrogate = check_unit(text.get(at + 2..at + 6).unwrap_or_default(), high_surrogate)?;
            at += 6;
        } else if high_surrogate {
            return Err(lone_surrogate());
        } else {
            at += 2;
        }
    }
}

/// Checks one `\uXXXX` unit; true where it is the first half of a surrogate pair.
fn check_unit(hex: &str, after_high: bool) -> Result<bool, ValueFault> {
    let unit = u16::from_str_radix(hex, 16).map_err(|_| lone_surrogate())?;
    match (unit, after_high) {
        (0, _) => Err(nul()),
        (0xD800..=0xDBFF, false) => Ok(true),
        (0xDC00..=0xDFFF, true) => Ok(false),
        (0xD800..=0xDFFF, _) | (_, true) => Err(lone_surrogate()),
        _ => Ok(false),
    }
}

/// Appends the number that `text` begins with; its length in `text`.
///
/// PostgreSQL keeps the numbers of a JSON value as `numeric`, which writes an exponent out and counts zeros that
/// mean nothing: `0e-20000` has too many digits for it, and a few bytes like `1e131071` stand for a value that it
/// cannot show. Written out here, a number is the same to every database, and its size is known.
fn push_number(text: &str, out: &mut String) -> Result<usize, ValueFault> {
    let is_number = |byte: u8| matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E' | b'0'..=b'9');
    let length = text.bytes().position(|byte| !is_number(byte)).unwrap_or(text.len());
    let number = text.get(..length).unwrap_or_default();
    if length > SPELLED_BYTES_MAX || number.contains(['e', 'E']) {
        decimal::canonical_into(number, out)
            .map_err(|fault| ValueFault::new(format!("holds a number that {}", fault.message)))?;
    } else {
        out.push_str(number);
    }
    Ok(length)
}

fn word_length(text: &str) -> usize {
    text.bytes().position(|byte| !byte.is_ascii_alphabetic()).unwrap_or(text.len()).max(1)
}

pub(super) fn nul() -> ValueFault {
    ValueFault::new("holds a NUL character (\\u0000), which no text may hold")
}

fn lone_surrogate() -> ValueFault {
    ValueFault::new("holds half a surrogate pair in an escape sequence")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn compact(raw: &str) -> Result<String, ValueFault> {
        let mut out = String::new();
        compact_into(raw, &mut out).map(|()| out)
    }

    #[test]
    fn blanks_go_exponents_are_written_out_and_all_else_stays() {
        let raw = "{ \"a b\" : [ 1.50 , -2e3, true , null ],\n\t\"ü\\u00e9\\ud83d\\ude80\\n\" : \"\" }";
        assert_eq!(
            compact(raw).as_deref(),
            Ok("{\"a b\":[1.50,-2000,true,null],\"ü\\u00e9\\ud83d\\ude80\\n\":\"\"}")
        );
    }

    #[test]
    fn what_a_database_refuses_is_refused() {
        for raw in [
            "\"a\\u0000\"",
            "{\"\\u0000\":1}",
            "\"\\ud800\"",
            "\"\\ud800x\"",
            "\"\\ud800\\n\"",
            "\"\\udc00\"",
            "\"\\ud800\\ud800\"",
            "\"\\ud800\\u0041\"",
            "[1e999999999]",
        ] {
            assert!(compact(raw).is_err(), "{raw}");
        }
        assert!(compact(&format!("{}{}", "[".repeat(DEPTH_MAX), "]".repeat(DEPTH_MAX))).is_ok());
        assert!(compact(&format!("{}{}", "[".repeat(DEPTH_MAX + 1), "]".repeat(DEPTH_MAX + 1))).is_err());
        assert!(compact("\"\\\\u0000\"").is_ok());
    }

    #[test]
    fn zeros_that_mean_nothing_are_not_counted() {
        let zeros = "0".repeat(20_000);
        for (raw, kept) in [
            ("0e-20000".to_owned(), "0"),
            ("-0.0e2147483648".to_owned(), "0"),
            ("10e-16384".to_owned(), &format!("0.{}1", "0".repeat(16_382))),
            (format!("12.{zeros}"), "12"),
            (format!("0.{zeros}"), "0"),
        ] {
            assert_eq!(compact(&raw).as_deref(), Ok(kept));
        }
    }

    #[test]
    fn numbers_that_stand_for_megabytes_are_refused() {
        assert!(compact("[1e131071]").is_ok());
        let fault = compact(&format!("[{}]", vec!["1e131071"; 10_000].join(","))).unwrap_err();
        assert!(fault.message.contains("written out"), "{fault}");
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[\\[\\]{}\",:\\\\u0-9dD8c \\PC]{0,40}") {
            let _ = compact(&text);
        }
    }
}
