//! `vgrout._native`: conversions and GIL release only; the work is done in the crates below it.

use pyo3::prelude::*;
use pyo3::types::PySequence;

mod arguments;
mod arrays;
mod buffer;
mod child;
mod error;
mod grader;
mod job;
mod value;
mod verdict;

/// The compiled part of vgrout: the grader and the score buffer.
#[pymodule]
mod _native {
    #[pymodule_export]
    use crate::buffer::PyScoreBuffer;
    #[pymodule_export]
    use crate::child::{PyZygote, round_trip, serve_zygote};
    #[pymodule_export]
    use crate::grader::PyGrader;
    #[pymodule_export]
    use crate::job::{PyGradeJob, PyLimits};
    #[pymodule_export]
    use crate::verdict::{PyDiagnostics, PyFenceLayer, PyFenceReport, PyGradedBatch, PyVerdict};

    use super::{Bound, PyModule, PyModuleMethods, PyResult, PySequence};

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        PySequence::register::<PyGradedBatch>(module.py())?;
        let marker = |mode: vgrout_grader::Mode| (mode.name(), mode.training_marker());
        module.add(
            "TRAINING_MARKERS",
            vgrout_grader::Mode::ALL.map(marker).to_vec(),
        )?;
        module.add("FILE_MARKER_CONTENT", vgrout_grader::modes::PAYING_CONTENT)?;
        module.add("DEFAULT_PRELUDE", vgrout_grader::job::DEFAULT_PRELUDE)
    }
}
