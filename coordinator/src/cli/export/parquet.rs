//! Rows as a Parquet file. A Parquet column has one type where SQLite's values have one each: the type is
//! that of the table the column stands in, whatever values are at hand, so that the files of any two
//! sweeps have one schema. Rows are written in groups, so that a million need no more memory than one
//! group.

use std::{io::Write, sync::Arc};

use anyhow::Context as _;
use parquet::{
    basic::{LogicalType, Repetition, Type as Physical},
    data_type::{ByteArray, ByteArrayType, DataType, DoubleType, Int64Type},
    file::{
        properties::WriterProperties,
        writer::{SerializedFileWriter, SerializedRowGroupWriter},
    },
    schema::types::Type,
};

use crate::{
    cli::output,
    store::{ColumnType, ColumnTypes, Reader, Value},
};

/// Rows of a group: a few megabytes, and enough for dictionaries to pay.
const ROWS_PER_GROUP: usize = 16_384;
/// Writes the rows of a query.
pub(super) async fn write(
    reader: &mut Reader,
    sql: &str,
    types: &ColumnTypes,
    output: impl Write + Send,
) -> anyhow::Result<()> {
    let names = reader.query(sql, None).await?.columns().to_vec();
    let typed = |name: String| {
        let kind = types.column(&name);
        (name, kind)
    };
    let columns: Vec<_> = names.into_iter().map(typed).collect();
    let properties = Arc::new(WriterProperties::builder().build());
    let mut writer = SerializedFileWriter::new(output, schema(&columns)?, properties)?;
    let mut rows = reader.query(sql, None).await?;
    let mut group = Vec::new();
    while let Some(row) = rows.next().await? {
        group.push(row);
        if group.len() == ROWS_PER_GROUP {
            write_group(&mut writer, &columns, &group)?;
            group.clear();
        }
    }
    if !group.is_empty() {
        write_group(&mut writer, &columns, &group)?;
    }
    writer.close()?;
    Ok(())
}

fn schema(columns: &[(String, ColumnType)]) -> anyhow::Result<Arc<Type>> {
    let field = |(name, kind): &(String, ColumnType)| {
        let (physical, logical) = match kind {
            ColumnType::Integer => (Physical::INT64, None),
            ColumnType::Real => (Physical::DOUBLE, None),
            ColumnType::Text => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
        };
        let field = Type::primitive_type_builder(name, physical)
            .with_repetition(Repetition::OPTIONAL)
            .with_logical_type(logical);
        Ok(Arc::new(field.build()?))
    };
    let fields = columns.iter().map(field).collect::<anyhow::Result<_>>()?;
    let schema = Type::group_type_builder("rows").with_fields(fields);
    Ok(Arc::new(schema.build()?))
}

fn write_group<W: Write + Send>(
    writer: &mut SerializedFileWriter<W>,
    columns: &[(String, ColumnType)],
    rows: &[Vec<Value>],
) -> anyhow::Result<()> {
    let mut group = writer.next_row_group()?;
    for (index, (name, kind)) in columns.iter().enumerate() {
        let values = rows.iter().map(|row| &row[index]);
        let written = match kind {
            ColumnType::Integer => write_column::<Int64Type, _>(&mut group, values.map(integer)),
            ColumnType::Real => write_column::<DoubleType, _>(&mut group, values.map(real)),
            ColumnType::Text => write_column::<ByteArrayType, _>(&mut group, values.map(text)),
        };
        written.with_context(|| format!("column {name}"))?;
    }
    group.close()?;
    Ok(())
}

/// Writes a column of one group: which rows have a value, and the values.
fn write_column<T: DataType, W: Write + Send>(
    group: &mut SerializedRowGroupWriter<'_, W>,
    values: impl Iterator<Item = anyhow::Result<Option<T::T>>>,
) -> anyhow::Result<()> {
    let (mut present, mut defined) = (Vec::new(), Vec::new());
    for value in values {
        let value = value?;
        defined.push(i16::from(value.is_some()));
        present.extend(value);
    }
    let column = group.next_column()?;
    let mut column = column.context("the schema has as many columns")?;
    column
        .typed::<T>()
        .write_batch(&present, Some(&defined), None)?;
    column.close()?;
    Ok(())
}

fn integer(value: &Value) -> anyhow::Result<Option<i64>> {
    match value {
        Value::Null => Ok(None),
        Value::Integer(whole) => Ok(Some(*whole)),
        other => Err(foreign(other)),
    }
}

fn real(value: &Value) -> anyhow::Result<Option<f64>> {
    match value {
        Value::Null => Ok(None),
        Value::Integer(whole) => Ok(Some(*whole as f64)),
        Value::Real(number) => Ok(Some(*number)),
        other => Err(foreign(other)),
    }
}

fn text(value: &Value) -> anyhow::Result<Option<ByteArray>> {
    let value = match value {
        Value::Null => None,
        Value::Text(text) => Some(text.clone()),
        other => Some(output::text(&output::json_of(other))),
    };
    Ok(value.map(|text| ByteArray::from(text.into_bytes())))
}

/// No row of ours has such a value: the file was changed by hand.
fn foreign(value: &Value) -> anyhow::Error {
    anyhow::anyhow!(
        "holds {value:?}, which is not of its type\n\
         hint: `pondersweep export --format csv` writes what is there"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_of_another_type_is_refused_with_what_to_do() {
        assert!(integer(&Value::Real(0.5)).is_err());
        let error = real(&Value::Text("x".into())).unwrap_err();
        assert!(error.to_string().contains("hint: "), "{error}");
        assert_eq!(real(&Value::Integer(3)).unwrap(), Some(3.0));
    }
}
