//! Exact decimal numbers as text.

use std::cmp::Ordering;

use super::ValueFault;

/// Most digits before the point: what PostgreSQL's `numeric` holds.
pub const INTEGER_DIGITS_MAX: usize = 131_072;
/// Most digits after the point: what PostgreSQL's `numeric` holds.
pub const FRACTION_DIGITS_MAX: usize = 16_383;

/// Exponents are held to this before they are used: far beyond any that the limits let through, and far from
/// overflow when a length of text is added.
const EXPONENT_MAX: i64 = 1_000_000_000;

/// The canonical text of a number in JSON's spelling (a leading `+`, needless zeros, and a point at either
/// end are accepted too): plain digits, no exponent, no needless zeros, no negative zero. Equal numbers have
/// equal canonical text.
///
/// # Errors
/// Where the text is no number, or has more digits than the limits allow. An exponent is checked before
/// anything is expanded.
pub fn canonical(text: &str) -> Result<String, ValueFault> {
    let mut out = String::with_capacity(text.len());
    canonical_into(text, &mut out)?;
    Ok(out)
}

/// [`canonical`], appended to a text.
///
/// # Errors
/// As [`canonical`]; nothing is appended then.
pub fn canonical_into(text: &str, out: &mut String) -> Result<(), ValueFault> {
    if let Some(canonical) = canonical_part(text) {
        out.push_str(canonical);
        return Ok(());
    }
    let number = Number::split(text).ok_or_else(|| ValueFault::new("is no number"))?;
    number.push(out)
}

/// Longest text that is looked at for its canonical part: far below the limits of digits.
const SHORT_BYTES_MAX: usize = 100;

/// The common case: a short number without exponent, of whose text the canonical one is a part.
fn canonical_part(text: &str) -> Option<&str> {
    let sign = usize::from(text.starts_with('-'));
    let digits = text.as_bytes().get(sign..)?;
    if digits.len() > SHORT_BYTES_MAX || matches!(digits, [] | [b'.', ..] | [b'0', b'0'..=b'9', ..]) {
        return None;
    }
    // Behind the point a digit counts where no other than 0 follows.
    let (mut has_point, mut length) = (false, 0);
    for (at, byte) in digits.iter().enumerate() {
        match byte {
            b'0' if has_point => {}
            b'0'..=b'9' => length = at + 1,
            b'.' if !has_point => has_point = true,
            _ => return None,
        }
    }
    if length == 1 && digits.first() == Some(&b'0') {
        return Some("0");
    }
    text.get(..sign + length)
}

/// The parts of a number's text.
struct Number<'a> {
    negative: bool,
    whole: &'a str,
    fraction: &'a str,
    exponent: i64,
}

impl<'a> Number<'a> {
    fn split(text: &'a str) -> Option<Self> {
        let negative = text.starts_with('-');
        let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
        let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, parse_exponent(exponent)?),
            None => (unsigned, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let has_digit = !(whole.is_empty() && fraction.is_empty());
        (has_digit && is_digits(whole) && is_digits(fraction)).then_some(Self {
            negative,
            whole,
            fraction,
            exponent,
        })
    }

    fn digits(&self) -> impl DoubleEndedIterator<Item = u8> {
        self.whole.bytes().chain(self.fraction.bytes())
    }

    /// Where the significant digits begin and end, and where the point goes, each counted from the first
    /// digit of the text; `None` for zero.
    fn extent(&self) -> Result<Option<(usize, usize, i64)>, ValueFault> {
        let Some(first) = self.digits().position(|digit| digit != b'0') else { return Ok(None) };
        let length = self.whole.len().saturating_add(self.fraction.len());
        let zeros = self.digits().rev().take_while(|digit| *digit == b'0').count();
        let end = length.saturating_sub(zeros);
        let point = signed(self.whole.len()).saturating_add(self.exponent);
        check_digits(point.saturating_sub(signed(first)), signed(end).saturating_sub(point))?;
        Ok(Some((first, end, point)))
    }

    /// Appends the canonical text.
    fn push(&self, out: &mut String) -> Result<(), ValueFault> {
        let Some((first, end, point)) = self.extent()? else {
            out.push('0');
            return Ok(());
        };
        if self.negative {
            out.push('-');
        }
        let significant = self.digits().take(end).skip(first).map(char::from);
        place_point(significant, end - first, point - signed(first), out);
        Ok(())
    }
}

/// Appends `count` significant digits with the point after the first `point` of them (before them, where it
/// is negative), and the zeros that this takes.
fn place_point(mut digits: impl Iterator<Item = char>, count: usize, point: i64, out: &mut String) {
    let before = usize::try_from(point).unwrap_or_default();
    if before == 0 {
        out.push_str("0.");
        out.extend(std::iter::repeat_n('0', usize::try_from(-point).unwrap_or_default()));
        out.extend(digits);
        return;
    }
    out.extend(digits.by_ref().take(before));
    out.extend(std::iter::repeat_n('0', before.saturating_sub(count)));
    if count > before {
        out.push('.');
        out.extend(digits);
    }
}

fn check_digits(whole: i64, fraction: i64) -> Result<(), ValueFault> {
    if whole > signed(INTEGER_DIGITS_MAX) {
        return Err(ValueFault::new(format!("has more than {INTEGER_DIGITS_MAX} digits before the point")));
    }
    if fraction > signed(FRACTION_DIGITS_MAX) {
        return Err(ValueFault::new(format!("has more than {FRACTION_DIGITS_MAX} digits after the point")));
    }
    Ok(())
}

fn signed(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// The exponent, held within ±[`EXPONENT_MAX`].
fn parse_exponent(text: &str) -> Option<i64> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let size = digits.trim_start_matches('0');
    let size = if size.is_empty() { 0 } else { size.parse().unwrap_or(EXPONENT_MAX).min(EXPONENT_MAX) };
    Some(if text.starts_with('-') { -size } else { size })
}

/// Compares two canonical texts as numbers.
#[must_use]
pub fn compare(left: &str, right: &str) -> Ordering {
    match (left.strip_prefix('-'), right.strip_prefix('-')) {
        (None, None) => compare_size(left, right),
        (Some(left), Some(right)) => compare_size(right, left),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
    }
}

fn compare_size(left: &str, right: &str) -> Ordering {
    let (left_whole, left_fraction) = left.split_once('.').unwrap_or((left, ""));
    let (right_whole, right_fraction) = right.split_once('.').unwrap_or((right, ""));
    left_whole
        .len()
        .cmp(&right_whole.len())
        .then_with(|| left_whole.cmp(right_whole))
        .then_with(|| left_fraction.cmp(right_fraction))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_become_canonical() {
        for (text, expected) in [
            ("0", "0"),
            ("-0", "0"),
            ("-0.00e5", "0"),
            ("007", "7"),
            ("+1.50", "1.5"),
            ("1e3", "1000"),
            ("1.25e1", "12.5"),
            ("1.25e-3", "0.00125"),
            ("12e-1", "1.2"),
            ("120e-1", "12"),
            (".5", "0.5"),
            ("5.", "5"),
            ("-10.0", "-10"),
            ("0.050", "0.05"),
            ("-0.", "0"),
            ("-.0", "0"),
            ("00.10", "0.1"),
            ("-12345678901234567890.123456789", "-12345678901234567890.123456789"),
            ("0e999999999999999999999", "0"),
        ] {
            assert_eq!(canonical(text).as_deref(), Ok(expected), "{text}");
        }
        assert_eq!(canonical("1e400").unwrap(), format!("1{}", "0".repeat(400)));
        assert_eq!(canonical("1e-400").unwrap(), format!("0.{}1", "0".repeat(399)));
    }

    #[test]
    fn other_texts_and_numbers_beyond_the_limits_are_refused() {
        for text in [
            "", "-", ".", "e1", "1e", "1e+", "NaN", "Infinity", "1_0", "0x10", "1.2.3", "--1", "+-1", " 1",
            "١",
        ] {
            assert!(canonical(text).is_err(), "{text}");
        }
        for text in
            ["1e999999999", "1e131072", "1e-16384", "1e99999999999999999999", "1e-99999999999999999999"]
        {
            assert!(canonical(text).is_err(), "{text}");
        }
        assert!(canonical("1e131071").is_ok());
        assert!(canonical("1e-16383").is_ok());
    }

    #[test]
    fn numbers_compare_as_numbers() {
        let ordered =
            ["-100.5", "-100", "-9", "-0.5", "-0.25", "0", "0.05", "0.5", "0.51", "9", "10", "10.01"];
        for (i, left) in ordered.iter().enumerate() {
            for (j, right) in ordered.iter().enumerate() {
                assert_eq!(compare(left, right), i.cmp(&j), "{left} {right}");
            }
        }
    }

    proptest! {
        #[test]
        fn canonical_text_is_its_own_canonical_text(text in "[-+]?[0-9]{0,12}(\\.[0-9]{0,12})?([eE][-+]?[0-9]{1,2})?") {
            if let Ok(once) = canonical(&text) {
                prop_assert_eq!(canonical(&once), Ok(once));
            }
        }

        #[test]
        fn a_part_of_the_text_is_taken_only_where_it_is_what_the_long_way_writes(text in "[-+]?[01]{0,3}(\\.[01]{0,4})?[.e-]?") {
            if let Some(part) = canonical_part(&text) {
                let mut written = String::new();
                Number::split(&text).unwrap().push(&mut written).unwrap();
                prop_assert_eq!(part, written);
            }
        }

        #[test]
        fn order_is_that_of_whole_numbers(left: i64, right: i64) {
            prop_assert_eq!(compare(&left.to_string(), &right.to_string()), left.cmp(&right));
        }
    }
}
