//! What holds on every database.

mod cancels;
mod configurations;
mod extracts;
mod imports;
mod recovery;
mod uploads;
