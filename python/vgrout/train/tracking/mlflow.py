"""MLflow, where `MLFLOW_TRACKING_URI` says."""

from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

import mlflow

from vgrout.settings import leaves
from vgrout.train.trackers import TrackedRun, numbers

_RUN_ID = "mlflow-run-id.txt"


class Mlflow:
    """One run of the experiment `vgrout`, or of `MLFLOW_EXPERIMENT_NAME`, named for the run's folder."""

    def __init__(self, run: TrackedRun) -> None:
        """Open the run; a resumed one goes on in the same place."""
        known = run.path / _RUN_ID
        if mlflow.environment_variables.MLFLOW_EXPERIMENT_NAME.get() is None:
            mlflow.set_experiment("vgrout")
        self._run = mlflow.start_run(
            run_id=known.read_text().strip() if known.is_file() else None, run_name=run.path.name
        )
        if not known.is_file():
            known.write_text(f"{self._run.info.run_id}\n")
            mlflow.log_params({name: str(value)[:500] for name, value in leaves(run.config)})

    def __enter__(self) -> Self:
        return self

    def add(self, row: Mapping[str, Any]) -> None:
        """Log a row's numbers."""
        mlflow.log_metrics(numbers(row), step=row["step"])

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        mlflow.end_run("FINISHED" if kind is None else "FAILED")
