//! On whose behalf a run works, kept with the run as JSON.

use reinstate_describe::{AccessLevel, Caller};
use serde_json::{Value as Json, json};

/// The caller as it is kept.
pub(crate) fn caller_to_json(caller: &Caller) -> Json {
    json!({ "level": caller.level.as_str(), "user_id": caller.user_id, "principals": caller.principals })
}

/// Reads it back; `None` where it is no such thing.
pub(crate) fn caller_from_json(json: &Json) -> Option<Caller> {
    let principals = json.get("principals")?.as_array()?.iter();
    Some(Caller {
        level: AccessLevel::parse(json.get("level")?.as_str()?)?,
        user_id: json.get("user_id")?.as_str()?.to_owned(),
        principals: principals.map(|id| id.as_str().map(str::to_owned)).collect::<Option<_>>()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caller_reads_back_as_it_was_written() {
        let mut caller = Caller::new(AccessLevel::Edit, "ann");
        caller.principals.insert("group-1".to_owned());
        assert_eq!(caller_from_json(&caller_to_json(&caller)), Some(caller));
    }
}
