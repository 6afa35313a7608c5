//! The server: the application on a listener.

use std::io;
use std::net::TcpListener;
use std::time::Duration;

use actix_web::dev::Server;
use actix_web::middleware::from_fn;
use actix_web::web::Data;
use actix_web::{App, HttpServer};

use crate::middleware;
use crate::route::configure;
use crate::state::AppState;

/// Serves on `listener` until the returned server is stopped through its handle. Signals are the caller's
/// affair. A graceful stop answers what is in flight, within the grace time of the settings.
///
/// # Errors
/// Where the listener cannot be used.
pub fn serve(listener: TcpListener, state: Data<AppState>) -> io::Result<Server> {
    let settings = state.settings.clone();
    let app = move || {
        App::new()
            .app_data(state.clone())
            .configure(configure)
            .wrap(from_fn(middleware::authenticate))
            .wrap(from_fn(middleware::observe))
    };
    let threads = settings.server_threads.max(1);
    Ok(HttpServer::new(app)
        .workers(threads)
        .max_connections(settings.connections_max.div_ceil(threads))
        .keep_alive(Duration::from_secs(settings.keep_alive_s))
        .client_request_timeout(Duration::from_secs(settings.request_head_timeout_s))
        .shutdown_timeout(settings.shutdown_grace_s)
        .disable_signals()
        .listen(listener)?
        .run())
}
