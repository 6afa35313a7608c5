//! Instants: microseconds since 1970-01-01T00:00:00Z, years 0001 to 9999.

/// Reads an instant in any of the accepted forms; `None` where the text has none of them.
#[must_use]
pub fn parse(text: &str) -> Option<i64> {
    let _ = text;
    todo!()
}

/// Writes an instant as `2025-01-19T10:00:00.000Z`, with microseconds only where they are not zero.
#[must_use]
pub fn format(micros: i64) -> String {
    let _ = micros;
    todo!()
}
