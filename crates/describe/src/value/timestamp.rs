//! Instants: microseconds since 1970-01-01T00:00:00Z, years 0001 to 9999.
//!
//! Accepted are RFC 3339, the same with a blank for the `T`, and a date alone; the zone may be left out (UTC
//! then) or be cut to `+HH` or `+HHMM`. Digits beyond the microsecond are cut off. A leap second (`:60`) is
//! read as the first second of the next minute, as PostgreSQL does.

use super::calendar::{
    Cursor, DATE_BYTES, DAY_MAX, DAY_MIN, date_of, date_text, number, push_ascii, split_pair,
};
use super::date::DAY_MICROS;

const SECOND_MICROS: i64 = 1_000_000;
const MINUTE_MICROS: i64 = 60 * SECOND_MICROS;
const HOUR_MICROS: i64 = 60 * MINUTE_MICROS;

/// The first instant that can be written: year 1.
pub const MICROS_MIN: i64 = DAY_MIN * DAY_MICROS;
/// The last instant that can be written: the end of year 9999.
pub const MICROS_MAX: i64 = (DAY_MAX + 1) * DAY_MICROS - 1;

/// Reads an instant in any of the accepted forms; `None` where the text has none of them, or where the
/// instant lies outside of the years 0001 to 9999.
#[must_use]
pub fn parse(text: &str) -> Option<i64> {
    parse_common(text.as_bytes()).or_else(|| parse_any(text))
}

/// The common case: RFC 3339 in UTC with no fraction of a second, three digits of it, or six.
fn parse_common(text: &[u8]) -> Option<i64> {
    let (date, time) = text.split_at_checked(DATE_BYTES)?;
    let [b'T', h1, h2, b':', m1, m2, b':', s1, s2, fraction @ .., b'Z'] = time else { return None };
    let (hours, minutes, seconds) = (number([*h1, *h2])?, number([*m1, *m2])?, number([*s1, *s2])?);
    let micros = match fraction {
        [] => 0,
        [b'.', d1, d2, d3] => number([*d1, *d2, *d3])? * 1000,
        [b'.', d1, d2, d3, d4, d5, d6] => number([*d1, *d2, *d3, *d4, *d5, *d6])?,
        _ => return None,
    };
    if hours > 23 || minutes > 59 || seconds > 59 {
        return None;
    }
    // No such time of a day in the calendar is outside of the limits.
    let seconds = seconds + 60 * (minutes + 60 * hours);
    Some(date_of(date)? * DAY_MICROS + seconds * SECOND_MICROS + micros)
}

fn parse_any(text: &str) -> Option<i64> {
    let mut cursor = Cursor(text.as_bytes());
    let mut micros = cursor.date()? * DAY_MICROS;
    if !cursor.0.is_empty() {
        cursor.take(b"Tt ")?;
        micros += time_of_day(&mut cursor)?;
        micros -= offset(&mut cursor)?;
    }
    (cursor.0.is_empty() && (MICROS_MIN..=MICROS_MAX).contains(&micros)).then_some(micros)
}

fn time_of_day(cursor: &mut Cursor<'_>) -> Option<i64> {
    let hours = cursor.digits(2).filter(|hours| *hours <= 23)?;
    cursor.take(b":")?;
    let minutes = cursor.digits(2).filter(|minutes| *minutes <= 59)?;
    cursor.take(b":")?;
    let seconds = cursor.digits(2).filter(|seconds| *seconds <= 60)?;
    let fraction = if cursor.take(b".").is_some() { fraction(cursor)? } else { 0 };
    Some(hours * HOUR_MICROS + minutes * MINUTE_MICROS + seconds * SECOND_MICROS + fraction)
}

fn fraction(cursor: &mut Cursor<'_>) -> Option<i64> {
    let mut unit = SECOND_MICROS / 10;
    let mut micros = cursor.digits(1)? * unit;
    while let Some(digit) = cursor.digits(1) {
        unit /= 10;
        micros += digit * unit;
    }
    Some(micros)
}

fn offset(cursor: &mut Cursor<'_>) -> Option<i64> {
    if cursor.0.is_empty() || cursor.take(b"Zz").is_some() {
        return Some(0);
    }
    let sign = if cursor.take(b"+-")? == b'-' { -1 } else { 1 };
    let hours = cursor.digits(2).filter(|hours| *hours <= 23)?;
    let has_colon = cursor.take(b":").is_some();
    let minutes = if has_colon || cursor.peek().is_some() {
        cursor.digits(2).filter(|minutes| *minutes <= 59)?
    } else {
        0
    };
    Some(sign * (hours * HOUR_MICROS + minutes * MINUTE_MICROS))
}

/// Writes an instant as `2025-01-19T10:00:00.000Z`, with microseconds only where they are not zero. Instants
/// outside of [`MICROS_MIN`] and [`MICROS_MAX`] are moved to the nearer of the two.
#[must_use]
pub fn format(micros: i64) -> String {
    let mut out = String::with_capacity(27);
    format_into(micros, &mut out);
    out
}

/// [`format()`], appended to a text.
pub fn format_into(micros: i64, out: &mut String) {
    let micros = micros.clamp(MICROS_MIN, MICROS_MAX);
    let [y0, y1, y2, y3, _, m0, m1, _, d0, d1] = date_text(micros.div_euclid(DAY_MICROS));
    let time = micros.rem_euclid(DAY_MICROS);
    let (seconds, fraction) = (time / SECOND_MICROS, time % SECOND_MICROS);
    let (_, [h0, h1]) = split_pair(seconds / 3600);
    let (_, [n0, n1]) = split_pair(seconds / 60 % 60);
    let (_, [s0, s1]) = split_pair(seconds % 60);
    let (rest, [f4, f5]) = split_pair(fraction);
    let (rest, [f2, f3]) = split_pair(rest);
    let (_, [f0, f1]) = split_pair(rest);
    let text = [
        y0, y1, y2, y3, b'-', m0, m1, b'-', d0, d1, b'T', h0, h1, b':', n0, n1, b':', s0, s1, b'.', f0, f1,
        f2,
    ];
    push_ascii(out, &text);
    if fraction % 1000 != 0 {
        push_ascii(out, &[f3, f4, f5]);
    }
    out.push('Z');
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn again(text: &str) -> Option<String> {
        parse(text).map(format)
    }

    #[test]
    fn every_form_is_read() {
        for (text, written) in [
            ("2025-01-19T10:00:00Z", "2025-01-19T10:00:00.000Z"),
            ("2025-01-19t10:00:00.5z", "2025-01-19T10:00:00.500Z"),
            ("2025-01-19 10:00:00.123456", "2025-01-19T10:00:00.123456Z"),
            ("2025-01-19 10:00:00.123456789+00", "2025-01-19T10:00:00.123456Z"),
            ("2025-01-19T10:00:00+02:30", "2025-01-19T07:30:00.000Z"),
            ("2025-01-19T10:00:00-0230", "2025-01-19T12:30:00.000Z"),
            ("2025-01-19", "2025-01-19T00:00:00.000Z"),
            ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00.000Z"),
            ("1969-12-31T23:59:59.999Z", "1969-12-31T23:59:59.999Z"),
            ("0001-01-01", "0001-01-01T00:00:00.000Z"),
            ("9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999Z"),
        ] {
            assert_eq!(again(text).as_deref(), Some(written), "{text}");
        }
    }

    #[test]
    fn other_texts_are_refused() {
        for text in [
            "",
            "now",
            "2025-01-19T",
            "2025-01-19T10:00Z",
            "2025-01-19T24:00:00Z",
            "2025-01-19T10:60:00Z",
            "2025-01-19T10:00:61Z",
            "2025-01-19T10:00:00.Z",
            "2025-01-19T10:00:00+2",
            "2025-01-19T10:00:00+02:",
            "2025-01-19T10:00:00+24:00",
            "2025-01-19T10:00:00Zx",
            "2025-02-30",
            "0000-01-01",
            "10000-01-01",
            "0001-01-01T00:00:00+01:00",
            "9999-12-31T23:59:59-01:00",
            "２０２５-01-19",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(micros in MICROS_MIN..=MICROS_MAX) {
            prop_assert_eq!(parse(&format(micros)), Some(micros));
        }

        #[test]
        fn the_common_case_is_no_other_than_the_general_one(
            text in "[0-9]{4}-[01][0-9]-[0-3][0-9][Tt][0-2][0-9]:[0-6][0-9]:[0-6][0-9](\\.[0-9]{2,7})?[Z0]?",
        ) {
            let common = parse_common(text.as_bytes());
            prop_assert!(common.is_none() || common == parse_any(&text));
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,40}") {
            let _ = parse(&text);
        }
    }
}
