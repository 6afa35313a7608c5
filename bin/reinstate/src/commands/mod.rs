//! The commands. Each file holds a command's arguments and what it does.

pub(crate) mod demo;
pub(crate) mod extract;
pub(crate) mod import;
pub(crate) mod inspect;
pub(crate) mod openapi;
pub(crate) mod serve;
pub(crate) mod token;
