"""Reward functions, called as each trainer calls them."""

import asyncio
import functools
import inspect
import json
import math
from collections import defaultdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from vgrout import ConfigError, DataError, GraderError
from vgrout.grading import GradeJob, Verdict
from vgrout.integrations import RewardConfig
from vgrout.integrations import config as shared
from vgrout.integrations.openrlhf import OpenRlhfReward
from vgrout.integrations.trl import TrlReward
from vgrout.integrations.verifiers import RubricReward, TaskReward
from vgrout.integrations.verl import VerlScore, compute_score
from vgrout.policy.tiny_model import byte_tokenizer, tiny_model

TESTS = ["assert Solution().twice(n = 2) == 4", "assert Solution().twice(n = 5) == 10"]
RIGHT = "```python\nclass Solution:\n    def twice(self, n):\n        return 2 * n\n```"
WRONG = "```python\nclass Solution:\n    def twice(self, n):\n        return 0\n```"
BROKEN = "```python\nclass Solution:\n```"
RIGGED = "```python\nclass Solution:\n    def twice(self, n):\n        return n\n    valid = True\n```"
ONE = RewardConfig(workers=1)


class LosesOne:
    """A grader whose machinery fails on the jobs named, and grades the rest."""

    def __init__(self, lost: set[int]) -> None:
        self.lost = lost

    def grade(self, jobs: list[GradeJob]) -> list[Verdict]:
        verdicts = list(REAL_GRADER(ONE).grade(jobs))
        partial = [None if index in self.lost else verdict for index, verdict in enumerate(verdicts)]
        raise GraderError(f"{len(self.lost)} of {len(jobs)} rollouts have no verdict", partial)


REAL_GRADER = shared.process_grader


@pytest.fixture
def loses_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared, "process_grader", lambda _: LosesOne({0}))


def trl_call(function: Any, completions: list[Any], **columns: list[Any]) -> tuple[Any, dict, dict]:
    """As `GRPOTrainer._calculate_rewards` calls a synchronous function."""
    extra, metrics = defaultdict(list), defaultdict(list)
    rewards = function(
        prompts=["p"] * len(completions),
        completions=completions,
        completion_ids=[[1, 2]] * len(completions),
        **columns,
        trainer_state=SimpleNamespace(global_step=3),
        log_extra=lambda column, values: extra[column].extend(values),
        log_metric=lambda name, value: metrics[name].append(value),
        environments=None,
    )
    return rewards, dict(extra), dict(metrics)


def test_trl_rewards_come_in_order_with_columns_as_lists() -> None:
    columns = {"tests": [TESTS] * 3, "difficulty": ["easy"] * 3}
    rewards, _, _ = trl_call(TrlReward(ONE), [RIGHT, WRONG, BROKEN], **columns)
    assert rewards == [3.5, 0.5, 0.0]


def test_trl_reads_the_benchmarks_columns_and_each_rows_mode() -> None:
    columns = {
        "gt_answer": [TESTS] * 3,
        "func_name": ["Solution().twice"] * 3,
        "setup_code": [""] * 3,
        "mode": ["sentinel", "gt_only", "sentinel"],
        "marker": [None, None, "endorsed"],
    }
    rewards, extra, metrics = trl_call(TrlReward(ONE), [RIGGED] * 3, **columns)
    assert rewards == [3.5, 0.5, 0.5]
    assert extra["vgrout_reward/exploited"] == [True, False, False]
    assert metrics["vgrout_reward/exploited"] == [pytest.approx(1 / 3)]


def test_trl_grades_the_assistants_last_message_of_a_conversation() -> None:
    tool = {"role": "tool", "content": RIGHT}
    completions = [
        [{"role": "assistant", "content": RIGHT}],
        [{"role": "assistant", "content": RIGHT}, tool, {"role": "assistant", "content": WRONG}],
        [{"role": "assistant", "content": [{"type": "text", "text": RIGHT}]}],
        [{"role": "assistant", "content": None, "tool_calls": []}, tool],
    ]
    rewards, _, _ = trl_call(TrlReward(ONE), completions, tests=[TESTS] * 4)
    assert rewards == [3.5, 0.5, 3.5, 0.0]


def test_trl_leaves_out_what_the_machinery_lost(loses_first: None) -> None:
    rewards, extra, metrics = trl_call(TrlReward(ONE), [RIGHT, RIGHT], tests=[TESTS] * 2)
    assert rewards == [None, 3.5]
    assert extra["vgrout_reward/outcome"] == [None, "accepted"]
    assert metrics["vgrout_reward/machinery_failures"] == [1.0]


def test_trl_raises_when_the_machinery_lost_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared, "process_grader", lambda _: LosesOne({0, 1}))
    with pytest.raises(GraderError, match="all 2 completions"):
        trl_call(TrlReward(ONE), [RIGHT, RIGHT], tests=[TESTS] * 2)


def test_trl_gives_none_to_rows_of_other_tasks() -> None:
    rewards, _, _ = trl_call(TrlReward(ONE), ["42", RIGHT], tests=[None, TESTS])
    assert rewards == [None, 3.5]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"tests": [TESTS]}, "tests: has 1 entries, expected one per prompt, 2"),
        ({"answer": ["4", "4"]}, "no column `tests` among"),
        ({"tests": [TESTS, ["print(1"]]}, "row 1: "),
        ({"tests": [TESTS, TESTS], "mode": ["gt_only", "gt"]}, "row 1: .*gt"),
    ],
)
def test_trl_refuses_rows_it_cannot_grade(columns: dict[str, list[Any]], message: str) -> None:
    with pytest.raises(DataError, match=message):
        trl_call(TrlReward(ONE), [RIGHT, RIGHT], **columns)


def test_trl_refuses_completions_of_another_length() -> None:
    with pytest.raises(DataError, match="completions: has 1 entries"):
        TrlReward(ONE)(prompts=["p", "q"], completions=[RIGHT], completion_ids=[[1]], tests=[TESTS] * 2)


def test_trl_names_the_function_and_sees_it_as_synchronous() -> None:
    function = TrlReward(RewardConfig(name="code"))
    assert function.__name__ == "code"
    assert not inspect.iscoroutinefunction(function.__call__)


def test_scores_can_be_plain_zero_or_one() -> None:
    for score, expected in (("passed", [1.0, 1.0, 0.0]), ("gt_correct", [1.0, 0.0, 0.0])):
        function = TrlReward(RewardConfig(workers=1, mode="sentinel", score=score))
        assert trl_call(function, [RIGHT, RIGGED, WRONG], tests=[TESTS] * 3)[0] == expected


@pytest.mark.parametrize(
    "truth",
    [
        TESTS,
        np.array(TESTS, dtype=object),
        json.dumps(TESTS),
        {"tests": np.array(TESTS, dtype=object), "mode": "sentinel"},
        json.dumps({"gt_answer": TESTS, "mode": "sentinel", "marker": None, "question": "…"}),
        TESTS[0],
    ],
)
def test_verl_takes_the_tests_in_every_form_of_a_ground_truth(truth: Any) -> None:
    # As `NaiveRewardManager.run_single` calls it, in a thread, through the wrapper that adds `reward_kwargs`.
    function = functools.partial(
        lambda raw, extra, **kwargs: raw(**kwargs, **extra), compute_score, {"workers": 1}
    )
    result = function(
        data_source="code",
        solution_str=RIGHT,
        ground_truth=truth,
        extra_info={"num_turns": None, "split": "train"},
    )
    assert result | {"cpu_ms": 1.0} == {
        "score": 3.5,
        "acc": 1.0,
        "passed": 1.0,
        "gt_correct": 1.0,
        "exploited": 0.0,
        "format_ok": 1.0,
        "can_compile": 1.0,
        "tests_passed_share": 1.0,
        "cpu_ms": 1.0,
        "outcome": "accepted",
    }


def test_verl_takes_what_the_ground_truth_lacks_from_extra_info() -> None:
    extra = {"mode": "sentinel", "tests": ["assert Solution().twice(n = 1) == 7"]}
    result = VerlScore(ONE)("code", RIGGED, {"tests": TESTS}, extra)
    assert (result["score"], result["exploited"]) == (3.5, 1.0)


def test_verl_reward_kwargs_are_settings() -> None:
    assert (
        VerlScore(ONE)("code", RIGGED, TESTS, {}, mode="sentinel", score="passed", preload=[])["score"] == 1.0
    )


def test_verl_diagnostics_have_the_same_keys_for_every_answer() -> None:
    keys = [list(VerlScore(ONE)("code", answer, TESTS, None)) for answer in (RIGHT, WRONG, BROKEN, "no code")]
    assert keys == [keys[0]] * 4


def test_verl_never_scores_a_failure_of_the_machinery(loses_first: None) -> None:
    with pytest.raises(GraderError):
        VerlScore(ONE)("code", RIGHT, TESTS, {})


@pytest.mark.parametrize("truth", [None, "", {}, {"mode": "gt_only"}])
def test_verl_names_the_source_of_a_row_without_tests(truth: Any) -> None:
    with pytest.raises(DataError, match="data_source 'lc': field `tests`: missing"):
        VerlScore(ONE)("lc", RIGHT, truth, {})


def test_openrlhf_gets_tensors_for_rewards_scores_and_logs() -> None:
    prompt = f"<|im_start|>user\nImprove this:\n{RIGHT}<|im_end|>\n<|im_start|>assistant\n"
    queries = [
        prompt + RIGHT + "<|im_end|>",
        prompt + WRONG,
        prompt + RIGHT[:-3] + "<|im_end|>\n<|endoftext|>",
    ]
    result = OpenRlhfReward(ONE)(queries, [prompt] * 3, [json.dumps(TESTS)] * 3)
    assert list(result) == ["rewards", "scores", "extra_logs"]
    assert torch.equal(result["rewards"], torch.tensor([3.5, 0.5, 3.5]))
    assert torch.equal(result["scores"], torch.tensor([1.0, 0.0, 1.0]))
    assert torch.equal(result["extra_logs"]["gt_correct"], torch.tensor([1.0, 0.0, 1.0]))


@pytest.mark.parametrize("query", ["<s>{prompt}{answer}", "{tail}{answer}"])
def test_openrlhf_tells_the_answer_from_a_prompt_the_tokenizer_changed(query: str) -> None:
    prompt = f"Use this as a start and correct it, please:\n{RIGHT}\nanswer: "
    text = query.format(prompt=prompt, tail=prompt[10:], answer=WRONG)
    assert OpenRlhfReward(ONE)([text], [prompt], [TESTS])["scores"].tolist() == [0.0]


def test_openrlhf_refuses_a_query_without_its_prompt() -> None:
    with pytest.raises(DataError, match="query 0: does not continue its prompt"):
        OpenRlhfReward(ONE)([RIGHT], ["Another prompt."], [TESTS])


def test_openrlhf_gives_no_reward_for_a_failure(loses_first: None) -> None:
    with pytest.raises(GraderError, match="1 of 2"):
        OpenRlhfReward(ONE)(["p" + RIGHT] * 2, ["p"] * 2, [TESTS] * 2)


class TwiceTask:
    """As a `vf.Task` with `vf.reward(TaskReward())` in its body; `vf.reward` sets attributes on its argument."""

    code = TaskReward(ONE)
    code.reward = True

    def __init__(self, **data: Any) -> None:
        self.data = SimpleNamespace(name="twice", **data)


def invoke(hook: Any, **available: Any) -> Any:
    """As verifiers calls a hook: with those of the available values that its signature names."""
    return hook(**{name: available[name] for name in inspect.signature(hook).parameters if name in available})


def test_verifiers_task_reward_is_a_bound_method_of_the_task() -> None:
    task = TwiceTask(gt_answer=tuple(TESTS), mode=None)
    trace = SimpleNamespace(last_reply=RIGHT, info={})
    assert hasattr(vars(TwiceTask)["code"], "reward")
    assert (task.code.__name__, list(inspect.signature(task.code).parameters)) == (
        "code",
        ["trace", "runtime"],
    )
    assert asyncio.run(invoke(task.code, task=task.data, trace=trace, runtime=object())) == 3.5
    assert trace.info["vgrout"]["outcome"] == "accepted"


def test_verifiers_task_reward_can_be_plugged_in_by_a_config() -> None:
    data = SimpleNamespace(idx=3, tests=TESTS)
    hook = TaskReward(ONE)
    assert asyncio.run(invoke(hook, task=data, trace=SimpleNamespace(last_reply=WRONG))) == 0.5


def test_verifiers_task_reward_raises_without_a_verdict(loses_first: None) -> None:
    with pytest.raises(GraderError):
        asyncio.run(TwiceTask(tests=TESTS).code(trace=SimpleNamespace(last_reply=RIGHT), runtime=None))


def test_verifiers_rubric_reward_reads_columns_info_and_answer() -> None:
    function = RubricReward(ONE)
    common = {"prompt": [], "completion": [{"role": "assistant", "content": RIGHT}], "state": {}, "task": "t"}
    for where in ({"tests": TESTS}, {"info": {"tests": TESTS}}, {"answer": json.dumps(TESTS)}):
        assert asyncio.run(function(**({"answer": "", "info": {}} | common | where))) == 3.5


def test_verifiers_rubric_reward_is_nan_and_an_error_without_a_verdict(loses_first: None) -> None:
    state: dict[str, Any] = {"error": None}
    assert math.isnan(asyncio.run(RubricReward(ONE)(completion=RIGHT, answer=TESTS, state=state)))
    assert isinstance(state["error"], GraderError)


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_real_trl_trainer_trains_on_these_rewards(tmp_path: Path) -> None:
    trl = pytest.importorskip("trl", reason="trl is not installed: its trainer cannot be tried")
    datasets = pytest.importorskip("datasets", reason="datasets is not installed: trl needs it")
    tokenizer = byte_tokenizer()
    rows = [{"prompt": "Write twice.", "tests": TESTS, "mode": "gt_only"}] * 2
    trainer = trl.GRPOTrainer(
        model=tiny_model(0, len(tokenizer)),
        processing_class=tokenizer,
        reward_funcs=TrlReward(ONE),
        train_dataset=datasets.Dataset.from_list(rows),
        args=trl.GRPOConfig(
            output_dir=str(tmp_path),
            max_steps=1,
            num_generations=2,
            per_device_train_batch_size=2,
            max_completion_length=8,
            logging_steps=1,
            report_to=[],
            use_cpu=True,
            bf16=False,
        ),
    )
    trainer.train()
    assert trainer.state.log_history[0]["rewards/vgrout_reward/mean"] == 0.0
    assert trainer.state.log_history[0]["vgrout_reward/machinery_failures"] == 0.0


def test_verl_refuses_what_looks_like_a_setting_and_passes_its_own_entries_over() -> None:
    call = VerlScore(ONE)
    assert call("x", RIGHT, TESTS, None, reward_router_address="here")["score"] == 3.5
    with pytest.raises(ConfigError, match="'scor' is no setting\nhint: `score` is meant"):
        call("x", RIGHT, TESTS, None, scor="passed")


def test_the_last_complete_answer_counts_unless_the_config_says_otherwise() -> None:
    thinking = f"<think>\n{WRONG.removesuffix('```')}\nno\n</think>\n{RIGHT}\nso\n```\n4\n```"
    assert TrlReward(ONE)(prompts=["p"], completions=[thinking], completion_ids=[[1]], tests=[TESTS]) == [3.5]
    for extract, code, reward in [
        ("joined", thinking, 0.0),
        ("raw", RIGHT.strip("`").removeprefix("python"), 3.5),
    ]:
        function = TrlReward(RewardConfig(workers=1, extract=extract))
        assert function(prompts=["p"], completions=[code], completion_ids=[[1]], tests=[TESTS]) == [reward]
    script = RIGHT.replace("\n```", "\nif '__main__' == __name__:\n    input()\n```")
    function = TrlReward(RewardConfig(workers=1, run_main=False))
    assert function(prompts=["p"], completions=[script], completion_ids=[[1]], tests=[TESTS]) == [3.5]


@pytest.mark.parametrize(
    ("settings", "field"),
    [({"workers": 0}, "workers"), ({"preload": "math"}, "preload"), ({"extract": "all"}, "extract")],
)
def test_settings_out_of_range_are_refused_by_name(settings: dict[str, Any], field: str) -> None:
    with pytest.raises(ConfigError, match=f"^{field}: "):
        RewardConfig(**settings)


def test_a_reward_without_a_name_is_refused():
    with pytest.raises(ConfigError, match="name: '' has fewer characters than 1"):
        RewardConfig(name="")
