"""The grader beside signals, forks, threads and event loops; each host is a process of its own."""

import json
import signal
import subprocess
import sys
import textwrap
from typing import Any

from vgrout import Grader

PRELUDE = """
import json, os, signal, sys, threading, time
from vgrout import GradeJob, Grader, GraderError, Limits

TESTS = ["assert Solution().add(1, 2) == 3", "assert Solution().add(2, 2) == 4"]

def job(body, **options):
    code = f"class Solution:\\n    def add(self, a, b):\\n        {body}"
    return GradeJob(f"```python\\n{code}\\n```", TESTS, mode="gt_only", **options)

RIGHT, WRONG, LOOP = job("return a + b"), job("return a - b"), job("while True: pass")

def children(parent):
    found = set()
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                state, of = open(f"/proc/{name}/stat").read().rpartition(")")[2].split()[:2]
            except OSError:
                continue
            if int(of) == parent and state != "Z":
                found.add(int(name))
    return found

def rollouts():
    return {child for broker in children(os.getpid()) for zygote in children(broker) for child in children(zygote)}

def wait_until(holds):
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.002)

def outcomes(batch):
    return [verdict.outcome for verdict in batch]

def say(**facts):
    print(json.dumps(facts), flush=True)
"""


def host(script: str) -> dict[str, Any]:
    """Run a host of its own session to its end; what it said last."""
    program = PRELUDE + textwrap.dedent(script)
    ended = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        capture_output=True,
        text=True,
        timeout=120,
        start_new_session=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    facts: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    return facts


def test_ctrl_c_ends_every_child_at_once_and_leaves_a_usable_grader() -> None:
    facts = host("""
        grader = Grader(workers=2, limits=Limits(cpu_s=60.0, wall_s=60.0))
        took = []
        for _ in range(3):
            def press():
                wait_until(lambda: len(rollouts()) == 2)
                took.append(time.monotonic())
                os.killpg(0, signal.SIGINT)  # as a terminal does it: to the whole process group
            presser = threading.Thread(target=press)
            presser.start()
            try:
                grader.grade([LOOP] * 20)
            except KeyboardInterrupt:
                took[-1] = time.monotonic() - took[-1]
                left = len(rollouts())
            presser.join()
        say(took=took, left=left, after=outcomes(grader.grade([RIGHT])))
    """)
    assert (facts["left"], facts["after"]) == (0, ["accepted"])
    assert len(facts["took"]) == 3
    assert min(facts["took"]) < 0.15, facts  # 100 ms, and what a busy machine adds


def test_an_interruption_brings_along_what_is_graded() -> None:
    facts = host("""
        def stop(finished):
            if finished == 2:
                raise KeyboardInterrupt

        grader = Grader(workers=1, limits=Limits(cpu_s=60.0, wall_s=60.0))
        try:
            grader.grade([RIGHT, WRONG, LOOP, RIGHT], progress=stop)
        except KeyboardInterrupt as stopped:
            say(partial=[verdict and verdict.gt_correct for verdict in stopped.partial])
    """)
    assert facts == {"partial": [True, False, None, None]}


def test_the_program_of_the_broker_does_not_stand_in_the_process_table() -> None:
    facts = host("""
        grader = Grader(workers=1)
        say(shown=[open(f"/proc/{broker}/cmdline").read() for broker in children(os.getpid())])
    """)
    [shown] = facts["shown"]
    assert len(shown) < 1000, shown
    assert "class" not in shown


def test_a_callback_that_raises_ends_the_batch_with_its_error() -> None:
    facts = host("""
        class Stop(Exception):
            pass

        def stop(finished):
            raise Stop(finished)

        grader = Grader(workers=2, limits=Limits(cpu_s=60.0, wall_s=60.0))
        try:
            grader.grade([RIGHT, LOOP, LOOP], progress=stop)
        except Stop as error:
            say(finished=error.args[0], left=len(rollouts()), after=outcomes(grader.grade([RIGHT])))
    """)
    assert facts == {"finished": 1, "left": 0, "after": ["accepted"]}


def test_a_forked_child_gets_its_own_pool_and_leaves_the_parents_alone() -> None:
    facts = host("""
        grader = Grader(workers=2)
        grader.grade([RIGHT] * 4)
        before = sorted(children(os.getpid()))
        child = os.fork()
        if child == 0:
            status = 9
            try:
                own = outcomes(grader.grade([RIGHT, WRONG])) == ["accepted", "wrong_answer"]
                apart = not set(before) & children(os.getpid())
                grader.close()
                status = 0 if own and apart and not children(os.getpid()) else 1
            finally:
                os._exit(status)
        _, status = os.waitpid(child, 0)
        after = sorted(children(os.getpid()))
        say(status=status, same=before == after, batch=outcomes(grader.grade([RIGHT, WRONG])))
    """)
    assert facts == {"status": 0, "same": True, "batch": ["accepted", "wrong_answer"]}


def test_a_fork_in_the_middle_of_a_batch_changes_nothing_for_it() -> None:
    facts = host("""
        grader = Grader(workers=2)
        batch = []
        slow = job("sum(range(2000000)); return a + b")
        thread = threading.Thread(target=lambda: batch.extend(outcomes(grader.grade([slow, WRONG] * 4))))
        thread.start()
        wait_until(rollouts)
        child = os.fork()
        if child == 0:
            del grader  # a dropped copy must not end the parent's broker
            os._exit(0)
        _, status = os.waitpid(child, 0)
        thread.join()
        say(status=status, batch=batch)
    """)
    assert facts == {"status": 0, "batch": ["accepted", "wrong_answer"] * 4}


def test_a_host_that_ignores_sigchld_gets_the_same_fence_and_verdicts() -> None:
    facts = host("""
        with Grader(workers=1) as grader:
            usual = grader.fence.level
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        with Grader(workers=2) as grader:
            say(same=grader.fence.level == usual, batch=outcomes(grader.grade([RIGHT, WRONG])))
    """)
    assert facts == {"same": True, "batch": ["accepted", "wrong_answer"]}


def test_nothing_is_left_of_a_host_that_was_killed() -> None:
    program = PRELUDE + textwrap.dedent("""
        grader = Grader(workers=2, limits=Limits(cpu_s=60.0, wall_s=60.0))
        def tell():
            wait_until(lambda: len(rollouts()) == 2)
            brokers = children(os.getpid())
            zygotes = {zygote for broker in brokers for zygote in children(broker)}
            say(pids=sorted(brokers | zygotes | rollouts()))
            os.kill(os.getpid(), signal.SIGKILL)
        threading.Thread(target=tell).start()
        grader.grade([LOOP] * 4)
    """)
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=False
    )
    pids = json.loads(ended.stdout)["pids"]
    assert len(pids) == 5
    check = f"""
        def alive(pid):
            try:
                return open(f"/proc/{{pid}}/stat").read().rpartition(")")[2].split()[0] != "Z"
            except OSError:
                return False
        wait_until(lambda: not any(map(alive, {pids})))
        say(gone=True)
    """
    assert host(check) == {"gone": True}


def test_many_threads_with_one_job_each_share_the_pool() -> None:
    facts = host("""
        grader = Grader(workers=2)
        wrong = []
        start = threading.Barrier(24)
        def work(number):
            start.wait()
            for turn in range(4):
                right = (number + turn) % 2 == 0
                [outcome] = outcomes(grader.grade([RIGHT if right else WRONG]))
                if outcome != ("accepted" if right else "wrong_answer"):
                    wrong.append((number, turn, outcome))
        threads = [threading.Thread(target=work, args=(number,)) for number in range(24)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        say(wrong=wrong, brokers=len(children(os.getpid())))
    """)
    assert facts == {"wrong": [], "brokers": 1}


def test_an_event_loop_goes_on_while_a_thread_of_it_grades() -> None:
    facts = host("""
        import asyncio
        async def main(grader):
            ticks = 0
            async def tick():
                nonlocal ticks
                while True:
                    ticks += 1
                    await asyncio.sleep(0.005)
            ticker = asyncio.create_task(tick())
            slow = job("sum(range(3000000)); return a + b")
            calls = [asyncio.to_thread(grader.grade, [one]) for one in (slow, WRONG, RIGHT, slow, WRONG)]
            batches = await asyncio.gather(*calls)
            ticker.cancel()
            return ticks, [outcomes(batch)[0] for batch in batches]
        with Grader(workers=2) as grader:
            ticks, batch = asyncio.run(main(grader))
        say(ticked=ticks > 5, batch=batch)
    """)
    assert facts == {
        "ticked": True,
        "batch": ["accepted", "wrong_answer", "accepted", "accepted", "wrong_answer"],
    }


def test_closing_in_one_thread_ends_the_batch_of_another() -> None:
    facts = host("""
        grader = Grader(workers=2, limits=Limits(cpu_s=60.0, wall_s=60.0))
        said = []
        def work():
            try:
                grader.grade([RIGHT, RIGHT, LOOP, LOOP, LOOP])
            except GraderError as error:
                said.append((str(error), [verdict and verdict.outcome for verdict in error.partial]))
        thread = threading.Thread(target=work)
        thread.start()
        wait_until(lambda: len(rollouts()) == 2)
        time.sleep(0.1)
        grader.close()
        below = len(children(os.getpid()))
        thread.join()
        [(message, partial)] = said
        say(message=message, partial=partial, below=below)
    """)
    assert facts["partial"] == ["accepted", "accepted", None, None, None]
    assert "3 of 5 rollouts have no verdict" in facts["message"]
    assert "jobs[2]: the grader is closed" in facts["message"]
    assert facts["below"] == 0


def test_signals_that_come_while_a_grader_starts_are_no_silence() -> None:
    """A poll that a signal interrupts was taken for a broker that does not answer."""
    heard = []
    before = signal.signal(signal.SIGALRM, lambda *_: heard.append(1))
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.02, 0.02)
        with Grader(workers=1) as grader:
            signal.setitimer(signal.ITIMER_REAL, 0)
            assert grader.fence.level
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert heard
