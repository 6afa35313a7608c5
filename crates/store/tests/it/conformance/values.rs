//! Every value of the shared table goes in and comes back.

use std::collections::HashMap;

use reinstate_describe::value::cases::{CASES, Case};
use reinstate_describe::{Field, Model};
use serde_json::Value as Json;
use serde_json::value::RawValue;

use super::{Subject, seed};
use crate::fixtures::name;

pub(crate) fn every_value_comes_back_as_the_table_says(subject: &impl Subject) {
    seed_values(subject);
    check_values(&subject.records("values").remove(0));
}

fn accepted() -> Vec<(&'static Case, &'static str)> {
    CASES.iter().filter_map(|case| Some((case, case.output?))).collect()
}

/// Makes a model with a field for each value, and one record.
pub(super) fn seed_values(subject: &impl Subject) {
    let accepted = accepted();
    let model = accepted.iter().enumerate().fold(Model::new(name("values")), |model, (number, (case, _))| {
        let mut field = Field::new(name(&format!("f{number}")), case.field_type);
        field.is_array = case.is_array;
        model.with_field(field)
    });
    let keys = accepted.iter().enumerate();
    let line: Vec<_> = keys.map(|(number, (case, _))| format!("\"f{number}\":{}", case.input)).collect();
    seed(subject, &model, &[&format!("{{\"id\":\"all\",{}}}", line.join(","))]);
}

/// Looks at the record that [`seed_values`] made.
pub(super) fn check_values(record: &str) {
    let values: HashMap<String, &RawValue> = serde_json::from_str(record).unwrap();
    for (number, (case, output)) in accepted().iter().enumerate() {
        let value = values[&format!("f{number}")].get();
        if case.field_type.as_str().starts_with("json") {
            let json = |text| serde_json::from_str::<Json>(text).unwrap();
            assert_eq!(json(value), json(output), "{case:?}");
        } else {
            assert_eq!(value, *output, "{case:?}");
        }
    }
}
