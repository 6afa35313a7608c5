//! JSON values of JSON columns: taken over as text, without blanks, and checked for what a database refuses.

use super::{ValueFault, decimal};

/// Deepest nesting of lists and objects in a value. Readers of JSON recurse and many stop at 128; this leaves
/// room for the record, the list and the answer around the value.
pub const DEPTH_MAX: usize = 120;

/// Appends `raw`, which must be one valid JSON value, without the blanks between its tokens. Digits of
/// numbers stay as they are.
///
/// # Errors
/// Where the value is nested deeper than [`DEPTH_MAX`], a string holds NUL or half a surrogate pair, or a
/// number has more digits than a decimal may have; `out` then holds a part of the value.
pub(super) fn compact_into(raw: &str, out: &mut String) -> Result<(), ValueFault> {
    let mut depth = 0_usize;
    let mut rest = raw;
    while let Some(first) = rest.bytes().next() {
        let length = match first {
            b' ' | b'\t' | b'\n' | b'\r' => {
                rest = rest.get(1..).unwrap_or_default();
                continue;
            }
            b'"' => string_length(rest)?,
            b'-' | b'0'..=b'9' => number_length(rest)?,
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

/// Length of the number that `text` begins with.
fn number_length(text: &str) -> Result<usize, ValueFault> {
    let is_number = |byte: u8| matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E' | b'0'..=b'9');
    let length = text.bytes().position(|byte| !is_number(byte)).unwrap_or(text.len());
    let number = text.get(..length).unwrap_or_default();
    // Short numbers without exponent are within the limits of every database.
    if length > 1_000 || number.contains(['e', 'E']) {
        decimal::check(number)
            .map_err(|fault| ValueFault::new(format!("holds a number that {}", fault.message)))?;
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
    fn blanks_go_and_all_else_stays() {
        let raw = "{ \"a b\" : [ 1.50 , -2e400, true , null ],\n\t\"ü\\u00e9\\ud83d\\ude80\\n\" : \"\" }";
        assert_eq!(
            compact(raw).as_deref(),
            Ok("{\"a b\":[1.50,-2e400,true,null],\"ü\\u00e9\\ud83d\\ude80\\n\":\"\"}")
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

    proptest! {
        #[test]
        fn no_text_panics(text in "[\\[\\]{}\",:\\\\u0-9dD8c \\PC]{0,40}") {
            let _ = compact(&text);
        }
    }
}
