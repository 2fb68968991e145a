//! What a caller can get wrong, each with the field, the value found and what would be right.

use std::fmt;

/// An input the buffer refuses; nothing has changed when one is returned.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum BufferError {
    /// `capacity` is zero or above 2^31.
    Capacity {
        /// What was asked for.
        capacity: usize,
    },
    /// `dim` is zero or a row would not fit in the address space.
    Dim {
        /// What was asked for.
        dim: usize,
    },
    /// `half_life` is not finite and positive.
    HalfLife {
        /// What was asked for.
        half_life: f64,
    },
    /// Scores were asked for before a direction was set.
    NoDirection {
        /// The operation that needs one.
        operation: &'static str,
    },
    /// A quantile of no rows.
    Empty,
    /// A slice whose length is not what the shape demands.
    Length {
        /// The argument.
        field: &'static str,
        /// Elements found.
        found: usize,
        /// Elements of one row (or of the direction).
        dim: usize,
    },
    /// A feature is NaN or infinite (or becomes infinite in bfloat16).
    NonFiniteRow {
        /// Row of the push, from 0.
        row: usize,
        /// Column of that row, from 0.
        column: usize,
        /// The value.
        value: f32,
    },
    /// A component of the direction is NaN or infinite.
    NonFiniteDirection {
        /// Component, from 0.
        index: usize,
        /// The value.
        value: f32,
    },
    /// A probability outside its range.
    Probability {
        /// The argument.
        field: &'static str,
        /// Position in the list, from 0.
        index: usize,
        /// The value.
        value: f64,
        /// The largest allowed; the smallest is 0.
        largest: f64,
    },
    /// A saved state that does not belong to this buffer or is damaged.
    State {
        /// The field of the state.
        field: &'static str,
        /// What was found.
        found: String,
        /// What was expected.
        expected: String,
    },
}

impl fmt::Display for BufferError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Capacity { capacity } => write!(
                f,
                "capacity: {capacity} is outside [1, 2^31]; give the number of rows to keep"
            ),
            Self::Dim { dim } => write!(
                f,
                "dim: {dim} is outside [1, 2^24]; give the number of features of one row"
            ),
            Self::HalfLife { half_life } => write!(
                f,
                "half_life: {half_life} is not a finite number above 0; give a number of rollouts, or None for equal weights"
            ),
            Self::NoDirection { operation } => {
                write!(
                    f,
                    "{operation}: no direction is set, so rows have no score; call set_direction(v) first"
                )
            }
            Self::Empty => write!(f, "quantiles: the buffer is empty; push rows first"),
            Self::Length { field, found, dim } => {
                write!(
                    f,
                    "{field}: {found} elements do not make rows of dim = {dim}; check the last axis"
                )
            }
            Self::NonFiniteRow { row, column, value } => write!(
                f,
                "rows[{row}, {column}]: {value} is not finite; nothing of this push was stored, remove or repair row {row}"
            ),
            Self::NonFiniteDirection { index, value } => {
                write!(
                    f,
                    "direction[{index}]: {value} is not finite; the previous direction stays in force"
                )
            }
            Self::Probability {
                field,
                index,
                value,
                largest,
            } => {
                write!(
                    f,
                    "{field}[{index}]: {value} is outside [0, {largest}]; give probabilities, not percentages"
                )
            }
            Self::State {
                field,
                found,
                expected,
            } => {
                write!(
                    f,
                    "state[{field:?}]: found {found}, expected {expected}; the buffer was left as it was"
                )
            }
        }
    }
}

impl std::error::Error for BufferError {}
