"""One grader a process: across threads, event loops, forks and pickles."""

import asyncio
import multiprocessing
import os
import pickle
import subprocess
import sys
import threading
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from typing import Any

import pytest

from vgrout import ConfigError
from vgrout.integrations import RewardConfig
from vgrout.integrations import config as shared
from vgrout.integrations.openrlhf import OpenRlhfReward
from vgrout.integrations.openrlhf import reward_func as openrlhf_reward
from vgrout.integrations.trl import TrlReward
from vgrout.integrations.trl import reward_func as trl_reward
from vgrout.integrations.verifiers import RubricReward, TaskReward, reward, rubric_reward
from vgrout.integrations.verl import VerlScore, compute_score

TESTS = ["assert Solution().twice(n = 2) == 4"]
ANSWERS = [
    f"```python\nclass Solution:\n    def twice(self, n):\n        return {k} * n\n```" for k in (1, 2, 3)
]
CONFIG = RewardConfig(workers=2, name="code", preload=("decimal",), cpu_s=2.5)


def score(answer: str) -> float:
    return float(VerlScore(CONFIG)("code", answer, TESTS, {})["score"])


def test_callers_on_many_threads_share_one_grader() -> None:
    with ThreadPoolExecutor(16) as threads:
        graders = set(threads.map(lambda _: id(shared.process_grader(CONFIG)), range(64)))
        scores = list(threads.map(score, ANSWERS * 8))
    assert len(graders) == 1
    assert scores == [0.5, 3.5, 0.5] * 8


def test_configs_that_only_pay_differently_share_a_grader() -> None:
    paid = RewardConfig(workers=2, preload=("decimal",), cpu_s=2.5, score="passed", mode="sentinel")
    assert shared.process_grader(paid) is shared.process_grader(CONFIG)
    assert shared.process_grader(RewardConfig(workers=1)) is not shared.process_grader(CONFIG)


def test_event_loops_of_several_threads_can_call_at_once() -> None:
    async def several() -> list[float]:
        call = RubricReward(CONFIG)
        return list(await asyncio.gather(*(call(completion=answer, answer=TESTS) for answer in ANSWERS)))

    with ThreadPoolExecutor(3) as threads:
        assert list(threads.map(lambda _: asyncio.run(several()), range(3))) == [[0.5, 3.5, 0.5]] * 3


def test_event_loop_goes_on_while_an_answer_is_graded() -> None:
    slow = "```python\nimport time\nclass Solution:\n    def twice(self, n):\n        time.sleep(.2)\n        return 4\n```"

    async def ticks() -> int:
        grading = asyncio.create_task(RubricReward(CONFIG)(completion=slow, answer=TESTS))
        count = 0
        while not grading.done():
            await asyncio.sleep(0.01)
            count += 1
        assert await grading == 3.5
        return count

    assert asyncio.run(ticks()) >= 5


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_forked_child_starts_its_own_grader_and_leaves_the_parents_alone() -> None:
    parents = shared.process_grader(CONFIG)
    with multiprocessing.get_context("fork").Pool(1) as pool:
        assert pool.map(score, ANSWERS) == [0.5, 3.5, 0.5]
    assert shared.process_grader(CONFIG) is parents
    assert [score(answer) for answer in ANSWERS] == [0.5, 3.5, 0.5]


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_fork_while_another_thread_holds_the_lock_does_not_hang_the_child() -> None:
    held, release = threading.Event(), threading.Event()

    def hold() -> None:
        with shared._graders._lock:
            held.set()
            release.wait(30)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(30)
    child = os.fork()
    if child == 0:
        os._exit(0 if score(ANSWERS[1]) == 3.5 else 1)
    try:
        assert os.waitpid(child, 0)[1] == 0
    finally:
        release.set()
        thread.join()


def test_spawned_process_grades_with_a_pickled_function() -> None:
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        result = pool.submit(VerlScore(CONFIG), "code", ANSWERS[1], TESTS, {}).result(60)
    assert (result["score"], result["outcome"]) == (3.5, "accepted")


@pytest.mark.parametrize(
    "function",
    [
        TrlReward(CONFIG),
        VerlScore(CONFIG),
        OpenRlhfReward(CONFIG, end_tokens=("<end>",)),
        RubricReward(CONFIG),
        trl_reward,
        compute_score,
        openrlhf_reward,
        rubric_reward,
    ],
)
def test_functions_survive_pickling(function: Any) -> None:
    assert pickle.loads(pickle.dumps(function)) == function


def test_task_reward_survives_pickling_with_its_name() -> None:
    copy = pickle.loads(pickle.dumps(TaskReward(CONFIG)))
    assert (copy.config, copy.__name__, reward.config) == (CONFIG, "code", RewardConfig())


@pytest.mark.parametrize(
    ("setting", "field"),
    [
        ({"mode": "gt"}, "mode"),
        ({"score": "correct"}, "score"),
        ({"min_level": "vm"}, "min_level"),
        ({"cpu_s": 0.0}, "cpu_s"),
    ],
)
def test_settings_out_of_range_are_refused_by_name(setting: dict[str, Any], field: str) -> None:
    with pytest.raises(ValueError, match=field):
        RewardConfig(**setting)
    assert issubclass(ConfigError, ValueError)


def test_modules_import_neither_torch_nor_a_trainer() -> None:
    code = (
        "import sys\nfrom vgrout.integrations import trl, verl, verifiers, openrlhf\n"
        "print(sorted({'torch', 'transformers', 'trl', 'verl', 'verifiers', 'openrlhf'} & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout == "[]\n"
