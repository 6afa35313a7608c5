//! What every [`Target`] and every [`Source`] must do, whatever it is made of: one suite, run on each.

mod before;
mod definitions;
mod differential;
pub(crate) mod extracts;
mod laws;
mod marks;
mod on_memory;
mod on_postgres;
mod on_sqlite;
mod random_models;
mod records;
mod thresholds;
mod values;

use reinstate_describe::{Catalog, Model};
use reinstate_engine::{Conflict, Counters, RunMark, Source, Target, TargetError, WriteOutcome};

use crate::fixtures::batch;

/// A tenant whose targets are under test, empty at first.
pub(crate) trait Subject {
    /// Opens the tenant for a run.
    fn begin(&self, run_id: &str) -> Result<Box<dyn Target>, TargetError>;
    /// Opens the tenant for an extract.
    fn source(&self) -> Box<dyn Source>;
    /// Fields of a model that the target can take at most, with a number in each.
    fn wide_fields(&self) -> u32 {
        1_900
    }
    /// The committed models.
    fn catalog(&self) -> Catalog;
    /// The committed records of a model, trashed ones too, as JSON objects by id.
    fn records(&self, model: &str) -> Vec<String>;
    /// The mark of a run.
    fn mark(&self, run_id: &str) -> Option<RunMark>;
    /// Everything committed, in a form that can be compared with an earlier one.
    fn state(&self) -> String;
}

/// Runs each case of the suite as a test of its own on a fresh subject.
macro_rules! conformance {
    ($make:expr => $($module:ident { $($case:ident),+ $(,)? })+) => {
        $(mod $module {
            $(#[test]
            fn $case() {
                crate::conformance::$module::$case(&$make());
            })+
        })+
    };
    ($make:expr) => {
        crate::conformance::conformance! { $make =>
            definitions {
                created_model_comes_back_with_all_its_attributes,
                added_field_fills_existing_records_with_its_default,
                added_fields_come_after_those_that_were_there,
                unique_field_is_refused_where_records_would_share_its_default,
                dropped_target_takes_models_fields_and_records_back,
                models_are_found_without_case,
                wide_model_is_written_and_read,
            }
            records {
                new_ids_are_inserted,
                update_writes_what_the_line_names_and_keeps_the_rest,
                update_counts_inserted_and_updated_apart,
                update_reaches_trashed_records,
                ignored_conflicts_are_reported_up_to_the_bound,
                ignored_conflicts_tell_whether_the_run_wrote_them,
                failing_conflicts_are_all_reported_and_nothing_is_overwritten,
                refused_rows_are_named_and_all_others_written,
                refused_update_leaves_the_record,
                nulls_are_no_duplicates,
                conflict_of_the_id_comes_before_a_duplicate_value,
                excluded_rows_are_neither_written_nor_found,
                found_records_have_the_columns_that_were_asked_for,
                cleared_model_is_empty_and_its_ids_are_free,
                trashed_records_count_as_records,
                restricted_model_has_a_record_with_lists,
                large_batch_is_counted_exactly,
                refused_rows_of_a_large_batch_are_named_and_all_others_written,
            }
            before {
                records_of_a_model_that_got_fields_were_there_before,
                records_of_a_model_that_got_a_field_without_value_were_there_before,
                records_of_a_model_that_was_emptied_were_not_there_before,
                records_of_a_model_that_got_a_field_and_was_emptied_were_not_there_before,
            }
            marks {
                committed_run_leaves_its_mark,
                run_is_applied_only_once,
            }
            values {
                every_value_comes_back_as_the_table_says,
            }
            extracts {
                every_value_comes_out_as_the_table_says,
                records_come_in_the_order_of_their_ids_by_bytes,
                trashed_records_and_lists_come_out_as_they_are,
                caller_gets_what_the_lists_of_each_record_let_him_read,
                filters_choose_what_they_choose_in_lists,
                what_is_committed_meanwhile_does_not_show,
                model_without_records_gives_no_batch,
                whoever_has_enough_may_ask_again,
                wide_model_is_read_whole,
            }
            laws {
                applying_twice_is_applying_once,
            }
        }
    };
}
pub(crate) use conformance;

/// A counter-less mark.
pub(crate) fn mark(run_id: &str) -> RunMark {
    RunMark { run_id: run_id.to_owned(), fence: 1, counters: Counters::default() }
}

/// Applies `work` as one run and commits it.
pub(crate) fn apply<T>(subject: &impl Subject, run_id: &str, work: impl FnOnce(&mut dyn Target) -> T) -> T {
    let mut target = subject.begin(run_id).unwrap();
    let outcome = work(target.as_mut());
    target.commit(&mark(run_id)).unwrap();
    outcome
}

/// Creates a model and fills it with lines.
pub(crate) fn seed(subject: &impl Subject, model: &Model, lines: &[&str]) {
    apply(subject, "run_seed", |target| {
        target.model_create(model).unwrap();
        write(target, model, lines, Conflict::Fail);
    });
}

/// Writes lines as one batch.
pub(crate) fn write(
    target: &mut dyn Target,
    model: &Model,
    lines: &[&str],
    conflict: Conflict,
) -> WriteOutcome {
    target.records_write(&batch(model, lines), conflict).unwrap()
}
