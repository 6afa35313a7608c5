//! Objects of which no row knows, and how they are removed: a page at a time, and whatever becomes of single ones.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use crate::error::{JobsError, StorageFault};

/// Objects that are looked up together, in one query.
const PAGE: usize = 500;

/// Objects in a row for which the storage has no answer, after which it is left alone for this time: each costs a wait.
const UNANSWERED_MAX: usize = 5;

/// A look through a storage.
#[derive(Debug, Default)]
struct Round {
    removed: usize,
    failed: usize,
    unanswered_in_a_row: usize,
    first_error: Option<JobsError>,
}

/// Removes those of the places of objects that `known` does not name among the keys of a page; says how many. What
/// cannot be removed, or listed, is counted and logged, and the others are gone on with.
///
/// # Errors
/// What `known` fails with: nothing is removed without having been looked up.
pub(crate) fn remove_unknown(
    places: impl Iterator<Item = Result<PathBuf, JobsError>>,
    known: impl Fn(&[&str]) -> Result<HashSet<String>, JobsError>,
    remove: impl Fn(&Path) -> Result<(), JobsError>,
    is_stopping: impl Fn() -> bool,
) -> Result<usize, JobsError> {
    let mut round = Round::default();
    let mut places = places.fuse();
    loop {
        let mut page = Vec::with_capacity(PAGE);
        for place in places.by_ref().take(PAGE) {
            match place {
                Ok(place) => page.push(place),
                Err(error) => round.fail(Path::new(""), error),
            }
        }
        if page.is_empty() {
            break;
        }
        let keys: Vec<&str> = page.iter().filter_map(|place| place.to_str()).collect();
        let known = known(&keys)?;
        // What is no text is no key of ours either.
        let is_known = |place: &Path| place.to_str().is_some_and(|key| known.contains(key));
        for place in page.iter().filter(|place| !is_known(place)) {
            if is_stopping() || round.unanswered_in_a_row >= UNANSWERED_MAX {
                return Ok(round.end());
            }
            match remove(place) {
                Ok(()) => {
                    round.removed += 1;
                    round.unanswered_in_a_row = 0;
                }
                Err(error) => round.fail(place, error),
            }
        }
    }
    Ok(round.end())
}

impl Round {
    fn fail(&mut self, place: &Path, error: JobsError) {
        tracing::debug!(place = %place.display(), error = error.chain(), "an object of nothing stays");
        self.failed += 1;
        let is_unanswered = matches!(error, JobsError::Storage { kind: StorageFault::Unavailable, .. });
        self.unanswered_in_a_row = if is_unanswered { self.unanswered_in_a_row + 1 } else { 0 };
        self.first_error.get_or_insert(error);
    }

    /// Says what went wrong, and how many were removed.
    fn end(self) -> usize {
        if let Some(error) = self.first_error {
            let (failed, error) = (self.failed, error.chain());
            tracing::warn!(
                failed,
                error,
                "objects that belong to nothing could not be removed; trying again later"
            );
        }
        self.removed
    }
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};

    use super::*;

    fn error(kind: StorageFault) -> JobsError {
        JobsError::Storage { kind, doing: "testing", source: "on purpose".into() }
    }

    fn places(count: usize) -> impl Iterator<Item = Result<PathBuf, JobsError>> {
        (0..count).map(|number| Ok(PathBuf::from(number.to_string())))
    }

    fn none_known(_: &[&str]) -> Result<HashSet<String>, JobsError> {
        Ok(HashSet::new())
    }

    #[test]
    fn objects_are_looked_up_by_the_page_and_those_that_are_known_stay() {
        let pages = RefCell::new(Vec::new());
        let removed = RefCell::new(Vec::new());
        let known = |keys: &[&str]| {
            pages.borrow_mut().push(keys.len());
            Ok(keys.iter().filter(|key| key.ends_with('7')).map(|key| (*key).to_owned()).collect())
        };
        let remove = |place: &Path| {
            removed.borrow_mut().push(place.display().to_string());
            Ok(())
        };
        assert_eq!(remove_unknown(places(PAGE + 10), known, remove, || false).unwrap(), (PAGE + 10) / 10 * 9);
        assert_eq!(pages.into_inner(), [PAGE, 10]);
        assert!(removed.into_inner().iter().all(|place| !place.ends_with('7')));
    }

    #[test]
    fn what_cannot_be_removed_or_listed_does_not_keep_the_others() {
        for kind in [StorageFault::Failed, StorageFault::Denied, StorageFault::Unavailable] {
            let listed = [Err(error(kind)), Ok(PathBuf::from("stuck"))].into_iter().chain(places(10));
            let remove = |place: &Path| if place == Path::new("stuck") { Err(error(kind)) } else { Ok(()) };
            assert_eq!(remove_unknown(listed, none_known, remove, || false).unwrap(), 10, "{kind:?}");
        }
    }

    #[test]
    fn a_storage_that_does_not_answer_is_left_alone() {
        let tries = Cell::new(0);
        let remove = |_: &Path| {
            tries.set(tries.get() + 1);
            Err(error(StorageFault::Unavailable))
        };
        assert_eq!(remove_unknown(places(100), none_known, remove, || false).unwrap(), 0);
        assert_eq!(tries.get(), UNANSWERED_MAX);
    }

    #[test]
    fn nothing_is_removed_that_could_not_be_looked_up_or_while_the_server_stops() {
        let unknown = |_: &[&str]| Err(error(StorageFault::Failed));
        assert!(remove_unknown(places(1), unknown, |_| panic!("removed"), || false).is_err());
        assert_eq!(remove_unknown(places(1), none_known, |_| panic!("removed"), || true).unwrap(), 0);
    }
}
