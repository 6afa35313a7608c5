//! Any bytes as a description: reading gives an answer, and what was read is written and read again alike.
#![no_main]

use libfuzzer_sys::fuzz_target;
use reinstate_describe::{DescribeLimits, parse_describe, write_describe};

fuzz_target!(|bytes: &[u8]| {
    let limits = DescribeLimits::default();
    if let Ok(file) = parse_describe(bytes, &limits) {
        let written = write_describe(&file.models);
        let again = parse_describe(written.as_bytes(), &limits).expect("what was written can be read");
        assert_eq!(again.models, file.models);
    }
});
