//! The commands. Each file holds a command's arguments and what it does.

pub(crate) mod import;
pub(crate) mod inspect;
