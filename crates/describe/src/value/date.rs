//! Days since 1970-01-01, years 0001 to 9999.

use std::fmt::Write as _;

use super::calendar::{DATE_BYTES, DAY_MAX, DAY_MIN, civil_from_days, date_of, date_text, push_ascii};
use super::timestamp;

/// Microseconds of a day.
pub(super) const DAY_MICROS: i64 = 86_400_000_000;

/// Reads `YYYY-MM-DD` or a timestamp at midnight UTC; `None` for anything else.
#[must_use]
pub fn parse(text: &str) -> Option<i64> {
    if text.len() == DATE_BYTES {
        return date_of(text.as_bytes());
    }
    let micros = timestamp::parse(text)?;
    (micros.rem_euclid(DAY_MICROS) == 0).then(|| micros.div_euclid(DAY_MICROS))
}

/// Writes `YYYY-MM-DD`.
#[must_use]
pub fn format(days: i64) -> String {
    let mut out = String::with_capacity(10);
    format_into(days, &mut out);
    out
}

/// [`format()`], appended to a text.
pub fn format_into(days: i64, out: &mut String) {
    if (DAY_MIN..=DAY_MAX).contains(&days) {
        return push_ascii(out, &date_text(days));
    }
    // No date of ours; somebody else may have written it. Writing to a text cannot fail.
    let (year, month, day) = civil_from_days(days);
    let _ = write!(out, "{:04}-{month:02}-{day:02}", year.unsigned_abs());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_written_and_read_back() {
        for days in (DAY_MIN..=DAY_MAX).step_by(11) {
            assert_eq!(parse(&format(days)), Some(days));
        }
        assert_eq!(format(DAY_MAX + 1), "10000-01-01");
    }

    #[test]
    fn dates_and_midnights_are_read() {
        assert_eq!(parse("1970-01-02"), Some(1));
        assert_eq!(parse("2024-02-29T00:00:00.000Z").map(format).as_deref(), Some("2024-02-29"));
        assert_eq!(parse("2024-02-29T02:00:00+02:00").map(format).as_deref(), Some("2024-02-29"));
        assert_eq!(parse("2024-02-29T00:00:00+02:00"), None);
        assert_eq!(parse("2024-02-29T00:00:01Z"), None);
        assert_eq!(parse("2024-2-9"), None);
    }
}
