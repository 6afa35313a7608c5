//! The rows about memory and about many models: imports through HTTP into an empty tenant of a server that was idle.
//!
//! What a server needs is the peak of what it holds, as the kernel counts it, above what it held before the import.
//! Each import has a server of its own.

use std::error::Error;

use crate::archives::Shape;
use crate::bench::{Backend, Bench};
use crate::data::Set;
use crate::report::{Goal, Row, note, rate};
use crate::server::Server;

/// Many records in few models: both groups ask for them.
const HUNDRED_MODELS: Shape = Shape::Models { models: 100, records_each: 10_000 };

/// What an import took.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Import {
    /// Of the run, from a worker's taking it to its end.
    seconds: f64,
    /// Above idle.
    peak_mib: f64,
}

/// Imports that were measured already, with what they took or why they failed.
pub(crate) type Imports = Vec<(Backend, Shape, Result<Import, String>)>;

/// Measures the memory of a server and adds its rows.
pub(crate) fn run_memory(bench: &mut Bench) {
    for backend in Backend::ALL {
        for (shape, name) in memory_shapes(bench.is_quick) {
            let case = format!("{}, memory, {name}", backend.name());
            let goal = match backend {
                Backend::Sqlite => Goal::AtMost(64.0, "MiB"),
                Backend::Postgres => Goal::AtMost(32.0, "MiB"),
            };
            let row = match imported(bench, backend, shape) {
                Ok(import) => Row {
                    figure: Some((import.peak_mib, String::new())),
                    goal,
                    ..Row::told(case, format!("{:.1} MiB above idle", import.peak_mib))
                },
                Err(why) => Row { goal, ..Row::missing(case, why) },
            };
            bench.report.add(row);
        }
    }
}

/// The archives of the rows about memory, and their names.
fn memory_shapes(is_quick: bool) -> Vec<(Shape, &'static str)> {
    let orders = |records| Shape::Orders { set: Set::First, records };
    if is_quick {
        return vec![
            (orders(10_000), "10 k records"),
            (orders(100_000), "100 k records"),
            (Shape::Indexed { records: 100_000 }, "100 k records, two indexes"),
            (Shape::Wide { records: 2_000 }, "2 k records of 400 columns"),
            (Shape::Long { records: 20 }, "20 records of 1 MB"),
            (Shape::Models { models: 100, records_each: 1_000 }, "100 models of 1 k records"),
        ];
    }
    vec![
        (orders(10_000), "10 k records"),
        (orders(1_000_000), "1 M records"),
        (orders(5_000_000), "5 M records"),
        (Shape::Indexed { records: 1_000_000 }, "1 M records, two indexes"),
        (Shape::Wide { records: 20_000 }, "20 k records of 400 columns"),
        (Shape::Long { records: 200 }, "200 records of 1 MB"),
        (HUNDRED_MODELS, "100 models of 10 k records"),
    ]
}

/// Measures many models and adds their rows, which are for information.
pub(crate) fn run_models(bench: &mut Bench) {
    let of = |models, records_each| Shape::Models { models, records_each };
    let shapes = if bench.is_quick {
        vec![(100, of(100, 10)), (500, of(500, 10))]
    } else {
        vec![(100, HUNDRED_MODELS), (1_000, of(1_000, 10)), (10_000, of(10_000, 10))]
    };
    for backend in Backend::ALL {
        for (models, shape) in &shapes {
            let each = shape.records() / models;
            let case = format!("{}, {models} models of {each} records", backend.name());
            let row = match imported(bench, backend, *shape) {
                Ok(Import { seconds, peak_mib }) => {
                    let each_ms = seconds * 1e3 / *models as f64;
                    let rate = rate(shape.records(), seconds);
                    Row::told(
                        case,
                        format!("{seconds:.1} s, {each_ms:.1} ms a model, {rate}, {peak_mib:.0} MiB"),
                    )
                }
                Err(why) => Row::missing(case, why),
            };
            bench.report.add(row);
        }
    }
}

/// What an import took, now or when it was asked for before.
fn imported(bench: &mut Bench, backend: Backend, shape: Shape) -> Result<Import, String> {
    let is_it = |entry: &&(Backend, Shape, _)| entry.0 == backend && entry.1 == shape;
    if let Some((_, _, import)) = bench.imports.iter().find(is_it) {
        return import.clone();
    }
    let import = import(bench, backend, shape).map_err(|error| error.to_string());
    bench.imports.push((backend, shape, import.clone()));
    import
}

fn import(bench: &Bench, backend: Backend, shape: Shape) -> Result<Import, Box<dyn Error>> {
    let archive = bench.archives.path(shape)?;
    let folder = bench.folder()?;
    let database = match backend {
        Backend::Sqlite => None,
        Backend::Postgres => Some(bench.database()?),
    };
    let server = Server::start(folder.path(), database.as_ref().map(|database| database.url.as_str()))?;
    let client = server.client("bench")?;
    let idle_mib = server.memory_mib()?;
    server.forget_peak()?;
    let run_id = server.import(&client, &archive)?;
    let run = server.completed(&client, &run_id)?;
    crate::restore::check(run.records_imported, shape.records())?;
    let seconds = run.duration_ms.unwrap_or_default() as f64 / 1e3;
    let peak_mib = server.peak_mib()? - idle_mib;
    note(&format!("{}, {shape:?}: {seconds:.2} s, {peak_mib:.1} MiB above {idle_mib:.1}", backend.name()));
    Ok(Import { seconds, peak_mib })
}
