//! Prints the whole strategy table: what each strategy decides for a model, before any record is read.
//!
//! ```text
//! cargo run -p reinstate-engine --example strategy_in_isolation
//! ```

use reinstate_engine::Strategy;

fn main() {
    for strategy in Strategy::ALL {
        for (label, model_is_new) in [("new model", true), ("existing model", false)] {
            let decision = strategy.decide(model_is_new);
            println!(
                "{strategy:8} {label:15} import: {:5} clear: {:5} id exists: {:?}, id repeated: {:?}",
                decision.import, decision.clear, decision.id_exists, decision.id_repeated
            );
        }
    }
}
