//! The behaviour of the API, without a word about where the data lives.

use super::BACKEND;

mod archives;
mod buckets;
mod cancelling;
mod client;
mod data;
mod definitions;
mod downloads;
mod extract_access;
mod extract_client;
mod extracts;
mod filters;
mod isolation;
mod levels;
mod operations;
mod protocol;
mod restores;
mod strategies;
mod tokens;
mod uploads;
