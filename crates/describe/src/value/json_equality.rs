//! Whether two JSON texts say the same.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use super::decimal;

/// Whether two JSON texts without outer blanks hold the same value. The order of keys, the way a string is
/// escaped and the way a number is spelled make no difference; of a key that comes twice the last value counts.
/// Numbers are compared with all their digits.
#[must_use]
pub fn is_same_json(left: &str, right: &str) -> bool {
    if left == right {
        return true;
    }
    match (first_byte(left), first_byte(right)) {
        (b'{', b'{') => is_same_object(left, right),
        (b'[', b'[') => is_same_list(left, right),
        (b'"', b'"') => {
            let text = |raw| serde_json::from_str::<String>(raw).ok();
            text(left).is_some_and(|left| text(right) == Some(left))
        }
        (b'-' | b'0'..=b'9', b'-' | b'0'..=b'9') => {
            let number = |raw| decimal::canonical(raw).ok();
            number(left).is_some_and(|left| number(right) == Some(left))
        }
        _ => false,
    }
}

fn is_same_object(left: &str, right: &str) -> bool {
    let read = |raw| serde_json::from_str::<BTreeMap<String, &RawValue>>(raw).ok();
    let (Some(left), Some(right)) = (read(left), read(right)) else { return false };
    left.len() == right.len()
        && left
            .iter()
            .zip(&right)
            .all(|(left, right)| left.0 == right.0 && is_same_json(left.1.get(), right.1.get()))
}

fn is_same_list(left: &str, right: &str) -> bool {
    let read = |raw| serde_json::from_str::<Vec<&RawValue>>(raw).ok();
    let (Some(left), Some(right)) = (read(left), read(right)) else { return false };
    left.len() == right.len()
        && left.iter().zip(&right).all(|(left, right)| is_same_json(left.get(), right.get()))
}

fn first_byte(text: &str) -> u8 {
    text.bytes().next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spelling_and_order_of_keys_make_no_difference() {
        for (left, right) in [
            (r#"{"a":1,"b":[{}]}"#, r#"{"b":[{}],"a":1}"#),
            ("1.50", "1.5"),
            ("[1e2]", "[100]"),
            ("-0", "0"),
            (r#""\u00e9\/""#, "\"é/\""),
            (r#"{"\u0061":1,"a":2}"#, r#"{"a":2}"#),
        ] {
            assert!(is_same_json(left, right), "{left} {right}");
        }
    }

    #[test]
    fn other_values_are_told_apart_to_the_last_digit() {
        for (left, right) in [
            ("1", "\"1\""),
            ("null", "false"),
            ("[1,2]", "[2,1]"),
            ("[1]", "[1,1]"),
            (r#"{"a":1}"#, r#"{"b":1}"#),
            (r#"{"a":null}"#, "{}"),
            ("0.10000000000000000001", "0.1"),
        ] {
            assert!(!is_same_json(left, right), "{left} {right}");
        }
    }
}
