//! Days since 1970-01-01, years 0001 to 9999.

/// Reads `YYYY-MM-DD` or a timestamp at midnight UTC; `None` for anything else.
#[must_use]
pub fn parse(text: &str) -> Option<i64> {
    let _ = text;
    todo!()
}

/// Writes `YYYY-MM-DD`.
#[must_use]
pub fn format(days: i64) -> String {
    let _ = days;
    todo!()
}
