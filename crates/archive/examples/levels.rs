//! Packs a file of JSON lines at several levels and says how long each takes and what becomes of it: what the writer's
//! own choice of a level rests on.
//!
//! ```text
//! cargo run --release -p reinstate-archive --example levels -- RECORDS.jsonl
//! ```

use std::error::Error;
use std::io;
use std::time::Instant;

use reinstate_archive::{ArchiveWriter, ManifestHeader};

/// Bytes that are handed over at once, as an extract does.
const PIECE_BYTES: usize = 256 << 10;

/// Counts what is written.
#[derive(Default)]
struct Count(u64);

impl io::Write for Count {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args().nth(1).ok_or("usage: levels RECORDS.jsonl")?;
    let text = std::fs::read(path)?;
    println!("level  seconds    MB/s  packed to");
    for level in [1, 2, 3, 4, 6, 9] {
        let begin = Instant::now();
        let mut writer = ArchiveWriter::with_level(Count::default(), ManifestHeader::default(), level);
        writer.start_entry("records.jsonl")?;
        for piece in text.chunks(PIECE_BYTES) {
            writer.write(piece)?;
        }
        let packed = writer.finish_into()?.inner.0;
        let seconds = begin.elapsed().as_secs_f64();
        let (rate, share) = (text.len() as f64 / 1e6 / seconds, 100.0 * packed as f64 / text.len() as f64);
        println!("{level:5}  {seconds:7.2}  {rate:6.0}  {share:8.1} %");
    }
    Ok(())
}
