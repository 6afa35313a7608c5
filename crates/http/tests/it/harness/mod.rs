//! What every test of the API stands on.

mod archive;
mod backend;
mod server;
mod session;

pub(crate) use archive::{archive, archive_of, checksum, content, entries, ids_in, orders_archive};
pub(crate) use backend::{Backend, storage_in};
pub(crate) use server::{SECRET, TestServer, mint, mint_with, now_s};
pub(crate) use session::{Answer, Session};
