//! The rows of a binary `COPY … TO STDOUT` as they come, gathered as cells or as lines of JSON.
//!
//! The server sends a row a piece, but does not promise to: what a piece leaves unfinished waits for the next one.

use reinstate_describe::{ColumnType, Layout, LinesBuilder, RowsBuilder, Value};

use super::codec::{self, CodecError};

/// What takes the fields of rows.
pub(crate) trait Fields {
    /// Takes the next field, none for null.
    ///
    /// # Errors
    /// [`CodecError::Bytes`] where the bytes are no value of the column's type.
    fn field(&mut self, column_type: ColumnType, bytes: Option<&[u8]>) -> Result<(), CodecError>;

    /// Ends the row.
    fn row_ends(&mut self);

    /// Takes back the fields of a row that is not whole yet: they come again.
    fn row_drops(&mut self);
}

impl Fields for RowsBuilder {
    fn field(&mut self, column_type: ColumnType, bytes: Option<&[u8]>) -> Result<(), CodecError> {
        codec::decode_into(column_type, bytes, self)
    }

    fn row_ends(&mut self) {
        self.end_row();
    }

    fn row_drops(&mut self) {
        self.drop_row();
    }
}

impl Fields for LinesBuilder {
    fn field(&mut self, _: ColumnType, bytes: Option<&[u8]>) -> Result<(), CodecError> {
        let Some(bytes) = bytes else {
            self.push(Value::Null);
            return Ok(());
        };
        self.push_with(|column_type, out| codec::decode_json(column_type, bytes, out))
    }

    fn row_ends(&mut self) {
        self.end_record();
    }

    fn row_drops(&mut self) {
        self.drop_record();
    }
}

/// Where in the stream the reader is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Before the header.
    Header,
    /// Before a row.
    Row,
    /// Behind the trailer.
    End,
}

/// Takes a stream apart.
#[derive(Debug)]
pub(crate) struct RowsReader {
    types: Vec<ColumnType>,
    place: Place,
    /// What the last piece left unfinished.
    rest: Vec<u8>,
}

impl RowsReader {
    /// Begins a stream whose rows have the columns of a layout.
    pub(crate) fn new(layout: &Layout) -> Self {
        let types = layout.columns().map(|column| column.column_type).collect();
        Self { types, place: Place::Header, rest: Vec::new() }
    }

    /// Whether the stream came to its end.
    pub(crate) fn has_ended(&self) -> bool {
        self.place == Place::End
    }

    /// Reads the next piece and appends the rows that are whole by then.
    ///
    /// # Errors
    /// Where the stream is none, or holds values that are none.
    pub(crate) fn read(&mut self, piece: &[u8], rows: &mut impl Fields) -> Result<(), CodecError> {
        if self.rest.is_empty() {
            let read = self.read_whole(piece, rows)?;
            self.rest.extend_from_slice(piece.get(read..).unwrap_or_default());
            return Ok(());
        }
        let mut waiting = std::mem::take(&mut self.rest);
        waiting.extend_from_slice(piece);
        let read = self.read_whole(&waiting, rows)?;
        waiting.drain(..read);
        self.rest = waiting;
        Ok(())
    }

    /// Reads what is whole and says how many bytes that was.
    fn read_whole(&mut self, bytes: &[u8], rows: &mut impl Fields) -> Result<usize, CodecError> {
        let mut left = bytes;
        loop {
            let taken = match self.place {
                Place::Header => header(left)?,
                Place::Row => self.row(left, rows)?,
                Place::End => None,
            };
            let Some(rest) = taken else { return Ok(bytes.len() - left.len()) };
            if self.place == Place::Header {
                self.place = Place::Row;
            }
            left = rest;
        }
    }

    /// Appends a row and answers what is behind it; `None` where it is not whole.
    fn row<'a>(&mut self, bytes: &'a [u8], rows: &mut impl Fields) -> Result<Option<&'a [u8]>, CodecError> {
        let Some((count, mut fields)) = bytes.split_first_chunk() else { return Ok(None) };
        if *count == codec::COPY_TRAILER {
            self.place = Place::End;
            return Ok(Some(fields));
        }
        if usize::from(u16::from_be_bytes(*count)) != self.types.len() {
            return Err(CodecError::Bytes("row"));
        }
        for column_type in &self.types {
            let Some((value, rest)) = field(fields)? else {
                rows.row_drops();
                return Ok(None);
            };
            rows.field(*column_type, value)?;
            fields = rest;
        }
        rows.row_ends();
        Ok(Some(fields))
    }
}

/// What is behind the header: the signature, flags, and an extension that is skipped.
fn header(bytes: &[u8]) -> Result<Option<&[u8]>, CodecError> {
    let fault = CodecError::Bytes("copy");
    let (signature, _) = codec::COPY_HEADER.split_last_chunk::<8>().ok_or(CodecError::Bytes("copy"))?;
    let Some((begin, rest)) = bytes.split_at_checked(signature.len() + 4) else { return Ok(None) };
    if !begin.starts_with(signature) {
        return Err(fault);
    }
    let Some((length, rest)) = rest.split_first_chunk() else { return Ok(None) };
    let length = usize::try_from(i32::from_be_bytes(*length)).map_err(|_| fault)?;
    Ok(rest.split_at_checked(length).map(|(_, rows)| rows))
}

/// A field and what is behind it: `None` for null as its value, and altogether where it is not whole.
#[allow(clippy::type_complexity, reason = "a field may be missing, and may be null")]
fn field(bytes: &[u8]) -> Result<Option<(Option<&[u8]>, &[u8])>, CodecError> {
    let Some((length, rest)) = bytes.split_first_chunk() else { return Ok(None) };
    match i32::from_be_bytes(*length) {
        -1 => Ok(Some((None, rest))),
        length => {
            let length = usize::try_from(length).map_err(|_| CodecError::Bytes("row"))?;
            Ok(rest.split_at_checked(length).map(|(value, rest)| (Some(value), rest)))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use reinstate_describe::{Field, FieldType, Layout, Model, Name, Value};

    use super::*;

    fn rows() -> RowsBuilder {
        let name = |text: &str| Name::new(text).unwrap();
        let model = Model::new(name("m")).with_field(Field::new(name("size"), FieldType::Integer));
        RowsBuilder::new(Arc::new(Layout::new(model)))
    }

    fn stream(rows: &RowsBuilder) -> Vec<u8> {
        let mut stream = codec::COPY_HEADER.to_vec();
        for (id, size) in [("a", 1), ("bcd", -7)] {
            codec::row_begin(rows.layout().len(), &mut stream);
            for column in rows.layout().columns() {
                let value = match column.name.as_str() {
                    "id" => Value::Text(id),
                    "size" => Value::Int(size),
                    _ => Value::Null,
                };
                codec::encode(column.column_type, value, &mut stream).unwrap();
            }
        }
        stream.extend_from_slice(&codec::COPY_TRAILER);
        stream
    }

    #[test]
    fn rows_are_the_same_wherever_the_stream_is_cut() {
        let stream = stream(&rows());
        for length in 1..=stream.len() {
            let mut rows = rows();
            let mut reader = RowsReader::new(rows.layout());
            for piece in stream.chunks(length) {
                assert!(!reader.has_ended());
                reader.read(piece, &mut rows).unwrap();
            }
            assert!(reader.has_ended());
            let batch = rows.take();
            assert_eq!((batch.len(), batch.id(0), batch.id(1)), (2, "a", "bcd"));
            assert_eq!((batch.value(0, 9), batch.value(1, 9)), (Value::Int(1), Value::Int(-7)));
        }
    }

    #[test]
    fn stream_that_is_none_is_refused_and_one_without_an_end_has_none() {
        let mut rows = rows();
        let stream = stream(&rows);
        let mut reader = RowsReader::new(rows.layout());
        reader.read(stream.get(..stream.len() - 2).unwrap(), &mut rows).unwrap();
        assert!(!reader.has_ended());
        assert!(reader.read(&[0, 3], &mut rows).is_err());
        assert!(RowsReader::new(rows.layout()).read(&[b'x'; 64], &mut rows).is_err());
    }
}
