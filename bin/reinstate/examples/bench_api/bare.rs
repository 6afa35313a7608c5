//! The least that an actix handler does for the same answers: typed rows through diesel's query builder, which keeps
//! its statements prepared, a pool of connections, and serde. No token, no tenant, no definitions.

use std::error::Error;
use std::net::TcpListener;
use std::path::Path;
use std::sync::mpsc;

use actix_web::web::{self, Data};
use actix_web::{App, HttpResponse, HttpServer};
use diesel::prelude::*;
use diesel::r2d2::{ConnectionManager, Pool};
use reinstate_describe::value::timestamp;
use reinstate_engine::Clock as _;
use reinstate_jobs::SystemClock;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::product::MODEL;

/// Records of a page.
const LIMIT: usize = 50;

/// Microseconds from 1970 to 2000, which PostgreSQL counts from.
const EPOCH_MICROS: i64 = 946_684_800_000_000;

/// A record as it is answered.
#[derive(Serialize)]
struct Record<L> {
    id: String,
    access_read: L,
    access_edit: L,
    access_full: L,
    access_deny: L,
    created_at: String,
    updated_at: String,
    trashed_at: Option<String>,
    deleted_at: Option<String>,
    rank: Option<i64>,
    name: Option<String>,
    city: Option<String>,
    active: Option<bool>,
}

/// A row in the parts in which it is selected.
type Row<A, T> = (
    String,
    (A, A, A, A),
    (T, T, Option<T>, Option<T>),
    (Option<i64>, Option<String>, Option<String>, Option<bool>),
);

fn record<A, L, T>(row: Row<A, T>, list: impl Fn(A) -> L, micros: impl Fn(T) -> i64) -> Record<L> {
    let (id, lists, times, fields) = row;
    let time = |time| timestamp::format(micros(time));
    Record {
        id,
        access_read: list(lists.0),
        access_edit: list(lists.1),
        access_full: list(lists.2),
        access_deny: list(lists.3),
        created_at: time(times.0),
        updated_at: time(times.1),
        trashed_at: times.2.map(time),
        deleted_at: times.3.map(time),
        rank: fields.0,
        name: fields.1,
        city: fields.2,
        active: fields.3,
    }
}

/// The columns in the parts of a [`Row`].
macro_rules! columns {
    ($table:ident) => {
        (
            $table::id,
            ($table::access_read, $table::access_edit, $table::access_full, $table::access_deny),
            ($table::created_at, $table::updated_at, $table::trashed_at, $table::deleted_at),
            ($table::rank, $table::name, $table::city, $table::active),
        )
    };
}

/// The handlers of a backend, which differ in their types alone. `$list` makes what is answered of the cell of a list,
/// `$micros` microseconds of an instant.
macro_rules! handlers {
    ($connection:ty, $cell:ty, $instant:ty, $list:expr, $micros:expr, $begin:ident, $no_list:expr, $now:expr) => {
        type Connections = Pool<ConnectionManager<$connection>>;

        /// Connections that write; not those that read where the database has one writer.
        #[derive(Clone)]
        pub(super) struct Writers(Connections);

        async fn change(
            connections: Data<Writers>,
            id: web::Path<String>,
            asked: web::Json<Changed>,
        ) -> HttpResponse {
            let write = web::block(move || -> Result<Row<$cell, $instant>, Failed> {
                let id = id.into_inner();
                let mut connection = connections.0.get()?;
                let changed = (orders::rank.eq(asked.rank), orders::updated_at.eq($now));
                Ok(connection.$begin(|connection| -> QueryResult<_> {
                    diesel::update(orders::table.filter(orders::id.eq(&id)))
                        .set(changed)
                        .execute(connection)?;
                    orders::table.filter(orders::id.eq(&id)).select(columns!(orders)).first(connection)
                })?)
            });
            match write.await {
                Ok(Ok(row)) => answer(record(row, $list, $micros), None),
                _ => HttpResponse::InternalServerError().finish(),
            }
        }

        async fn create(connections: Data<Writers>, asked: web::Json<Created>) -> HttpResponse {
            let write = web::block(move || -> Result<Row<$cell, $instant>, Failed> {
                let Created { rank, name, city, active } = asked.into_inner();
                let id = reinstate_engine::IdSource::record_id(&reinstate_jobs::TimeOrderedIds);
                let lists = (
                    orders::access_read.eq($no_list),
                    orders::access_edit.eq($no_list),
                    orders::access_full.eq($no_list),
                    orders::access_deny.eq($no_list),
                );
                let times = (orders::created_at.eq($now), orders::updated_at.eq($now));
                let fields = (
                    orders::rank.eq(rank),
                    orders::name.eq(name),
                    orders::city.eq(city),
                    orders::active.eq(active),
                );
                let row = (orders::id.eq(&id), lists, times, fields);
                Ok(connections.0.get()?.$begin(|connection| -> QueryResult<_> {
                    diesel::insert_into(orders::table).values(row).execute(connection)?;
                    orders::table.filter(orders::id.eq(&id)).select(columns!(orders)).first(connection)
                })?)
            });
            match write.await {
                Ok(Ok(row)) => answer(record(row, $list, $micros), None),
                _ => HttpResponse::InternalServerError().finish(),
            }
        }

        async fn get(connections: Data<Connections>, id: web::Path<String>) -> HttpResponse {
            let read = web::block(move || -> Result<Row<$cell, $instant>, Failed> {
                let of_id = orders::table.filter(orders::id.eq(id.into_inner()));
                let query = of_id.filter(orders::trashed_at.is_null()).select(columns!(orders));
                Ok(query.first(&mut connections.get()?)?)
            });
            match read.await {
                Ok(Ok(row)) => answer(record(row, $list, $micros), None),
                _ => HttpResponse::InternalServerError().finish(),
            }
        }

        async fn list(connections: Data<Connections>, rank: web::Query<Asked>) -> HttpResponse {
            let read = web::block(move || -> Result<Vec<Row<$cell, $instant>>, Failed> {
                let of_rank = orders::table.filter(orders::rank.eq(rank.rank));
                let query = of_rank.filter(orders::trashed_at.is_null()).order(orders::id);
                let query = query.limit(LIMIT as i64 + 1).offset(0).select(columns!(orders));
                Ok(query.load(&mut connections.get()?)?)
            });
            match read.await {
                Ok(Ok(rows)) => {
                    let has_more = rows.len() > LIMIT;
                    let rows = rows.into_iter().take(LIMIT);
                    let records: Vec<_> = rows.map(|row| record(row, $list, $micros)).collect();
                    answer(records, Some(has_more))
                }
                _ => HttpResponse::InternalServerError().finish(),
            }
        }
    };
}

type Failed = Box<dyn Error + Send + Sync>;

/// The one setting of a page that differs between requests.
#[derive(serde::Deserialize)]
struct Asked {
    #[serde(rename = "filter[where][rank]")]
    rank: i64,
}

/// What a record is changed by.
#[derive(serde::Deserialize)]
struct Changed {
    rank: i64,
}

/// What a record is made of.
#[derive(serde::Deserialize)]
struct Created {
    rank: i64,
    name: String,
    city: String,
    active: bool,
}

/// What is around records.
#[derive(Serialize)]
struct Answer<D> {
    success: bool,
    data: D,
    #[serde(skip_serializing_if = "Option::is_none")]
    page: Option<Page>,
}

#[derive(Serialize)]
struct Page {
    limit: usize,
    offset: usize,
    has_more: bool,
}

fn answer<D: Serialize>(data: D, has_more: Option<bool>) -> HttpResponse {
    let page = has_more.map(|has_more| Page { limit: LIMIT, offset: 0, has_more });
    HttpResponse::Ok().json(Answer { success: true, data, page })
}

mod sqlite {
    use diesel::connection::SimpleConnection;
    use diesel::r2d2::CustomizeConnection;

    use super::*;

    diesel::table! {
        use diesel::sql_types::*;
        orders (id) {
            id -> Text,
            access_read -> Text,
            access_edit -> Text,
            access_full -> Text,
            access_deny -> Text,
            created_at -> BigInt,
            updated_at -> BigInt,
            trashed_at -> Nullable<BigInt>,
            deleted_at -> Nullable<BigInt>,
            rank -> Nullable<BigInt>,
            name -> Nullable<Text>,
            city -> Nullable<Text>,
            active -> Nullable<Bool>,
        }
    }

    handlers!(
        SqliteConnection,
        String,
        i64,
        |cell| RawValue::from_string(cell).unwrap_or_default(),
        |micros| micros,
        immediate_transaction,
        "[]",
        SystemClock.now_micros()
    );

    /// The settings that the server's own connections have.
    #[derive(Debug)]
    struct Settings;

    impl CustomizeConnection<SqliteConnection, diesel::r2d2::Error> for Settings {
        fn on_acquire(&self, connection: &mut SqliteConnection) -> Result<(), diesel::r2d2::Error> {
            let settings = "PRAGMA busy_timeout = 5000; PRAGMA synchronous = NORMAL";
            connection.batch_execute(settings).map_err(diesel::r2d2::Error::QueryError)
        }
    }

    pub(super) fn start(file: &Path) -> Result<String, Box<dyn Error>> {
        let file = file.to_str().ok_or("the folder's name is no text")?;
        let open = |size| {
            let pool = Pool::builder().max_size(size).connection_customizer(Box::new(Settings));
            pool.test_on_check_out(false).build(ConnectionManager::<SqliteConnection>::new(file))
        };
        serve(open(4)?, Writers(open(1)?), |config| {
            route(
                config,
                [web::get().to(get), web::patch().to(change)],
                [web::get().to(list), web::post().to(create)],
            )
        })
    }
}

mod postgres {
    use diesel::data_types::PgTimestamp;

    use super::*;

    diesel::table! {
        use diesel::sql_types::*;
        t_bench.orders (id) {
            id -> Text,
            access_read -> Array<Text>,
            access_edit -> Array<Text>,
            access_full -> Array<Text>,
            access_deny -> Array<Text>,
            created_at -> Timestamptz,
            updated_at -> Timestamptz,
            trashed_at -> Nullable<Timestamptz>,
            deleted_at -> Nullable<Timestamptz>,
            rank -> Nullable<BigInt>,
            name -> Nullable<Text>,
            city -> Nullable<Text>,
            active -> Nullable<Bool>,
        }
    }

    handlers!(
        PgConnection,
        Vec<String>,
        PgTimestamp,
        |cell| cell,
        |instant: PgTimestamp| instant.0 + EPOCH_MICROS,
        transaction,
        Vec::<String>::new(),
        PgTimestamp(SystemClock.now_micros() - EPOCH_MICROS)
    );

    pub(super) fn start(url: &str) -> Result<String, Box<dyn Error>> {
        let pool = Pool::builder()
            .max_size(16)
            .test_on_check_out(false)
            .build(ConnectionManager::<PgConnection>::new(url))?;
        let writers = Writers(pool.clone());
        serve(pool, writers, |config| {
            route(
                config,
                [web::get().to(get), web::patch().to(change)],
                [web::get().to(list), web::post().to(create)],
            )
        })
    }
}

/// Serves a tenant's file; answers with host and port.
pub(crate) fn start_sqlite(file: &Path) -> Result<String, Box<dyn Error>> {
    sqlite::start(file)
}

/// Serves a tenant's schema; answers with host and port.
pub(crate) fn start_postgres(url: &str) -> Result<String, Box<dyn Error>> {
    postgres::start(url)
}

fn route(config: &mut web::ServiceConfig, of_one: [actix_web::Route; 2], of_all: [actix_web::Route; 2]) {
    for (path, routes) in
        [(format!("/api/data/{MODEL}"), of_all), (format!("/api/data/{MODEL}/{{id}}"), of_one)]
    {
        let resource = routes.into_iter().fold(web::resource(path), actix_web::Resource::route);
        config.service(resource);
    }
}

/// Serves on a thread of its own until the process ends, with as many threads as the server that is measured.
fn serve<P: Clone + Send + 'static, W: Clone + Send + 'static>(
    pool: P,
    writers: W,
    routes: fn(&mut web::ServiceConfig),
) -> Result<String, Box<dyn Error>> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?.to_string();
    let (ready, started) = mpsc::channel();
    std::thread::spawn(move || {
        actix_web::rt::System::new().block_on(async move {
            let app = move || {
                let app = App::new().app_data(Data::new(pool.clone()));
                app.app_data(Data::new(writers.clone())).configure(routes)
            };
            let threads = std::thread::available_parallelism().map_or(2, usize::from);
            match HttpServer::new(app).workers(threads).disable_signals().listen(listener) {
                Ok(server) => {
                    drop(ready.send(None));
                    drop(server.run().await);
                }
                Err(error) => drop(ready.send(Some(error))),
            }
        });
    });
    started.recv()?.map_or(Ok(()), Err)?;
    Ok(address)
}
