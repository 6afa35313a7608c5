//! Models and fields.

use reinstate_describe::{FieldType, Model, ModelStatus};
use reinstate_engine::{Conflict, TargetError};
use serde_json::json;

use super::{Subject, apply, seed, write};
use crate::fixtures::{field, items, name, own, required, unique};

fn rich_model() -> Model {
    let mut grade = required(unique(field("grade", FieldType::Integer)));
    grade.default_value = Some(json!(5));
    grade.minimum = Some(1.into());
    grade.maximum = Some(9.into());
    grade.immutable = true;
    let mut tags = field("Tags", FieldType::Text);
    tags.is_array = true;
    tags.index = true;
    tags.pattern = Some("^[a-z]+$".to_owned());
    tags.enum_values = Some(vec!["x".to_owned(), "y'\"".to_owned()]);
    tags.description = Some("Line one\nline two".to_owned());
    tags.relationship_type = Some("owned".to_owned());
    tags.related_model = Some("others".to_owned());
    tags.extra.insert("future".to_owned(), json!({"a": [1, null]}));
    let mut model = Model::new(name("Rich")).with_field(grade).with_field(tags);
    model.status = ModelStatus::System;
    model.description = Some("All of it".to_owned());
    model.sudo = true;
    model.immutable = true;
    model.extra.insert("future".to_owned(), json!("kept"));
    model
}

pub(crate) fn created_model_comes_back_with_all_its_attributes(subject: &impl Subject) {
    let model = rich_model();
    apply(subject, "run_1", |target| {
        target.model_create(&model).unwrap();
        assert_eq!(target.catalog().unwrap().get(&model.name), Some(&model));
    });
    assert_eq!(subject.catalog().iter().collect::<Vec<_>>(), [&model]);
}

pub(crate) fn added_field_fills_existing_records_with_its_default(subject: &impl Subject) {
    let model = items();
    seed(subject, &model, &[r#"{"id":"a"}"#, r#"{"id":"b","trashed_at":"2025-01-01"}"#]);
    let mut price = field("net", FieldType::Decimal);
    price.default_value = Some(json!("12.50"));
    let mut since = field("since", FieldType::Timestamp);
    since.default_value = Some(json!("2025-01-01"));
    let plain = field("plain", FieldType::Text);
    apply(subject, "run_1", |target| target.fields_add(&model.name, &[price, plain, since]).unwrap());
    let none = r#""title":null,"code":null,"size":null,"price":null"#;
    let added = r#""net":12.5,"plain":null,"since":"2025-01-01T00:00:00.000Z""#;
    let records: Vec<_> = subject.records("items").iter().map(|record| own(record)).collect();
    assert_eq!(
        records,
        [own(&format!(r#"{{"id":"a",{none},{added}}}"#)), own(&format!(r#"{{"id":"b",{none},{added}}}"#))]
    );
}

pub(crate) fn added_fields_come_after_those_that_were_there(subject: &impl Subject) {
    let model = items();
    seed(subject, &model, &[]);
    let more = [field("zeta", FieldType::Text), field("alpha", FieldType::Boolean)];
    apply(subject, "run_1", |target| target.fields_add(&model.name, &more).unwrap());
    let catalog = subject.catalog();
    let fields: Vec<_> = catalog.get(&model.name).unwrap().fields.keys().map(ToString::to_string).collect();
    assert_eq!(fields, ["title", "code", "size", "price", "zeta", "alpha"]);
}

pub(crate) fn unique_field_is_refused_where_records_would_share_its_default(subject: &impl Subject) {
    let model = items();
    seed(subject, &model, &[r#"{"id":"a"}"#]);
    let added = |text: &str| {
        let mut field = unique(field(text, FieldType::Integer));
        field.default_value = Some(json!(7));
        field
    };
    apply(subject, "run_1", |target| {
        target.fields_add(&model.name, &[added("first")]).unwrap();
        let with_first = model.clone().with_field(added("first"));
        write(target, &with_first, &[r#"{"id":"b","first":8}"#], Conflict::Fail);
        target.fields_add(&model.name, &[unique(field("empty", FieldType::Integer))]).unwrap();
    });
    let before = subject.state();
    let mut target = subject.begin("run_2").unwrap();
    let outcome = target.fields_add(&model.name, &[added("second")]);
    drop(target);
    assert!(
        matches!(&outcome, Err(TargetError::Refused { message }) if message.contains("'second'")),
        "{outcome:?}"
    );
    assert_eq!(subject.state(), before);
}

pub(crate) fn dropped_target_takes_models_fields_and_records_back(subject: &impl Subject) {
    let model = items();
    seed(subject, &model, &[r#"{"id":"a","code":"1"}"#, r#"{"id":"b"}"#]);
    let before = subject.state();
    let mut added = unique(field("added", FieldType::Integer));
    added.index = true;
    {
        let mut target = subject.begin("run_1").unwrap();
        write(target.as_mut(), &model, &[r#"{"id":"a","code":"2"}"#, r#"{"id":"c"}"#], Conflict::Update);
        target.fields_add(&model.name, &[added]).unwrap();
        target.records_clear(&model.name).unwrap();
        target.model_create(&rich_model()).unwrap();
        write(target.as_mut(), &rich_model(), &[r#"{"id":"x","grade":3}"#], Conflict::Fail);
    }
    assert_eq!(subject.state(), before);
    assert_eq!(subject.mark("run_1"), None);
}

pub(crate) fn models_are_found_without_case(subject: &impl Subject) {
    let model = items();
    seed(subject, &model, &[r#"{"id":"a"}"#]);
    apply(subject, "run_1", |target| {
        assert!(target.model_has_records(&name("ITEMS")).unwrap());
        target.fields_add(&name("Items"), &[field("Extra", FieldType::Text)]).unwrap();
        assert!(target.catalog().unwrap().find("iTEMS").unwrap().fields.contains_key(&name("extra")));
        assert_eq!(target.records_clear(&name("ItemS")).unwrap(), 1);
    });
    assert_eq!(subject.records("items"), Vec::<String>::new());
}

pub(crate) fn wide_model_is_written_and_read(subject: &impl Subject) {
    let fields = subject.wide_fields();
    let model = (0..fields).fold(Model::new(name("wide")), |model, number| {
        model.with_field(field(&format!("f{number}"), FieldType::Integer))
    });
    let line = |id: u32| {
        let values: Vec<_> = (0..fields).map(|number| format!("\"f{number}\":{}", number + id)).collect();
        format!("{{\"id\":\"{id}\",{}}}", values.join(","))
    };
    let lines: Vec<_> = (0..60).map(line).collect();
    let lines: Vec<_> = lines.iter().map(String::as_str).collect();
    apply(subject, "run_1", |target| {
        target.model_create(&model).unwrap();
        assert_eq!(write(target, &model, &lines, Conflict::Fail).inserted, 60);
        assert_eq!(write(target, &model, &lines, Conflict::Update).updated, 60);
    });
    assert_eq!(own(&subject.records("wide")[0]), own(lines[0]));
}
