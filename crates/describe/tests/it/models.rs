//! Models made by chance, with every attribute and with texts that are easily written wrong.

use indexmap::IndexMap;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use reinstate_describe::{Field, FieldType, Model, ModelStatus, Name};
use serde_json::{Value as Json, json};

fn awkward_text() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("true".to_owned()),
        Just("null".to_owned()),
        Just("1e3".to_owned()),
        Just(" lead and trail ".to_owned()),
        Just("a: b # c\n- d\n\n  e".to_owned()),
        Just("\u{feff}\u{85}\u{2028}'\"\\\t\r\n\u{7f}🚀".to_owned()),
        any::<String>().prop_map(|text| text.replace('\0', "")),
    ]
}

fn any_name() -> impl Strategy<Value = Name> {
    "[A-Za-z_][A-Za-z0-9_]{0,10}|no|null|true|y|on".prop_filter_map("reserved", |text| {
        let is_taken = reinstate_describe::system::is_system_column(&text)
            || reinstate_describe::system::is_reserved_model(&text);
        (!is_taken).then(|| Name::new(text).unwrap())
    })
}

fn any_extra() -> impl Strategy<Value = IndexMap<String, Json>> {
    let value = prop_oneof![
        any::<i64>().prop_map(Json::from),
        awkward_text().prop_map(Json::from),
        vec(awkward_text(), 0..3).prop_map(Json::from),
        awkward_text().prop_map(|text| json!({ text: [null, true, {"k": 1.5}] })),
    ];
    vec(
        (awkward_text().prop_map(|text| format!("x_{}", text.chars().take(50).collect::<String>())), value),
        0..3,
    )
    .prop_map(|entries| entries.into_iter().collect())
}

prop_compose! {
    fn any_field()(
        name in any_name(),
        kind in 0..FieldType::ALL.len(),
        flags in any::<[bool; 10]>(),
        texts in vec(option::of(awkward_text()), 7),
        bounds in option::of((any::<i32>(), 0..1000_i64)),
        enum_values in option::of(vec(awkward_text(), 0..4)),
        default in awkward_text(),
        extra in any_extra(),
    ) -> Field {
        let mut field = Field::new(name, FieldType::ALL[kind]);
        [field.is_array, field.required, field.unique, field.index, field.searchable,
         field.immutable, field.sudo, field.tracked, field.cascade_delete, field.required_relationship] = flags;
        let mut texts = texts.into_iter();
        for text in [&mut field.pattern, &mut field.description, &mut field.transform, &mut field.relationship_type,
                     &mut field.related_model, &mut field.related_field, &mut field.relationship_name] {
            *text = texts.next().unwrap();
        }
        if let Some((least, more)) = bounds {
            field.minimum = Some(least.into());
            field.maximum = Some((i64::from(least) + more).into());
        }
        field.enum_values = enum_values;
        field.default_value = (field.field_type == FieldType::Text && !field.is_array).then(|| json!(default));
        field.extra = extra;
        field
    }
}

prop_compose! {
    pub(crate) fn any_model()(
        name in any_name(),
        fields in vec(any_field(), 0..4),
        status in 0..3_usize,
        flags in any::<[bool; 4]>(),
        description in option::of(awkward_text()),
        extra in any_extra(),
    ) -> Model {
        let mut model = fields.into_iter().fold(Model::new(name), Model::with_field);
        model.status = [ModelStatus::Pending, ModelStatus::Active, ModelStatus::System][status];
        [model.sudo, model.frozen, model.immutable, model.external] = flags;
        model.description = description;
        model.extra = extra;
        model
    }
}
