//! The halves of an archive, as `include` lists them.

use reinstate_engine::Include;

use crate::body::shown;
use crate::error::JobsError;

/// The spelling of the half that holds models and fields.
pub(crate) const DESCRIBE: &str = "describe";

/// The spelling of the half that holds records.
pub(crate) const DATA: &str = "data";

/// The halves that a list names.
///
/// # Errors
/// [`JobsError::BadRequest`] where it names something else, or nothing.
pub(crate) fn read<'a>(halves: impl Iterator<Item = &'a str>) -> Result<Include, JobsError> {
    let bad_request = |message: String| JobsError::BadRequest { message };
    let mut include = Include { describe: false, data: false };
    for half in halves {
        match half {
            DESCRIBE => include.describe = true,
            DATA => include.data = true,
            _ => {
                let half = shown(half);
                return Err(bad_request(format!("include '{half}' is unknown; allowed are describe, data")));
            }
        }
    }
    if include.describe || include.data {
        Ok(include)
    } else {
        Err(bad_request("include is empty; allowed are describe, data".to_owned()))
    }
}

/// The halves as a list.
pub(crate) fn list(include: Include) -> Vec<String> {
    let halves = [(include.describe, DESCRIBE), (include.data, DATA)];
    halves.into_iter().filter(|(taken, _)| *taken).map(|(_, half)| half.to_owned()).collect()
}
