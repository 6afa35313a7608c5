//! UUIDs: sixteen bytes.

use uuid::Uuid;

use super::{CodecError, exactly};

/// Appends a UUID in canonical text.
pub(super) fn encode(text: &str, out: &mut Vec<u8>) -> Result<(), CodecError> {
    let uuid = Uuid::try_parse(text).map_err(|_| CodecError::Cell("uuid"))?;
    out.extend_from_slice(uuid.as_bytes());
    Ok(())
}

/// Reads a UUID and appends its canonical text.
pub(super) fn decode(bytes: &[u8], out: &mut String) -> Result<(), CodecError> {
    let uuid = Uuid::from_bytes(exactly(bytes, "uuid")?);
    out.push_str(uuid.hyphenated().encode_lower(&mut Uuid::encode_buffer()));
    Ok(())
}
