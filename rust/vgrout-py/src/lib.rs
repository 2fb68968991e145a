//! `vgrout._native`: conversions and GIL release only; the work is done in the crates below it.

use pyo3::prelude::*;

mod buffer;
mod error;

#[pymodule]
mod _native {
    #[pymodule_export]
    use crate::buffer::PyScoreBuffer;
}
