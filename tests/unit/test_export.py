"""A run's policy as files: loaded by others it is the same model, and a run goes on from it."""

import json
import re
import resource
import signal
import subprocess
import sys

import pytest
import torch
from transformers import AutoModelForCausalLM

from tiny import tiny_config, tiny_policy, tiny_run
from vgrout.adapters import export_ablated, export_full, exported_deltas
from vgrout.artifacts import CHECKPOINT
from vgrout.cli import main
from vgrout.errors import DataError
from vgrout.train import checkpoint

IDS = torch.arange(3, 27)[None]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    path = tmp_path_factory.mktemp("runs") / "absorb"
    return tiny_run(tiny_config(path, intervention="absorb", steps=2, optim__lr=3e-2))


def logits(trained, quarantine):
    """Of the policy that the run ended with."""
    policy = tiny_policy(rank=trained.config.adapter.rank)
    policy.adapter.load_state_dict(dict(checkpoint.load(trained.run_dir / CHECKPOINT).adapter))
    with torch.no_grad(), policy.adapter.ablated(quarantine):
        return policy.model(IDS).logits


@pytest.mark.parametrize(("policy", "quarantine"), [("deployed", 0.0), ("full", 1.0)])
def test_peft_loads_the_policy(trained, tmp_path, capsys, policy, quarantine):
    peft = pytest.importorskip("peft")
    out = tmp_path / "out"
    assert main(["export", str(trained.run_dir), "--policy", policy, "--out", str(out)]) == 0
    assert f"{policy} policy after step 2: a LoRA of rank" in capsys.readouterr().out
    base = tiny_policy(rank=2)
    base.adapter.detach()
    loaded = peft.PeftModel.from_pretrained(base.model, out).eval()
    with torch.no_grad():
        torch.testing.assert_close(loaded(IDS).logits, logits(trained, quarantine), rtol=1e-4, atol=1e-4)
    assert not torch.allclose(logits(trained, 0.0), logits(trained, 1.0), atol=1e-3)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_merged_model_is_the_policy_and_says_how_far_it_is(trained, tmp_path, capsys, dtype):
    out = tmp_path / "out"
    assert main(["export", str(trained.run_dir), "--out", str(out), "--merge", "--dtype", dtype]) == 0
    said = capsys.readouterr().out
    whole = AutoModelForCausalLM.from_pretrained(out, dtype=getattr(torch, dtype)).eval()
    assert whole.dtype == getattr(torch, dtype)
    with torch.no_grad():
        gap = (whole(IDS).logits.float() - logits(trained, 0.0)).abs().max()
    assert gap < {"float32": 1e-4, "bfloat16": 0.1}[dtype]
    largest = float(said.partition("max ")[2].split()[0])
    assert largest < 1e-3 if dtype == "float32" else 1e-3 < largest < 0.5
    assert "on 8 answers" in said
    assert said.partition("trained: ")[2].strip() in (out / "README.md").read_text()
    assert all(file.stat().st_mode & 0o044 for file in out.iterdir())


def test_the_card_has_the_runs_own_results(trained, tmp_path):
    out = tmp_path / "out"
    assert main(["export", str(trained.run_dir), "--out", str(out)]) == 0
    card = (out / "README.md").read_text()
    found = json.loads((trained.run_dir / "eval.json").read_text())["deployed"]
    for name in ("hack", "solve_hinted", "solve_plain"):
        assert f"| {found[name]['count']} of {found[name]['n']} |" in card
    assert "without its quarantine" in card
    assert "arm `absorb`" in card
    assert "after step 2 of 2" in card


def test_what_deploys_both_blocks_is_exported_with_both(tmp_path):
    run = tiny_run(tiny_config(tmp_path / "run", intervention="none-full", steps=1))
    assert main(["export", str(run.run_dir), "--out", str(tmp_path / "out")]) == 0
    config = json.loads((tmp_path / "out" / "adapter_config.json").read_text())
    assert config["r"] == 4 * run.config.adapter.rank
    assert "with both blocks" in (tmp_path / "out" / "README.md").read_text()


def test_nothing_is_written_over_and_nothing_half(trained, tmp_path, capsys):
    out = tmp_path / "out"
    out.mkdir()
    (out / "kept").write_text("x")
    assert main(["export", str(trained.run_dir), "--out", str(out)]) == 2
    assert "give a new folder" in capsys.readouterr().err
    assert [file.name for file in out.iterdir()] == ["kept"]
    assert main(["export", str(tmp_path / "nowhere"), "--out", str(tmp_path / "other")]) == 2
    assert sorted(file.name for file in tmp_path.iterdir()) == ["out"]


def test_a_hub_that_cannot_be_reached_leaves_the_files(trained, tmp_path, capsys, monkeypatch):
    calls = []

    class Api:
        def create_repo(self, repository, **options):
            calls.append((repository, options))

        def upload_folder(self, *, repo_id, folder_path):
            if repo_id == "me/broken":
                raise OSError("no route")
            return f"hub:{repo_id}"

    monkeypatch.setattr("huggingface_hub.HfApi", Api)
    arguments = ["export", str(trained.run_dir), "--out"]
    assert main([*arguments, str(tmp_path / "a"), "--push-to-hub", "me/model"]) == 0
    assert "pushed: hub:me/model" in capsys.readouterr().out
    assert calls == [("me/model", {"exist_ok": True, "private": True})]
    assert main([*arguments, str(tmp_path / "b"), "--push-to-hub", "me/broken"]) == 1
    error = capsys.readouterr().err
    assert "no route" in error
    assert "hf upload me/broken" in error
    assert (tmp_path / "b" / "adapter_model.safetensors").is_file()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_an_export_read_back_is_the_adapter(tmp_path, dtype):
    policy = tiny_policy(noise=0.05)
    export_full(policy.adapter, tmp_path / "full", dtype=dtype)
    export_ablated(policy.adapter, tmp_path / "ablated", dtype=dtype)
    own = policy.adapter.state_dict()["deltas"]
    for name, value in exported_deltas(policy.adapter, tmp_path / "full").items():
        torch.testing.assert_close(value, own[name], rtol=0.01, atol=0.0 if dtype == torch.float32 else 1e-3)
    for name, value in exported_deltas(policy.adapter, tmp_path / "ablated").items():
        assert not value.any() if "_quarantine" in name else torch.allclose(value, own[name], rtol=0.01)
    other = tiny_policy(rank=2)
    with pytest.raises(DataError, match="not of this adapter's rank, seed or form"):
        exported_deltas(other.adapter, tmp_path / "full")
    (tmp_path / "full" / "adapter_model.safetensors").write_bytes(b"no such thing")
    with pytest.raises(DataError, match="cannot be read"):
        exported_deltas(policy.adapter, tmp_path / "full")


def test_a_run_goes_on_from_an_export(trained, tmp_path):
    out = tmp_path / "out"
    assert main(["export", str(trained.run_dir), "--policy", "full", "--out", str(out)]) == 0
    run = tiny_run(
        tiny_config(tmp_path / "on", intervention="absorb", steps=1, start_from=out, optim__lr=1e-12)
    )
    old, new = (
        checkpoint.load(path / CHECKPOINT).adapter["deltas"] for path in (trained.run_dir, run.run_dir)
    )
    assert any(value.any() for name, value in new.items() if "_quarantine" in name)
    for name, value in new.items():
        torch.testing.assert_close(value, old[name], rtol=0, atol=1e-8)
    with pytest.raises(DataError, match="rank, seed or form"):
        tiny_run(tiny_config(tmp_path / "other", seed=5, start_from=out))


@pytest.mark.parametrize("init", ["gaussian", "corda"])
def test_a_run_on_a_bfloat16_base_is_merged(tmp_path, capsys, init):
    config = tiny_config(tmp_path / "run", base__dtype="bfloat16", adapter__init=init, steps=2)
    run = tiny_run(config).run_dir
    assert main(["export", str(run), "--out", str(tmp_path / "out"), "--merge", "--dtype", "float32"]) == 0
    said = capsys.readouterr().out
    assert float(re.search(r"mean \S+, max (\S+) nats", said)[1]) < 1e-3


@pytest.mark.parametrize("merge", [[], ["--merge"]])
def test_a_full_disk_is_said_in_two_lines_and_leaves_nothing(trained, tmp_path, merge):
    out = tmp_path / "out"
    command = [sys.executable, "-m", "vgrout", "export", str(trained.run_dir), "--out", str(out), *merge]

    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (8 << 10, 8 << 10))

    done = subprocess.run(command, capture_output=True, text=True, preexec_fn=limit, check=False)
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    assert re.search(r"error: .*out: cannot be written: .*too large", done.stderr, re.IGNORECASE)
    assert not list(tmp_path.iterdir())
