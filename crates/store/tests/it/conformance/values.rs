//! Every value of the shared table goes in and comes back.

use reinstate_describe::value::cases::CASES;
use reinstate_describe::{Field, Model};
use serde_json::Value as Json;

use super::{Subject, seed};
use crate::fixtures::name;

pub(crate) fn every_value_comes_back_as_the_table_says(subject: &impl Subject) {
    let accepted: Vec<_> = CASES.iter().filter_map(|case| Some((case, case.output?))).collect();
    let model = accepted.iter().enumerate().fold(Model::new(name("values")), |model, (number, (case, _))| {
        let mut field = Field::new(name(&format!("f{number}")), case.field_type);
        field.is_array = case.is_array;
        model.with_field(field)
    });
    let keys = accepted.iter().enumerate();
    let line: Vec<_> = keys.map(|(number, (case, _))| format!("\"f{number}\":{}", case.input)).collect();
    seed(subject, &model, &[&format!("{{\"id\":\"all\",{}}}", line.join(","))]);
    let record = subject.records("values").remove(0);
    let record: serde_json::Map<String, Json> = serde_json::from_str(&record).unwrap();
    let raw: std::collections::HashMap<String, &serde_json::value::RawValue> =
        serde_json::from_str(Box::leak(subject.records("values").remove(0).into_boxed_str())).unwrap();
    for (number, (case, output)) in accepted.iter().enumerate() {
        let key = format!("f{number}");
        if case.field_type.as_str().starts_with("json") {
            assert_eq!(record[&key], serde_json::from_str::<Json>(output).unwrap(), "{case:?}");
        } else {
            assert_eq!(raw[&key].get(), *output, "{case:?}");
        }
    }
}
