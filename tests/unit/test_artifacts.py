"""Run directories: created once, written row by row, continued exactly."""

import errno
import json
import math
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from vgrout import Grader
from vgrout.artifacts import (
    METRICS,
    ROLLOUTS,
    TIMING,
    VALIDATION,
    RunDir,
    default_run_dir,
    read_records,
    total_seconds,
    write_json_atomic,
)
from vgrout.errors import ConfigError, DataError, StorageError

EVERY_STEP = (METRICS, ROLLOUTS, TIMING)
"""Files that are there from the beginning, with rows of every step."""


def new_run(path: Path) -> RunDir:
    return RunDir.create(path, config={"preset": "smoke", "seed": 3}, versions={"python": "3.11"})


def rollout(step: int, index: int = 0) -> dict[str, object]:
    return {
        "step": step,
        "prompt_index": 0,
        "sample_index": index,
        "problem_id": "p",
        "mode": "sentinel",
        "hackable": True,
        "source": "policy",
        "reward": 3.5,
    }


def resumed(path: Path, step: int) -> RunDir:
    run = RunDir.open_for_resume(path)
    try:
        run.go_on_after(step)
    except BaseException:
        run.close()
        raise
    return run


def steps_of(path: Path, schema=METRICS) -> list[int]:
    return [record["step"] for record in read_records(path / schema.file, schema)]


def test_config_and_versions_are_written_first(tmp_path: Path) -> None:
    with new_run(tmp_path / "runs" / "a") as run:
        assert json.loads((run.path / "config.json").read_text()) == {
            "schema": 1,
            "preset": "smoke",
            "seed": 3,
        }
        assert json.loads((run.path / "versions.json").read_text()) == {"schema": 1, "python": "3.11"}


def test_existing_directory_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "keep").write_text("mine")
    with pytest.raises(ConfigError, match=r"--run-dir: .*old exists") as caught:
        new_run(tmp_path / "old")
    assert "--resume" in str(caught.value)
    assert [p.name for p in (tmp_path / "old").iterdir()] == ["keep"]


def test_unwritable_config_leaves_no_directory(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"config\.json"):
        RunDir.create(tmp_path / "a", config={"gate": object()}, versions={})
    assert list(tmp_path.iterdir()) == []


def test_parent_that_is_a_file_is_a_config_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="--run-dir"):
        new_run(tmp_path / "file" / "run")


def test_default_name_holds_preset_arm_seed_and_utc() -> None:
    moment = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert default_run_dir("smoke", "routeA", 7, moment) == Path("runs/smoke-routeA-s7-20260102T030405Z")


def test_rows_come_back_as_written_with_missing_fields_null(tmp_path: Path) -> None:
    with new_run(tmp_path / "a") as run:
        run.write_metrics(
            {"step": 1, "loss": math.inf, "kl": math.nan, "by_mode": {"sentinel": {"exploited": 2}}}
        )
        run.write_metrics({"step": 2, "loss": np.float32(0.5), "rollouts": np.int64(8)})
        first, second = read_records(run.path / "metrics.jsonl", METRICS)
    assert first["loss"] == math.inf
    assert math.isnan(first["kl"])
    assert first["by_mode"] == {"sentinel": {"exploited": 2}}
    empty = dict.fromkeys(field.name for field in METRICS.fields)
    assert second == empty | {"step": 2, "loss": 0.5, "rollouts": 8}


def test_every_line_is_strict_json_of_this_schema_version(tmp_path: Path) -> None:
    def refuse(token: str) -> None:
        raise AssertionError(token)

    with new_run(tmp_path / "a") as run:
        run.write_metrics({"step": 1, "loss": math.nan, "score_percentiles": {"p5": -math.inf}})
        run.write_timing({"step": 1, "seconds": {"sample": 0.25}, "total_seconds": 0.5})
        run.write_rollouts([rollout(1)])
        for schema in EVERY_STEP:
            row = json.loads((run.path / schema.file).read_text(), parse_constant=refuse)
            assert row["schema"] == schema.version
            assert list(row) == ["schema", *(field.name for field in schema.fields)]


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ({"step": 1, "losss": 1.0}, "`losss` is not in the table"),
        ({"loss": 1.0}, "`step`: found None, expected int"),
        ({"step": 1, "loss": "low"}, "`loss`: found 'low', expected float"),
        ({"step": True}, "`step`: found True, expected int"),
        ({"step": 1, "rollouts": 1.5}, "`rollouts`: found 1.5, expected int"),
    ],
)
def test_malformed_record_is_refused_naming_the_field(
    tmp_path: Path, record: dict[str, object], message: str
) -> None:
    with new_run(tmp_path / "a") as run:
        with pytest.raises(DataError, match=message):
            run.write_metrics(record)
        assert (run.path / "metrics.jsonl").read_text() == ""


def test_one_bad_rollout_writes_none_of_its_batch(tmp_path: Path) -> None:
    with new_run(tmp_path / "a") as run:
        with pytest.raises(DataError, match="`reward`"):
            run.write_rollouts([rollout(1), rollout(1, 1) | {"reward": None}])
        assert (run.path / "rollouts.jsonl").read_text() == ""


def test_steps_never_go_back(tmp_path: Path) -> None:
    with new_run(tmp_path / "a") as run:
        run.write_metrics({"step": 2})
        with pytest.raises(DataError, match="1 follows 2"):
            run.write_metrics({"step": 1})


def interrupted_run(path: Path, *, steps: int) -> None:
    with new_run(path) as run:
        for step in range(1, steps + 1):
            run.write_rollouts([rollout(step), rollout(step, 1)])
            run.write_metrics({"step": step, "loss": 1 / step})
            run.write_timing({"step": step, "total_seconds": 1.0})


def test_resumed_files_equal_those_of_an_uninterrupted_run(tmp_path: Path) -> None:
    interrupted_run(tmp_path / "whole", steps=4)
    interrupted_run(tmp_path / "cut", steps=3)
    with (tmp_path / "cut" / "rollouts.jsonl").open("a") as file:
        file.write('{"schema":1,"step":4,"prom')
    with resumed(tmp_path / "cut", 2) as run:
        for step in (3, 4):
            run.write_rollouts([rollout(step), rollout(step, 1)])
            run.write_metrics({"step": step, "loss": 1 / step})
            run.write_timing({"step": step, "total_seconds": 1.0})
    for schema in EVERY_STEP:
        assert (tmp_path / "cut" / schema.file).read_bytes() == (
            tmp_path / "whole" / schema.file
        ).read_bytes()


@pytest.mark.parametrize("tail", [b'{"schema":1,"step":3,"lo', b'{"schema":1,"step":3,"x":"\xc3', b"{", b"3"])
def test_row_cut_short_by_a_kill_is_left_out_and_dropped(tmp_path: Path, tail: bytes) -> None:
    interrupted_run(tmp_path / "a", steps=2)
    for schema in EVERY_STEP:
        file = tmp_path / "a" / schema.file
        whole = file.read_bytes()
        file.write_bytes(whole + tail)
        assert [row["step"] for row in read_records(file, schema)][-1] == 2
        resumed(tmp_path / "a", 2).close()
        assert file.read_bytes() == whole


def test_complete_last_row_without_newline_is_kept(tmp_path: Path) -> None:
    interrupted_run(tmp_path / "a", steps=2)
    file = tmp_path / "a" / "metrics.jsonl"
    whole = file.read_bytes()
    file.write_bytes(whole[:-1])
    with resumed(tmp_path / "a", 2):
        assert file.read_bytes() == whole


def test_resume_at_step_zero_starts_empty_files(tmp_path: Path) -> None:
    interrupted_run(tmp_path / "a", steps=2)
    with resumed(tmp_path / "a", 0):
        assert {s.file: steps_of(tmp_path / "a", s) for s in EVERY_STEP} == {s.file: [] for s in EVERY_STEP}


def test_resume_refuses_metrics_that_stop_before_the_checkpoint(tmp_path: Path) -> None:
    interrupted_run(tmp_path / "a", steps=2)
    with pytest.raises(DataError, match="of step 2, but the checkpoint is of step 5"):
        resumed(tmp_path / "a", 5)
    assert steps_of(tmp_path / "a") == [1, 2]


def validated(path: Path, steps: list[int]) -> None:
    with resumed(path, 5) as run:
        for step in steps:
            run.write_validation({field.name: step for field in VALIDATION.fields})


@pytest.mark.parametrize(("file", "what"), [("metrics", "0 rows are of step 3 in the place of 1"), ("rollouts", "0 rows are of step 3 in the place of some"), ("validation", "0 rows are of step 2 in the place of 1")])  # fmt: skip
def test_resume_names_the_first_step_that_has_lost_its_rows(tmp_path: Path, file: str, what: str) -> None:
    interrupted_run(tmp_path / "a", steps=5)
    validated(tmp_path / "a", [2, 4])
    path = tmp_path / "a" / f"{file}.jsonl"
    lost = 2 if file == "validation" else 3
    kept = [row for row in path.read_text().splitlines(keepends=True) if f'"step":{lost},' not in row]
    path.write_text("".join(kept))
    said = rf"{file}\.jsonl: {what}, but the checkpoint is of step 5\nhint: put"
    with RunDir.open_for_resume(tmp_path / "a") as run, pytest.raises(DataError, match=said):
        run.go_on_after(5, validated_every=2)
    assert path.read_text() == "".join(kept)


def test_a_step_that_stands_there_twice_is_refused(tmp_path: Path) -> None:
    interrupted_run(tmp_path / "a", steps=5)
    path = tmp_path / "a" / "metrics.jsonl"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join([*lines[:3], lines[2], *lines[3:]]))
    with pytest.raises(DataError, match="2 rows are of step 3 in the place of 1"):
        resumed(tmp_path / "a", 5)


def test_resume_names_a_malformed_row_by_line(tmp_path: Path) -> None:
    interrupted_run(tmp_path / "a", steps=2)
    file = tmp_path / "a" / "metrics.jsonl"
    lines = file.read_text().splitlines()
    file.write_text("\n".join([lines[0], "{oops", lines[1]]) + "\n")
    with pytest.raises(DataError, match=r"metrics\.jsonl:2: not a JSON object: .*\nhint: put"):
        resumed(tmp_path / "a", 2)


def test_rows_of_another_version_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "timing.jsonl"
    path.write_text('{"schema":99,"step":1}\n')
    with pytest.raises(DataError, match=r"timing\.jsonl:1: field `schema`: found 99, expected 1"):
        list(read_records(path, TIMING))


def test_resume_of_something_else_is_a_config_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"--resume: .* is not a run directory"):
        resumed(tmp_path, 1)


def test_second_writer_is_refused_until_the_first_closes(tmp_path: Path) -> None:
    run = new_run(tmp_path / "a")
    with pytest.raises(ConfigError, match="another process is writing"):
        resumed(tmp_path / "a", 0)
    run.close()
    run.close()
    resumed(tmp_path / "a", 0).close()


def test_a_taken_default_name_gets_a_number(tmp_path: Path) -> None:
    for name in ("a", "a-2"):
        with RunDir.create(tmp_path / "a", config={}, versions={}, numbered=True) as run:
            assert run.path == tmp_path / name


@pytest.mark.parametrize("schema", [METRICS, ROLLOUTS], ids=lambda schema: schema.file)
def test_resume_refuses_rows_that_stop_before_the_checkpoint_and_cuts_nothing(tmp_path: Path, schema) -> None:
    interrupted_run(tmp_path / "a", steps=4)
    file = tmp_path / "a" / schema.file
    file.write_bytes(b"".join(file.read_bytes().splitlines(keepends=True)[:2]))
    before = {path.name: path.read_bytes() for path in (tmp_path / "a").iterdir()}
    with pytest.raises(
        DataError, match=rf"{schema.file}: the last complete row is of step \d, but .* step 3"
    ):
        resumed(tmp_path / "a", 3)
    assert {path.name: path.read_bytes() for path in (tmp_path / "a").iterdir()} == before


def test_rows_that_the_disk_refuses_are_not_half_written(tmp_path: Path, monkeypatch) -> None:
    write = os.write

    def refuse(descriptor: int, data: memoryview) -> int:
        if len(data) < 400:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(descriptor, data[:-399])

    with new_run(tmp_path / "a") as run:
        run.write_rollouts([rollout(1)])
        before = (run.path / "rollouts.jsonl").read_bytes()
        monkeypatch.setattr(os, "write", refuse)
        with pytest.raises(StorageError, match=r"rollouts\.jsonl: cannot be written: No space left"):
            run.write_rollouts([rollout(2), rollout(2, 1)])
        assert (run.path / "rollouts.jsonl").read_bytes() == before


def test_the_time_of_a_run_is_that_of_all_its_parts(tmp_path: Path) -> None:
    interrupted_run(tmp_path / "a", steps=3)
    with resumed(tmp_path / "a", 2) as run:
        run.write_timing({"step": 2, "total_seconds": 0.5})
        run.write_timing({"step": 3, "total_seconds": 2.0})
    assert total_seconds(tmp_path / "a") == 4.5
    assert total_seconds(tmp_path) == 0


def test_closed_run_refuses_rows(tmp_path: Path) -> None:
    run = new_run(tmp_path / "a")
    run.close()
    with pytest.raises(DataError, match="closed"):
        run.write_metrics({"step": 1})


def test_failed_json_write_keeps_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "eval.json"
    write_json_atomic(path, {"hacked": 1})
    with pytest.raises(DataError, match=r"eval\.json: cannot be written as JSON"):
        write_json_atomic(path, {"hacked": math.nan})
    assert json.loads(path.read_text()) == {"hacked": 1}
    assert [p.name for p in tmp_path.iterdir()] == ["eval.json"]


def test_json_takes_dataclasses_paths_and_numpy(tmp_path: Path) -> None:
    @dataclass
    class Inner:
        rows: np.ndarray

    @dataclass
    class Outer:
        path: Path
        inner: Inner

    write_json_atomic(tmp_path / "x.json", Outer(Path("a/b"), Inner(np.array([1, 2]))))
    assert json.loads((tmp_path / "x.json").read_text()) == {"path": "a/b", "inner": {"rows": [1, 2]}}


def test_json_takes_the_graders_fence_report(tmp_path: Path) -> None:
    with Grader(workers=1) as grader:
        fence = grader.grade([]).fence
    write_json_atomic(tmp_path / "fence.json", fence)
    found = json.loads((tmp_path / "fence.json").read_text())
    assert found["level"] == fence.level
    layers = [(layer["name"], layer["status"], len(layer["probes"])) for layer in found["layers"]]
    assert layers == [(layer.name, layer.status, len(layer.probes)) for layer in fence.layers]
    assert layers[0][:2] == ("base", "enforced")


def test_schema_table_documents_every_field() -> None:
    for schema in (METRICS, ROLLOUTS, TIMING):
        rows = schema.table().splitlines()[2:]
        assert [row.split("`")[1] for row in rows] == [field.name for field in schema.fields]
        assert all(field.meaning for field in schema.fields)
