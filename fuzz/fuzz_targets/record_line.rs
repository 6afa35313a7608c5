//! Any text as a record of a model with every type: the quick way through a line ends like the one that knows all of
//! JSON, a refused line leaves the batch alone, and an accepted one is read again alike from what it is written as.
#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use reinstate_describe::record_json::write_record;
use reinstate_describe::{
    AccessListMode, Batch, BatchBuilder, Field, FieldType, IdMode, Layout, Model, Name, ParseOptions,
    RecordParser,
};

/// A model with a field of each type, named `f0`, `f1` and so on.
fn layout() -> Arc<Layout> {
    let fields = FieldType::ALL.into_iter().enumerate().map(|(number, field_type)| {
        Field::new(Name::new(format!("f{number}")).expect("the name is a good one"), field_type)
    });
    let model = Model::new(Name::new("things").expect("the name is a good one"));
    Arc::new(Layout::new(fields.fold(model, Model::with_field)))
}

fn written(batch: &Batch) -> String {
    let mut out = String::new();
    let columns = batch.layout().columns().enumerate();
    write_record(columns.map(|(at, column)| (column, batch.value(0, at))), &mut out);
    out
}

fuzz_target!(|line: &str| {
    let layout = layout();
    let options =
        ParseOptions { now_micros: 0, access_lists: AccessListMode::Keep, id: IdMode::GenerateWhereAbsent };
    let mut parser = RecordParser::new(Arc::clone(&layout), options).expect("the model is a good one");
    let mut builder = BatchBuilder::new(layout);
    let ids = || "made".to_owned();
    let mut read = |is_quick| {
        parser.set_quick(is_quick);
        let parsed = parser.parse(line, 1, &ids, &mut builder);
        let batch = builder.finish();
        format!("{parsed:?} {:?} {:?}", (batch.len() > 0).then(|| written(&batch)), batch.groups())
    };
    assert_eq!(read(false), read(true));
    if parser.parse(line, 1, &ids, &mut builder).is_err() {
        assert_eq!((builder.len(), builder.bytes()), (0, 0));
        return;
    }
    let first = written(&builder.finish());
    parser.parse(&first, 1, &ids, &mut builder).expect("what was written can be read");
    assert_eq!(written(&builder.finish()), first);
});
