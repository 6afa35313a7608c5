//! The layers that settings come from, the later ones over the earlier: defaults, file, environment, flags.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use figment::providers::{Format, Toml};
use figment::value::{Dict, Map, Tag, Value};
use figment::{Figment, Metadata, Profile, Provider};

use super::key::{self, KEYS};
use crate::error::ProgramError;

/// The file that is read where no other is named, if it is there.
const FILE_DEFAULT: &str = "reinstate.toml";
/// What the environment's variables begin with.
const PREFIX: &str = "REINSTATE_";

/// Which file is read.
#[derive(Debug, Default)]
pub(crate) enum FileOrigin {
    /// `reinstate.toml` of the current folder, if it is there.
    #[default]
    Default,
    /// This one; it must be there.
    Named(PathBuf),
    /// None.
    Nowhere,
}

/// Where settings come from, for [`Layers::load`].
#[derive(Debug, Default)]
pub(crate) struct Origins {
    /// The file.
    pub(crate) file: FileOrigin,
    /// The environment's variables, whatever their names.
    pub(crate) environment: Vec<(String, String)>,
    /// Settings from flags by name.
    pub(crate) flags: Vec<(&'static str, String)>,
}

/// All layers, one over the other.
pub(crate) struct Layers(Figment);

impl Layers {
    /// Reads every layer and puts one over the other.
    ///
    /// # Errors
    /// Where the file cannot be read or is no TOML, or where the file or the environment has an unknown key.
    pub(crate) fn load(origins: Origins) -> Result<Self, ProgramError> {
        let defaults = KEYS.iter().filter_map(|key| Some((key.name, key.default?.to_owned())));
        let mut figment = Figment::from(Layer::new("the defaults", defaults));
        if let Some(file) = file_layer(origins.file)? {
            figment = figment.merge(file);
        }
        let layer = Layer::new("the environment", environment(origins.environment)?);
        Ok(Self(figment.merge(layer).merge(Layer::new("the command line", origins.flags))))
    }

    /// The text of a setting; numbers and booleans of the file as text.
    ///
    /// # Errors
    /// Where the value is neither text nor number nor boolean.
    pub(crate) fn text(&self, name: &'static str) -> Result<Option<String>, ProgramError> {
        match self.0.find_value(name) {
            Err(_) => Ok(None),
            Ok(Value::String(_, text)) => Ok(Some(text)),
            Ok(Value::Bool(_, value)) => Ok(Some(value.to_string())),
            Ok(Value::Num(_, number)) => {
                let whole =
                    number.to_i128().map(|n| n.to_string()).or(number.to_u128().map(|n| n.to_string()));
                whole.map(Some).ok_or_else(|| self.invalid(name, "must be a whole number or a text"))
            }
            Ok(_) => Err(self.invalid(name, "must be a text or a number")),
        }
    }

    /// The error for a setting's value, with where it came from.
    pub(crate) fn invalid(&self, name: &'static str, problem: impl Into<String>) -> ProgramError {
        let origin = self.0.find_metadata(name).map_or("nowhere", |metadata| &metadata.name).to_owned();
        ProgramError::SettingInvalid { name, origin, problem: problem.into() }
    }
}

/// A layer of texts by name.
struct Layer {
    origin: String,
    values: Dict,
}

impl Layer {
    fn new<N: Into<String>>(origin: &str, values: impl IntoIterator<Item = (N, String)>) -> Self {
        let values = values.into_iter().map(|(name, text)| (name.into(), Value::String(Tag::Default, text)));
        Self { origin: origin.to_owned(), values: values.collect() }
    }
}

impl Provider for Layer {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.origin.clone())
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Ok(Map::from([(Profile::Default, self.values.clone())]))
    }
}

/// The process's variables that begin as settings do.
///
/// # Errors
/// Where one of them is no text.
pub(crate) fn variables() -> Result<Vec<(String, String)>, ProgramError> {
    let ours = std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with(PREFIX));
    ours.map(|(name, text)| {
        let name = name.to_string_lossy().into_owned();
        match text.into_string() {
            Ok(text) => Ok((name, text)),
            Err(_) => Err(ProgramError::VariableNotText { name }),
        }
    })
    .collect()
}

/// The settings among the environment's variables.
fn environment(variables: Vec<(String, String)>) -> Result<BTreeMap<String, String>, ProgramError> {
    let mut settings = BTreeMap::new();
    for (variable, text) in variables {
        let Some(name) = variable.strip_prefix(PREFIX) else { continue };
        if key::is_foreign(&variable) {
            continue;
        }
        let name = name.to_ascii_lowercase();
        if !key::is_known(&name) {
            return Err(unknown(&variable, "the environment"));
        }
        settings.insert(name, text);
    }
    Ok(settings)
}

/// The layer of the file, if there is one.
fn file_layer(origin: FileOrigin) -> Result<Option<Layer>, ProgramError> {
    let path = match origin {
        FileOrigin::Named(path) => path,
        FileOrigin::Default if Path::new(FILE_DEFAULT).exists() => PathBuf::from(FILE_DEFAULT),
        FileOrigin::Default | FileOrigin::Nowhere => return Ok(None),
    };
    let text = std::fs::read_to_string(&path)
        .map_err(|error| ProgramError::FileUnreadable { path: path.clone(), message: error.to_string() })?;
    parse_file(&path, &text).map(Some)
}

fn parse_file(path: &Path, text: &str) -> Result<Layer, ProgramError> {
    let origin = path.display().to_string();
    let tables = Toml::string(text).data().map_err(|error| ProgramError::FileUnreadable {
        path: path.to_path_buf(),
        message: without_excerpt(&error.to_string()),
    })?;
    let values: Dict = tables.into_values().flatten().collect();
    match values.keys().find(|name| !key::is_known(name)) {
        Some(name) => Err(unknown(name, &origin)),
        None => Ok(Layer { origin, values }),
    }
}

/// The parser's message without the lines that quote the file: one of them may hold a secret.
fn without_excerpt(message: &str) -> String {
    let is_excerpt = |line: &str| {
        line.trim_start().trim_start_matches(|c: char| c.is_ascii_digit()).trim_start().starts_with('|')
    };
    message.lines().filter(|line| !is_excerpt(line)).collect::<Vec<_>>().join(": ")
}

fn unknown(name: &str, origin: &str) -> ProgramError {
    ProgramError::SettingUnknown { name: name.to_owned(), origin: origin.to_owned(), known: key::names() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_file_is_reported_without_its_text() {
        let path = Path::new("x.toml");
        let error = parse_file(path, "jwt_secret = \"do not tell\nlisten = 1").err().unwrap().to_string();
        assert!(error.contains("line 1"), "{error}");
        assert!(!error.contains("do not tell"), "{error}");
    }

    #[test]
    fn an_unknown_key_of_a_file_is_named_with_the_file() {
        let error = parse_file(Path::new("x.toml"), "listn = \"a\"").err().unwrap().to_string();
        assert!(error.contains("listn") && error.contains("x.toml"), "{error}");
    }

    #[test]
    fn an_unknown_variable_is_named_and_those_of_clients_are_left_alone() {
        let pairs = |names: &[&str]| names.iter().map(|name| ((*name).to_owned(), "1".to_owned())).collect();
        assert_eq!(
            environment(pairs(&[
                "PATH",
                "REINSTATE_TOKEN",
                "REINSTATE_URL",
                "REINSTATE_TEST_X",
                "REINSTATE_LOG"
            ]))
            .unwrap()
            .len(),
            1
        );
        let error = environment(pairs(&["REINSTATE_LISTN"])).unwrap_err().to_string();
        assert!(error.contains("REINSTATE_LISTN"), "{error}");
    }
}
