//! What holds on every database.

mod cancels;
mod configurations;
mod imports;
mod recovery;
mod uploads;
