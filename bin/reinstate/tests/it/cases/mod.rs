//! The program's behaviour, without a word about where the data lives.

use super::BACKEND;

mod crash;
mod extract;
mod import;
mod shutdown;
mod workflows;
