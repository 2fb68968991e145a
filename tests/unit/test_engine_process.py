"""An engine's process answers, and ends with the run: closed, killed, or its run killed."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from vgrout.errors import EngineError, EngineRefused
from vgrout.rollouts.engine_process import EngineProcess, end, keep

ENGINE = """
import os, subprocess, sys, time
from multiprocessing.connection import Connection
from pathlib import Path
connection, folder = Connection(int(sys.argv[1])), Path(sys.argv[2])
helper = subprocess.Popen(["sleep", "600"])
(folder / "pids").write_text(f"{os.getpid()} {helper.pid}")
while True:
    name, values = connection.recv()
    if name == "double":
        connection.send(("progress", 1))
        connection.send(("result", 2 * values[0]))
    elif name == "refuse":
        connection.send(("refused", "not this"))
    elif name == "say-and-die":
        sys.stderr.write("out of memory, says the engine\\n")
        sys.exit(1)
"""


def start(folder: Path) -> EngineProcess:
    return EngineProcess(
        lambda descriptor: [sys.executable, "-c", ENGINE, str(descriptor), str(folder)],
        folder,
        environment=os.environ,
    )


def is_alive(pid: int) -> bool:
    """It runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def until(condition, what: str) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


def pids_of(folder: Path) -> list[int]:
    """The engine and what it started."""
    until(lambda: (folder / "pids").is_file() and (folder / "pids").read_text(), "the engine does not start")
    return [int(part) for part in (folder / "pids").read_text().split()]


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "work"
    made.mkdir()
    return made


def gone(pids, folder) -> bool:
    return not folder.exists() and not any(is_alive(pid) for pid in pids)


def test_it_answers_tells_of_progress_and_is_gone_when_closed(folder):
    process, told = start(folder), []
    assert process.call("double", 21, timeout_s=60, progress=told.append) == 42
    assert told == [1]
    with pytest.raises(EngineRefused, match="not this"):
        process.call("refuse", timeout_s=60)
    pids = pids_of(folder)
    process.close()
    process.close()
    assert gone(pids, folder)
    with pytest.raises(EngineError, match="the engine is closed"):
        process.call("double", 1, timeout_s=60)


def test_a_killed_engine_is_an_error_and_takes_its_helpers_along(folder):
    process = start(folder)
    pids = pids_of(folder)
    os.kill(pids[0], signal.SIGKILL)
    with pytest.raises(EngineError, match="the engine's process has ended"):
        process.call("double", 1, timeout_s=60)
    until(lambda: not any(is_alive(pid) for pid in pids), "a helper outlives its engine")
    process.close()
    assert gone(pids, folder)


def test_an_engine_that_ends_by_itself_is_quoted(folder):
    process = start(folder)
    with pytest.raises(EngineError, match="the last of its log:\n  out of memory, says the engine"):
        process.call("say-and-die", timeout_s=60)
    process.close()


def test_a_silent_engine_is_stopped_at_the_time_out(folder):
    process = start(folder)
    pids = pids_of(folder)
    with pytest.raises(EngineError, match=r"did not answer `nothing` in 0.3 s, and was stopped\nhint: raise"):
        process.call("nothing", timeout_s=0.3)
    assert gone(pids, folder)


def test_a_killed_keeper_takes_the_engine_along(folder):
    process = start(folder)
    pids = pids_of(folder)
    process._keeper.kill()
    until(lambda: not is_alive(pids[0]), "the engine outlives its keeper")
    with pytest.raises(EngineError, match="has ended"):
        process.call("double", 1, timeout_s=60)
    os.kill(pids[1], signal.SIGKILL)  # of all that is started this alone has nobody left
    process.close()
    assert not folder.exists()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_nothing_outlives_a_run_that_is_killed(folder, number):
    program = textwrap.dedent(f"""
        import sys, time
        sys.path.insert(0, {str(Path(__file__).parent)!r})
        from pathlib import Path
        from test_engine_process import start
        process = start(Path({str(folder)!r}))
        print("up", flush=True)
        time.sleep(600)
    """)
    run = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert run.stdout.readline() == b"up\n"
    pids = pids_of(folder)
    run.send_signal(number)
    run.wait()
    run.stdout.close()
    until(lambda: gone(pids, folder), "something outlives the run")


def test_a_folder_alone_is_kept_and_removed(folder):
    keeper = keep(folder)
    assert folder.is_dir()
    end(keeper)
    assert not folder.exists()
