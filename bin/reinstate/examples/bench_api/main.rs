//! Measures the Data API against a bare actix handler that runs the same SQL through diesel and answers the same JSON:
//! one record by its id, a filtered page of 50, a record that is changed, and one that is created.
//!
//! ```text
//! cargo run --release -p reinstate --example bench_api -- --postgres postgres://…
//! ```
//!
//! Both servers are in this process, and so are the clients, which keep their connections. The two take turns, so that
//! a busy machine slows both; what is printed are medians. The exit code says nothing about the figures.

mod bare;
mod load;
mod product;

use std::error::Error;
use std::time::Duration;

use clap::Parser;
use load::{Figures, Load, Request};
use product::{MODEL, Product};
use reinstate_store::{DatabaseUrl, PostgresAddress};

/// What the handlers are asked for.
#[derive(Debug, Parser)]
struct Arguments {
    /// How many records there are
    #[arg(long, default_value_t = 100_000)]
    records: u64,
    /// Connections that ask at once
    #[arg(long, default_value_t = 32)]
    connections: usize,
    /// Seconds of each measurement
    #[arg(long, default_value_t = 4)]
    seconds: u64,
    /// How often each is measured
    #[arg(long, default_value_t = 3)]
    pairs: usize,
    /// An empty database of a PostgreSQL server, to be measured as well
    #[arg(long, value_name = "URL")]
    postgres: Option<String>,
    /// Only PostgreSQL
    #[arg(long, requires = "postgres")]
    only_postgres: bool,
}

/// What is asked for.
#[derive(Debug, Clone, Copy)]
enum Question {
    /// One record.
    ById,
    /// Fifty of the records with one value of a field that has an index.
    Page,
    /// Another value for a field of one record.
    Change,
    /// A record more.
    Create,
}

impl Question {
    /// What adds records comes last: the others ask for those that were there.
    const ALL: [Self; 4] = [Self::ById, Self::Page, Self::Change, Self::Create];

    const fn name(self) -> &'static str {
        match self {
            Self::ById => "record by id",
            Self::Page => "filtered page of 50",
            Self::Change => "PATCH of one record",
            Self::Create => "POST of one record",
        }
    }

    /// Whether both servers answer the same.
    const fn reads(self) -> bool {
        matches!(self, Self::ById | Self::Page)
    }

    /// A question about the record `number`.
    fn request(self, number: u64, records: u64) -> Request {
        let get = |path| Request { method: "GET", path, body: String::new() };
        let of_record = || format!("/api/data/{MODEL}/{}", product::id(number % records));
        let rank = number % product::RANKS;
        match self {
            Self::ById => get(of_record()),
            Self::Page => get(format!(
                "/api/data/{MODEL}?filter[where][rank]={rank}&filter[order]=id&filter[limit]=50",
            )),
            Self::Change => {
                Request { method: "PATCH", path: of_record(), body: format!(r#"{{"rank":{rank}}}"#) }
            }
            Self::Create => Request {
                method: "POST",
                path: format!("/api/data/{MODEL}"),
                body: format!(r#"{{"rank":{rank},"name":"birch {number}","city":"Lisbon","active":true}}"#),
            },
        }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    println!(
        "| question | server, requests/s | p50 ms | p99 ms | bare, requests/s | p50 ms | p99 ms | ratio |"
    );
    println!("| --- | --- | --- | --- | --- | --- | --- | --- |");
    if !arguments.only_postgres {
        let folder = tempfile::tempdir()?;
        let url = DatabaseUrl::Sqlite { dir: folder.path().to_path_buf() };
        let product = Product::start(url, arguments.records)?;
        let bare =
            bare::start_sqlite(&folder.path().join("tenants").join(format!("{}.db", product::TENANT)))?;
        compare("SQLite", &product, &bare, &arguments)?;
    }
    if let Some(url) = &arguments.postgres {
        let product = Product::start(DatabaseUrl::Postgres(PostgresAddress::new(url)?), arguments.records)?;
        compare("PostgreSQL", &product, &bare::start_postgres(url)?, &arguments)?;
    }
    Ok(())
}

/// Lets the two take turns and prints the medians. `bare`: the address of the other one.
fn compare(
    database: &str,
    product: &Product,
    bare: &str,
    arguments: &Arguments,
) -> Result<(), Box<dyn Error>> {
    for question in Question::ALL {
        let load = |address: &str| Load {
            address: address.to_owned(),
            token: product.token.clone(),
            connections: arguments.connections,
            time: Duration::from_secs(arguments.seconds),
        };
        let (product, bare) = (load(&product.address), load(bare));
        let request = |number| question.request(number, arguments.records);
        if question.reads() && product.answer(&request(7))? != bare.answer(&request(7))? {
            return Err("the two answer differently".into());
        }
        let mut pairs = Vec::new();
        for _ in 0..arguments.pairs.max(1) {
            pairs.push((product.run(&request)?, bare.run(&request)?));
        }
        print_row(&format!("{database}, {}", question.name()), &pairs);
    }
    Ok(())
}

fn print_row(name: &str, pairs: &[(Figures, Figures)]) {
    let of = |figure: &dyn Fn(&(Figures, Figures)) -> f64| median(pairs.iter().map(figure).collect());
    let (rate, p50, p99) = (of(&|pair| pair.0.rate), of(&|pair| pair.0.p50_ms), of(&|pair| pair.0.p99_ms));
    let bare = (of(&|pair| pair.1.rate), of(&|pair| pair.1.p50_ms), of(&|pair| pair.1.p99_ms));
    let ratio = of(&|pair| pair.0.rate / pair.1.rate);
    println!(
        "| {name} | {rate:.0} | {p50:.1} | {p99:.1} | {:.0} | {:.1} | {:.1} | {ratio:.2} |",
        bare.0, bare.1, bare.2
    );
}

/// The median of figures; not a number where there are none.
fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
}
