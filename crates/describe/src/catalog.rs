//! All models of one tenant, by name.

use indexmap::IndexMap;

use crate::model::Model;
use crate::name::Name;

/// The models of a tenant, in the order in which they were created.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Catalog {
    models: IndexMap<Name, Model>,
}

impl Catalog {
    /// Finds a model by name, without case.
    #[must_use]
    pub fn get(&self, name: &Name) -> Option<&Model> {
        self.models.get(name)
    }

    /// Finds a model by a text that may be no name at all.
    #[must_use]
    pub fn find(&self, text: &str) -> Option<&Model> {
        self.models.get(&Name::new(text).ok()?)
    }

    /// Adds a model or replaces the one of that name.
    pub fn insert(&mut self, model: Model) {
        self.models.insert(model.name.clone(), model);
    }

    /// Removes a model; the order of the others stays.
    pub fn remove(&mut self, name: &Name) -> Option<Model> {
        self.models.shift_remove(name)
    }

    /// The models in order.
    pub fn iter(&self) -> impl Iterator<Item = &Model> {
        self.models.values()
    }

    /// How many models there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.models.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.models.is_empty()
    }
}

impl IntoIterator for Catalog {
    type Item = Model;
    type IntoIter = indexmap::map::IntoValues<Name, Model>;

    fn into_iter(self) -> Self::IntoIter {
        self.models.into_values()
    }
}

impl FromIterator<Model> for Catalog {
    fn from_iter<I: IntoIterator<Item = Model>>(models: I) -> Self {
        let mut catalog = Self::default();
        models.into_iter().for_each(|model| catalog.insert(model));
        catalog
    }
}
