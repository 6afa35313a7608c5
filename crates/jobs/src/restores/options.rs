//! How a restore shall go: the options of the import form, of a configuration, and of a run's snapshot.

use reinstate_describe::Name;
use reinstate_engine::{Include, Strategy};
use reinstate_store::control::{NewRestore, RestoreRecord};
use serde_json::{Value as Json, json};

use crate::body::shown;
use crate::error::JobsError;
use crate::halves;

/// The options of the import form as they were sent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImportForm {
    /// A strategy's spelling; absent: `upsert`.
    pub conflict_strategy: Option<String>,
    /// `describe`, `data` or both with a comma between; absent: both.
    pub include: Option<String>,
    /// Names of models with commas between; absent or empty: all.
    pub models: Option<String>,
    /// `true` or `false`; absent: `true`.
    pub create_models: Option<String>,
}

/// How a restore shall go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportOptions {
    /// What to do with what is there.
    pub strategy: Strategy,
    /// Which halves of the archive to take.
    pub include: Include,
    /// Only these models; `None` for all.
    pub models: Option<Vec<String>>,
    /// Whether missing models may be created.
    pub create_models: bool,
}

impl ImportForm {
    /// Reads the options.
    ///
    /// # Errors
    /// [`JobsError::BadRequest`] naming the option and the values that it may have.
    pub fn parse(&self) -> Result<ImportOptions, JobsError> {
        Ok(ImportOptions {
            strategy: self.conflict_strategy.as_deref().map_or(Ok(Strategy::default()), strategy)?,
            include: self.include.as_deref().map_or(Ok(Include::default()), include)?,
            models: self.models.as_deref().map_or(Ok(None), models)?,
            create_models: self.create_models.as_deref().map_or(Ok(true), flag)?,
        })
    }
}

impl ImportOptions {
    /// The options of a configuration.
    pub(crate) fn of_restore(restore: &RestoreRecord) -> Result<Self, JobsError> {
        Ok(Self {
            strategy: strategy(&restore.conflict_strategy)?,
            include: halves::read(restore.include.iter().map(String::as_str))?,
            models: restore.models.clone(),
            create_models: restore.create_models,
        })
    }

    /// The options of a run, from its snapshot; `None` where it holds none.
    pub(crate) fn of_snapshot(snapshot: &Json) -> Option<Self> {
        let texts = |key: &str| {
            let values = snapshot.get(key)?.as_array()?.iter();
            values.map(|value| value.as_str().map(str::to_owned)).collect::<Option<Vec<_>>>()
        };
        let models = match snapshot.get("models")? {
            Json::Null => None,
            _ => Some(texts("models")?),
        };
        Some(Self {
            strategy: Strategy::parse(snapshot.get("conflict_strategy")?.as_str()?)?,
            include: halves::read(texts("include")?.iter().map(String::as_str)).ok()?,
            models,
            create_models: snapshot.get("create_models")?.as_bool()?,
        })
    }

    /// What a run of a configuration keeps of it.
    pub(crate) fn snapshot(&self, restore: &RestoreRecord) -> Json {
        self.snapshot_with(&restore.name, &restore.source_type, restore.source_ref.as_deref())
    }

    /// What a run of a configuration that is just being made keeps of it.
    pub(crate) fn snapshot_of(&self, restore: &NewRestore) -> Json {
        self.snapshot_with(&restore.name, &restore.source_type, restore.source_ref.as_deref())
    }

    fn snapshot_with(&self, name: &str, source_type: &str, source_ref: Option<&str>) -> Json {
        json!({
            "name": name,
            "source_type": source_type,
            "source_ref": source_ref,
            "conflict_strategy": self.strategy.as_str(),
            "include": halves::list(self.include),
            "models": self.models,
            "create_models": self.create_models,
        })
    }
}

fn bad_request(message: String) -> JobsError {
    JobsError::BadRequest { message }
}

/// The strategies as messages list them.
pub(super) fn strategies() -> String {
    Strategy::ALL.map(Strategy::as_str).join(", ")
}

fn strategy(text: &str) -> Result<Strategy, JobsError> {
    Strategy::parse(text).ok_or_else(|| {
        bad_request(format!("conflict_strategy '{}' is unknown; allowed are {}", shown(text), strategies()))
    })
}

fn include(text: &str) -> Result<Include, JobsError> {
    halves::read(text.split(',').map(str::trim).filter(|half| !half.is_empty()))
}

fn models(text: &str) -> Result<Option<Vec<String>>, JobsError> {
    let names = text.split(',').map(str::trim).filter(|name| !name.is_empty());
    let names: Vec<String> = names
        .map(|name| match Name::new(name) {
            Ok(name) => Ok(name.as_str().to_owned()),
            Err(error) => Err(bad_request(format!("models: {error}"))),
        })
        .collect::<Result<_, _>>()?;
    Ok((!names.is_empty()).then_some(names))
}

fn flag(text: &str) -> Result<bool, JobsError> {
    match text {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => {
            let text = shown(text);
            Err(bad_request(format!("create_models '{text}' is unknown; allowed are true, false")))
        }
    }
}
