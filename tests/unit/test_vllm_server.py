"""The client of a running vLLM server, against a local stub of one: what is asked, retries, time-outs, refusals."""

import json
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from test_lora_engine import request_of

from served_model import HonestBackend, learn
from tiny import tiny_policy
from vgrout.config import RolloutConfig
from vgrout.errors import ConfigError, EngineError, EngineRefused
from vgrout.rollouts.rows import Adapter, Row, Sampling
from vgrout.rollouts.server_client import ServerClient
from vgrout.rollouts.vllm_server import VllmServerEngine, completion_request, drawn

SAMPLING = Sampling(max_new_tokens=5, temperature=0.7, end_ids=(1, 2))


class Stub(ThreadingHTTPServer):
    """Answers as a vLLM server does, from an `HonestBackend`; `scripted` answers come first."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.seen, self.scripted, self.version = [], [], "0.32.0"
        self.backend = HonestBackend(tiny_policy(rank=2), None)
        self.lock = threading.Lock()

    @property
    def url(self):
        return f"http://localhost:{self.server_port}"

    def answer(self, path, body):
        if path == "/version":
            return 200, {"version": self.version}
        if path == "/v1/models":
            return 200, {"data": [{"id": "tiny", "parent": None}, {"id": "other", "parent": "tiny"}]}
        if path == "/v1/load_lora_adapter":
            if body["lora_name"] in self.backend.weights:
                return 400, {
                    "error": {"message": f"The lora adapter '{body['lora_name']}' has already been loaded."}
                }
            self.backend.load(Adapter(name=body["lora_name"], number=1, path=body["lora_path"]))
            return 200, "Success: LoRA adapter added successfully."
        if path == "/v1/unload_lora_adapter":
            self.backend.weights.pop(body["lora_name"])
            return 200, "Success: LoRA adapter removed successfully."
        if path == "/v1/completions":
            name = None if body["model"] == "tiny" else body["model"]
            sampling = Sampling(
                max_new_tokens=body["max_tokens"],
                temperature=body["temperature"],
                end_ids=tuple(body["stop_token_ids"]),
            )
            row = self.backend.draw(Row(tuple(body["prompt"]), body["seed"], name), sampling)
            told = {"token_ids": list(row.tokens), "logprobs": {"token_logprobs": list(row.logprobs)}}
            return 200, {"choices": [told]}
        return 404, {"error": {"message": "Not Found"}}


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.reply(None)

    def do_POST(self):
        self.reply(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

    def reply(self, body):
        with self.server.lock:
            self.server.seen.append((self.path, body, self.headers.get("Authorization")))
            scripted = self.server.scripted.pop(0) if self.server.scripted else None
            status, answer = self.server.answer(self.path, body) if scripted is None else (scripted, {})
        if status == "hang":
            time.sleep(1.0)
            return
        content = answer.encode() if isinstance(answer, str) else json.dumps(answer).encode()
        if scripted is not None:
            content = json.dumps({"error": {"message": f"scripted {status}"}}).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass


@contextmanager
def stub():
    server = Stub()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def server():
    with stub() as running:
        yield running


def client_of(server, **settings) -> ServerClient:
    return ServerClient(server.url, **{"timeout_s": 20.0, "pause_s": 0.01, **settings})


def test_what_passes_is_asked_again(server):
    server.scripted = [503, 429, 502]
    assert client_of(server).get("/version") == {"version": "0.32.0"}
    assert len(server.seen) == 4


def test_a_refusal_is_said_in_the_servers_words_and_not_asked_again(server):
    server.scripted = [400]
    with pytest.raises(EngineRefused, match="/v1/models answers 400: scripted 400"):
        client_of(server).get("/v1/models")
    assert len(server.seen) == 1


def test_a_server_that_stays_away_is_given_up_with_the_reason(server):
    server.scripted = [503] * 9
    with pytest.raises(EngineError, match=r"/version answers 503: scripted 503 \(3 attempts\)"):
        client_of(server, attempts=3).get("/version")
    assert len(server.seen) == 3


def test_silence_ends_at_the_time_out(server):
    server.scripted = ["hang", "hang"]
    with pytest.raises(EngineError, match=r"has not answered in 0.2 s \(2 attempts\)"):
        client_of(server, timeout_s=0.2, attempts=2).get("/version")


def test_nobody_there_is_an_error_with_the_address():
    with stub() as gone:
        url = gone.url
    with pytest.raises(EngineError, match=rf"{url}/version cannot be reached: .*refused.* \(2 attempts\)"):
        ServerClient(url, timeout_s=5, attempts=2, pause_s=0.01).get("/version")


def test_a_key_is_sent_where_there_is_one(server, monkeypatch):
    client_of(server).get("/version")
    monkeypatch.setenv("VLLM_API_KEY", "abc")
    client_of(server).get("/version")
    assert [key for _, _, key in server.seen] == [None, "Bearer abc"]


def test_a_row_is_asked_by_token_ids_with_its_own_seed():
    body = completion_request(Row((5, 6), 77, "a"), SAMPLING, "base")
    assert body == {
        "model": "a",
        "prompt": [5, 6],
        "max_tokens": 5,
        "temperature": 0.7,
        "top_p": 1.0,
        "top_k": 0,
        "seed": 77,
        "logprobs": 0,
        "stop_token_ids": [1, 2],
        "return_token_ids": True,
        "add_special_tokens": False,
    }
    assert completion_request(Row((5,), 1, None), SAMPLING, "base")["model"] == "base"


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ({"choices": []}, "lacks token ids or log-probs"),
        ("text", "lacks token ids or log-probs"),
        ({"choices": [{"token_ids": None, "logprobs": None}]}, "lacks token ids or log-probs"),
        (
            {"choices": [{"token_ids": [1, 2], "logprobs": {"token_logprobs": [-1.0]}}]},
            "has 2 tokens and 1 log-probs",
        ),
    ],
)
def test_an_answer_that_lacks_something_is_refused(answer, message):
    with pytest.raises(EngineError, match=message):
        drawn(answer, SAMPLING)


def settings_of(server, **changes) -> RolloutConfig:
    return RolloutConfig(
        engine="vllm-server",
        url=server.url,
        temperature=0.7,
        top_p=1.0,
        rows_per_batch=4,
        timeout_s=30.0,
        **changes,
    )


def test_a_server_serves_both_policies_and_is_left_as_it_was(server, tmp_path):
    policy = tiny_policy(rank=2)
    engine = VllmServerEngine(policy, settings_of(server, adapter_dir=tmp_path))
    learn(policy)
    engine.sync(1)
    told: list[int] = []
    answers = engine.sample(request_of(policy), told.append)
    assert [answer.ablated for answer in answers] == [False, False, True]
    assert told[-1] == 3
    assert len(server.backend.weights) == 2
    engine.close()
    engine.close()
    assert server.backend.weights == {}
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("first", [404, 500])
def test_a_server_that_loads_no_adapters_is_told_how_to_start(server, first, tmp_path):
    original = server.answer
    server.answer = lambda path, body: (first, {}) if "load_lora" in path else original(path, body)
    with pytest.raises(
        EngineError, match=r"does not load an adapter: .*\nhint: start it with `VLLM_ALLOW_RUNTIME"
    ):
        VllmServerEngine(tiny_policy(rank=2), settings_of(server, adapter_dir=tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_a_load_whose_answer_was_lost_is_no_failure(server, tmp_path):
    original, lost = server.answer, []

    def answer(path, body):
        status, said = original(path, body)
        if path == "/v1/load_lora_adapter" and not lost:
            lost.append(body)
            return 504, {}
        return status, said

    server.answer = answer
    VllmServerEngine(tiny_policy(rank=2), settings_of(server, adapter_dir=tmp_path)).close()
    assert lost


def test_another_version_or_no_vllm_is_refused(server, tmp_path):
    server.version = "0.31.0"
    with pytest.raises(ConfigError, match=r"the server at http.* is vLLM 0.31.0, expected >=0.32,<0.34"):
        VllmServerEngine(tiny_policy(rank=2), settings_of(server))
    server.scripted = [404]
    with pytest.raises(ConfigError, match=r"is no vLLM server: .* answers 404"):
        VllmServerEngine(tiny_policy(rank=2), settings_of(server))


def test_a_cut_that_a_server_does_not_tell_is_refused(server):
    settings = RolloutConfig(engine="vllm-server", url=server.url, top_p=0.95)
    with pytest.raises(ConfigError, match=r"rollouts.top_p: 0.95 .* after this cut only"):
        VllmServerEngine(tiny_policy(rank=2), settings)
    assert not server.seen
