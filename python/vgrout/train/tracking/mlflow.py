"""MLflow, where `MLFLOW_TRACKING_URI` says."""

from collections.abc import Mapping
from types import TracebackType
from typing import Any

import mlflow

from vgrout.settings import leaves
from vgrout.train.trackers import TrackedRun, Tracker, numbers

_RUN_ID = "mlflow-run-id.txt"


class Mlflow(Tracker):
    """One run of the experiment `vgrout`, or of `MLFLOW_EXPERIMENT_NAME`, named for the run's folder."""

    def __init__(self, run: TrackedRun) -> None:
        """Open the run; a resumed one goes on in the same place."""
        file = run.path / _RUN_ID
        known = file.read_text(encoding="utf-8").strip() if file.is_file() else None
        if mlflow.environment_variables.MLFLOW_EXPERIMENT_NAME.get() is None:
            mlflow.set_experiment("vgrout")
        self._run = mlflow.start_run(run_id=known, run_name=run.path.name)
        if known is None:
            file.write_text(f"{self._run.info.run_id}\n", encoding="utf-8")
            mlflow.log_params({name: str(value)[:500] for name, value in leaves(run.config)})

    def add(self, row: Mapping[str, Any]) -> None:
        """Log a row's numbers."""
        mlflow.log_metrics(numbers(row), step=row["step"])

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        mlflow.end_run("FINISHED" if kind is None else "FAILED")
