//! Rows as a Parquet file. A Parquet column has one type where SQLite's values have one each, so the
//! types are asked for first; then rows are written in groups, so that a million need no more memory
//! than one group.

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
    store::{Reader, Value},
};

/// Rows of a group: a few megabytes, and enough for dictionaries to pay.
const ROWS_PER_GROUP: usize = 16_384;
/// Columns that hold texts whenever they hold anything. Every other one holds numbers.
const TEXTS: [&str; 6] = [
    "method",
    "step_function",
    "residual",
    "unroll",
    "positions",
    "message",
];

/// The type of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Integer,
    Real,
    Text,
}

/// Writes the rows of a query.
pub(super) async fn write(
    reader: &mut Reader,
    sql: &str,
    output: impl Write + Send,
) -> anyhow::Result<()> {
    let columns = columns(reader, sql).await?;
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

/// The columns of a query and what they hold.
async fn columns(reader: &mut Reader, sql: &str) -> anyhow::Result<Vec<(String, Kind)>> {
    let names = reader.query(sql, None).await?.columns().to_vec();
    let held = |name: &String| {
        let has = |kind| format!("max(typeof(\"{name}\") = '{kind}')");
        let text = format!("max(typeof(\"{name}\") IN ('text', 'blob'))");
        [has("integer"), has("real"), text].join(", ")
    };
    let held: Vec<String> = names.iter().map(held).collect();
    let asked = format!("select {} from ({sql})", held.join(", "));
    let mut answer = reader.query(&asked, None).await?;
    let flags = answer.next().await?.context("an aggregate has one row")?;
    let kinds = flags.chunks_exact(3).zip(&names);
    let kinds = kinds.map(|(flags, name)| kind(name, flags));
    Ok(names
        .iter()
        .cloned()
        .zip(kinds.collect::<Vec<_>>())
        .collect())
}

/// The type that holds every value, from whether there are integers, reals and texts.
fn kind(name: &str, flags: &[Value]) -> Kind {
    let [integers, reals, texts] = [0, 1, 2].map(|index| flags[index] == Value::Integer(1));
    match (integers, reals, texts) {
        (_, _, true) => Kind::Text,
        (_, true, false) => Kind::Real,
        (true, false, false) => Kind::Integer,
        // Nothing but nulls: what it would hold, so that another export has the same types.
        (false, false, false) if TEXTS.contains(&name) => Kind::Text,
        (false, false, false) => Kind::Real,
    }
}

fn schema(columns: &[(String, Kind)]) -> anyhow::Result<Arc<Type>> {
    let field = |(name, kind): &(String, Kind)| {
        let (physical, logical) = match kind {
            Kind::Integer => (Physical::INT64, None),
            Kind::Real => (Physical::DOUBLE, None),
            Kind::Text => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
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
    columns: &[(String, Kind)],
    rows: &[Vec<Value>],
) -> anyhow::Result<()> {
    let mut group = writer.next_row_group()?;
    for (index, (name, kind)) in columns.iter().enumerate() {
        let values = rows.iter().map(|row| &row[index]);
        let written = match kind {
            Kind::Integer => write_column::<Int64Type, _>(&mut group, values.map(integer)),
            Kind::Real => write_column::<DoubleType, _>(&mut group, values.map(real)),
            Kind::Text => write_column::<ByteArrayType, _>(&mut group, values.map(text)),
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
        other => Err(changed(other)),
    }
}

fn real(value: &Value) -> anyhow::Result<Option<f64>> {
    match value {
        Value::Null => Ok(None),
        Value::Integer(whole) => Ok(Some(*whole as f64)),
        Value::Real(number) => Ok(Some(*number)),
        other => Err(changed(other)),
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

/// Rows come while a sweep runs, after the types were asked for.
fn changed(value: &Value) -> anyhow::Error {
    anyhow::anyhow!(
        "got {value:?}, of another type than every value before\n\
         hint: the sweep went on meanwhile; give the command again"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_holds_the_widest_type_of_its_values() {
        let flags = |flags: [i64; 3]| flags.map(Value::Integer);
        assert_eq!(kind("updates", &flags([1, 0, 0])), Kind::Integer);
        assert_eq!(kind("beta", &flags([1, 1, 0])), Kind::Real);
        assert_eq!(kind("sweep", &flags([0, 0, 1])), Kind::Text);
        assert_eq!(kind("tau", &flags([0, 0, 0])), Kind::Real);
        assert_eq!(kind("residual", &flags([0, 0, 0])), Kind::Text);
        // Of no row at all the answer is null.
        assert_eq!(
            kind("tau", &[Value::Null, Value::Null, Value::Null]),
            Kind::Real
        );
    }

    #[test]
    fn a_value_of_another_type_is_refused_with_what_to_do() {
        assert!(integer(&Value::Real(0.5)).is_err());
        let error = real(&Value::Text("x".into())).unwrap_err();
        assert!(
            error.to_string().contains("give the command again"),
            "{error}"
        );
        assert_eq!(real(&Value::Integer(3)).unwrap(), Some(3.0));
    }
}
