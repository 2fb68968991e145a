//! `vgrout._native`: conversions and GIL release only; the work is done in the crates below it.

use pyo3::prelude::*;

#[pymodule]
mod _native {}
