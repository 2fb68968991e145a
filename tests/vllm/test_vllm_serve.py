"""A real `vllm serve`: adapters come and go by HTTP, its log-probs are the formula's, and it goes on when the run is over."""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import closing, suppress

import pytest
from organism_served import agree, loaded_policy, request_of

from served_model import learn
from vgrout.artifacts import METRICS, read_records
from vgrout.config import RolloutConfig
from vgrout.rollouts.server_client import ServerClient
from vgrout.rollouts.vllm import child_environment, model_folder
from vgrout.rollouts.vllm_server import VllmServerEngine

RANK = 8


@pytest.fixture(scope="module")
def policy():
    return loaded_policy(rank=RANK)


@pytest.fixture(scope="module")
def url(policy, tmp_path_factory):
    with closing(socket.socket()) as probe:
        probe.bind(("localhost", 0))
        port = probe.getsockname()[1]
    folder = tmp_path_factory.mktemp("serve")
    model = model_folder(policy, folder)
    environment = child_environment(os.environ, on_cpu=True) | {
        "VLLM_ALLOW_RUNTIME_LORA_UPDATING": "True",
        "VLLM_CPU_KVCACHE_SPACE": "1",
        "TMPDIR": str(folder),
    }
    # What `vllm serve` runs; that command itself asks for a package named vllm, and the CPU build has another name.
    command = [
        sys.executable,
        "-m",
        "vllm.entrypoints.openai.api_server",
        "--model",
        model,
        "--port",
        str(port),
    ]
    command += ["--host", "localhost", "--dtype", "float32", "--enforce-eager", "--block-size", "32"]
    command += ["--enable-lora", "--max-loras", "2", "--max-lora-rank", str(4 * RANK)]
    command += ["--logprobs-mode", "processed_logprobs", "--max-num-seqs", "16"]
    with (folder / "said").open("wb") as said:
        server = subprocess.Popen(command, env=environment, stdout=said, stderr=said, process_group=0)
    try:
        address = f"http://localhost:{port}"
        wait_until_healthy(address, server, folder / "said")
        yield address
        assert server.poll() is None  # whoever used it left it running
    finally:
        server.terminate()
        with suppress(subprocess.TimeoutExpired):
            server.wait(60)
        with suppress(ProcessLookupError):
            os.killpg(server.pid, 9)
        server.wait()


def wait_until_healthy(url, server, said):
    deadline = time.monotonic() + 500
    while time.monotonic() < deadline:
        assert server.poll() is None, said.read_text()[-3000:]
        try:
            with urllib.request.urlopen(f"{url}/health", timeout=5):
                return
        except OSError:
            time.sleep(0.5)
    raise TimeoutError(said.read_text()[-3000:])


def served_names(url) -> set[str]:
    models = ServerClient(url, timeout_s=60).get("/v1/models")["data"]
    return {entry["id"] for entry in models if entry.get("parent")}


def test_both_policies_have_the_log_probs_of_the_formula_after_every_sync(policy, url):
    config = RolloutConfig(
        engine="vllm-server", url=url, temperature=0.7, top_p=1.0, max_new_tokens=16, rows_per_batch=16
    )
    engine = VllmServerEngine(policy, config)
    folder = engine._store._folder
    try:
        for step in (1, 2):
            learn(policy, 0.01, seed=step)
            engine.sync(step)
            request = request_of(policy)
            answers = engine.sample(request)
            assert [answer.ablated for answer in answers] == [False] * 4 + [True] * 4 + [False] * 4
            assert agree(policy, request, answers)
            again = engine.sample(request)
            assert [answer.completion for answer in again] == [answer.completion for answer in answers]
            assert len(served_names(url)) == 2
    finally:
        engine.close()
    assert served_names(url) == set()
    assert not folder.exists()


def test_a_run_samples_from_it_and_leaves_it_as_it_was(url, tmp_path):
    run = tmp_path / "run"
    flags = ("--steps", "2", "--rollouts.top-p", "1", "--rollouts.prompts-per-step", "4")
    flags += ("--eval.problems", "2", "--eval.samples", "1", "--adapter.rank", str(RANK))
    command = [sys.executable, "-m", "vgrout.train", "organism", "--run-dir", str(run), *flags]
    command += ["--rollouts.engine", "vllm-server", "--rollouts.url", url]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    rows = list(read_records(run / "metrics.jsonl", METRICS))
    assert [row["step"] for row in rows] == [1, 2]
    assert max(row["sampler_gap_mean"] for row in rows) <= 1e-5
    assert served_names(url) == set()
