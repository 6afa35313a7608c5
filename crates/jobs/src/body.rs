//! Configurations as JSON objects: the keys that restores and extracts share, each read with its fault.

use reinstate_describe::Name;
use serde_json::{Map, Value as Json};

use crate::error::{FieldFault, JobsError};
use crate::halves::{DATA, DESCRIBE};

/// Longest name of a configuration, in characters.
pub(crate) const NAME_CHARS_MAX: usize = 255;

/// Models that one configuration may list.
const MODELS_MAX: usize = 10_000;

/// As much of a wrong value as a message repeats, in characters.
const SHOWN_CHARS_MAX: usize = 80;

/// A text from a request, short enough for a message.
pub(crate) fn shown(text: &str) -> String {
    text.chars().take(SHOWN_CHARS_MAX).collect()
}

/// The body of a configuration, which must be an object. `what` names it with its article.
pub(crate) fn object<'a>(what: &str, body: &'a Json) -> Result<&'a Map<String, Json>, JobsError> {
    body.as_object().ok_or_else(|| JobsError::BadRequest { message: format!("{what} must be a JSON object") })
}

/// A patch that does not say which configuration it changes.
pub(crate) fn id_missing() -> JobsError {
    let message = "id is required and must be a string".to_owned();
    JobsError::Validation(vec![FieldFault { field: "id".to_owned(), rule: "required", message }])
}

/// Says which of several objects has the fault.
pub(crate) fn placed(fault: FieldFault, place: usize, of: usize) -> FieldFault {
    if of < 2 { fault } else { FieldFault { field: format!("[{place}].{}", fault.field), ..fault } }
}

/// A name that is still missing when everything was read.
pub(crate) fn name_missing(faults: &[FieldFault]) -> Option<FieldFault> {
    let is_named = faults.iter().any(|fault| fault.field == "name");
    let message = "name is required".to_owned();
    (!is_named).then(|| FieldFault { field: "name".to_owned(), rule: "required", message })
}

/// What is wrong with one value.
pub(crate) struct Fault {
    /// The rule that it breaks.
    pub(crate) rule: &'static str,
    /// One sentence.
    pub(crate) message: String,
}

/// A fault instead of a value.
pub(crate) fn fault<T>(rule: &'static str, message: impl Into<String>) -> Result<T, Fault> {
    Err(Fault { rule, message: message.into() })
}

/// The fault as an answer lists it.
pub(crate) fn of_key(key: &str, fault: Fault) -> FieldFault {
    FieldFault { field: key.to_owned(), rule: fault.rule, message: fault.message }
}

/// A key that nobody sets may be sent back with the value that it has.
pub(crate) fn read_only(key: &str, value: &Json, current: Option<&Json>) -> Result<(), Fault> {
    if current.and_then(|current| current.get(key)) == Some(value) {
        return Ok(());
    }
    fault("read_only", format!("{key} cannot be set"))
}

/// A text of so many characters at most.
pub(crate) fn text<'a>(key: &str, value: &'a Json, chars_max: usize) -> Result<&'a str, Fault> {
    let Some(text) = value.as_str() else { return fault("type_mismatch", format!("{key} must be a string")) };
    if text.contains('\0') {
        return fault("type_mismatch", format!("{key} must not contain NUL"));
    }
    if text.chars().nth(chars_max).is_some() {
        return fault("maximum", format!("{key} must have at most {chars_max} characters"));
    }
    Ok(text)
}

/// The same, or nothing.
pub(crate) fn optional_text(key: &str, value: &Json, chars_max: usize) -> Result<Option<String>, Fault> {
    if value.is_null() {
        return Ok(None);
    }
    text(key, value, chars_max).map(|text| Some(text.to_owned()))
}

/// The name of a configuration.
pub(crate) fn name(value: &Json) -> Result<String, Fault> {
    if value.is_null() {
        return fault("required", "name is required");
    }
    let name = text("name", value, NAME_CHARS_MAX)?;
    if name.trim().is_empty() {
        return fault("required", "name must not be empty");
    }
    Ok(name.to_owned())
}

/// The halves of an archive, in their order.
pub(crate) fn include(value: &Json) -> Result<Vec<String>, Fault> {
    let wrong = || Fault {
        rule: "enum_values",
        message: "include must be a list of 'describe', 'data' or both".to_owned(),
    };
    let halves = value.as_array().ok_or_else(wrong)?;
    if halves.is_empty() || halves.iter().any(|half| half != DESCRIBE && half != DATA) {
        return Err(wrong());
    }
    let named = [DESCRIBE, DATA].into_iter().filter(|half| halves.iter().any(|named| named == half));
    Ok(named.map(str::to_owned).collect())
}

/// Names of models; nothing means all.
pub(crate) fn models(value: &Json) -> Result<Option<Vec<String>>, Fault> {
    if value.is_null() {
        return Ok(None);
    }
    let Some(names) = value.as_array() else {
        return fault("type_mismatch", "models must be a list of model names, or null for all");
    };
    if names.is_empty() {
        return fault("minimum", "models must name at least one model; null means all");
    }
    if names.len() > MODELS_MAX {
        return fault("maximum", format!("models must name at most {MODELS_MAX} models"));
    }
    names.iter().map(model).collect::<Result<_, _>>().map(Some)
}

fn model(value: &Json) -> Result<String, Fault> {
    let Some(name) = value.as_str() else { return fault("type_mismatch", "models must hold strings") };
    match Name::new(name) {
        Ok(name) => Ok(name.as_str().to_owned()),
        Err(error) => fault("pattern", format!("models: {error}")),
    }
}

/// Yes or no.
pub(crate) fn flag(key: &str, value: &Json) -> Result<bool, Fault> {
    match value.as_bool() {
        Some(flag) => Ok(flag),
        None => fault("type_mismatch", format!("{key} must be true or false")),
    }
}
