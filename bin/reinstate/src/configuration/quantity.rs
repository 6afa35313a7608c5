//! Sizes and durations as people write them: `10GiB`, `24h`, or a bare number.

use std::time::Duration;

/// Names of the units of size with their bytes; a bare number counts bytes.
const SIZE_UNITS: [(&str, u64); 10] = [
    ("", 1),
    ("b", 1),
    ("kb", 1_000),
    ("mb", 1_000_000),
    ("gb", 1_000_000_000),
    ("tb", 1_000_000_000_000),
    ("kib", 1 << 10),
    ("mib", 1 << 20),
    ("gib", 1 << 30),
    ("tib", 1 << 40),
];

/// Names of the units of time with their milliseconds; a bare number counts in the unit of the setting.
const TIME_UNITS: [(&str, u64); 5] =
    [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];

/// Reads a size in bytes, such as `1048576`, `512MB` or `10 GiB`; units are written in any case.
///
/// # Errors
/// What is wrong, as the end of a sentence.
pub(crate) fn size_bytes(text: &str) -> Result<u64, String> {
    let (number, unit) = split(text).ok_or("must be a size such as 1048576, 512MB or 10GiB")?;
    let (_, factor) = SIZE_UNITS
        .iter()
        .find(|(name, _)| *name == unit)
        .ok_or("must be a size in B, KB, MB, GB, TB, KiB, MiB, GiB or TiB")?;
    number.checked_mul(*factor).ok_or_else(|| "is too large".to_owned())
}

/// Reads a duration such as `30s`, `24h` or `500ms`; a bare number counts in `bare_unit_ms` milliseconds.
///
/// # Errors
/// What is wrong, as the end of a sentence.
pub(crate) fn duration(text: &str, bare_unit_ms: u64) -> Result<Duration, String> {
    let (number, unit) = split(text).ok_or("must be a duration such as 30s, 5m, 24h or 7d")?;
    let known = TIME_UNITS.iter().find(|(name, _)| *name == unit).map(|(_, factor)| *factor);
    let factor = match known {
        Some(factor) => factor,
        None if unit.is_empty() => bare_unit_ms,
        None => return Err("must be a duration in ms, s, m, h or d".to_owned()),
    };
    number.checked_mul(factor).map(Duration::from_millis).ok_or_else(|| "is too large".to_owned())
}

/// The digits at the front and the unit behind them, in lower case.
fn split(text: &str) -> Option<(u64, String)> {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '_').unwrap_or(text.len());
    let (digits, unit) = text.split_at_checked(end)?;
    Some((digits.replace('_', "").parse().ok()?, unit.trim().to_ascii_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_in_both_kinds_of_units() {
        for (text, bytes) in
            [("0", 0), ("10_000", 10_000), ("1 KB", 1_000), ("1kib", 1_024), ("10GiB", 10 << 30)]
        {
            assert_eq!(size_bytes(text), Ok(bytes), "{text}");
        }
        for text in ["", "-1", "1.5GB", "GB", "1 parsec", "99999999999999999999", "18446744073709551615KB"] {
            assert!(size_bytes(text).is_err(), "{text}");
        }
    }

    #[test]
    fn durations_are_read_with_and_without_a_unit() {
        for (text, ms) in
            [("30", 30_000), ("30s", 30_000), ("500ms", 500), ("2h", 7_200_000), ("1 d", 86_400_000)]
        {
            assert_eq!(duration(text, 1_000), Ok(Duration::from_millis(ms)), "{text}");
        }
        for text in ["", "soon", "1y", "-5s"] {
            assert!(duration(text, 1_000).is_err(), "{text}");
        }
    }
}
