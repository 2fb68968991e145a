"""The named sweeps as data."""

from collections import Counter
from dataclasses import replace

import pytest

from vgrout.config import validate
from vgrout.errors import ConfigError
from vgrout.presets import PRESETS
from vgrout.sweep.definitions import DEFINITIONS, make_plan
from vgrout.sweep.jobs import jobs_of
from vgrout.sweep.plans import ARMS, HAAR, NO_LOOPHOLE, haar_draw, make_cell

MODES = ("run_tests", "sentinel", "stdout_marker", "file_marker")
TUNING_SEEDS = range(10)


def plan(name: str, preset: str = "organism", **options):
    return make_plan(name, preset, modes=MODES, **options)


def test_decision_is_every_arm_and_24_draws_on_eight_fresh_seeds() -> None:
    made = plan("decision")
    assert made.seeds == tuple(range(101, 109))
    assert Counter(cell.arm for cell in made.cells) == {arm: 24 if arm == HAAR else 8 for arm in ARMS}
    draws = [cell.draw for cell in made.cells if cell.draw is not None]
    assert len(set(draws)) == len(draws) == 24


def test_decision_halves_its_seeds_over_two_warm_starts() -> None:
    cells = plan("decision").cells
    models = {cell.seed: cell.model for cell in cells}
    assert Counter(models.values()) == {"organism": 4, "organism-1": 4}
    assert all(cell.model == models[cell.seed] for cell in cells), "arms of a seed share their warm start"
    assert {cell.model for cell in plan("decision", "smoke").cells} == {None}


def test_first_effect_is_three_arms_on_three_seeds() -> None:
    made = plan("first-effect")
    assert Counter(cell.arm for cell in made.cells) == {"none": 3, "haar": 3, "routeA": 3}
    assert [cell.name for cell in made.cells[:3]] == ["none-s201", "haar201000-s201", "routeA-s201"]


def test_flags_of_a_cell_are_its_whole_difference_from_the_preset() -> None:
    assert make_cell(NO_LOOPHOLE, 3, model="m").flags == (
        "--intervention", "none", "--env.unhackable-share", "1", "--model", "m", "--seed", "3",
    )  # fmt: skip
    assert make_cell(HAAR, 3, draw=haar_draw(3, 1)).flags == (
        "--intervention", "routeA", "--routeA-random-v-seed", "3001", "--seed", "3",
    )  # fmt: skip
    with pytest.raises(ConfigError, match="needs the seed of its draw"):
        make_cell(HAAR, 3)


@pytest.mark.parametrize("name", DEFINITIONS)
def test_no_plan_reports_a_tuning_seed_or_another_sweeps(name: str) -> None:
    seeds = set(plan(name).seeds)
    assert not seeds & set(TUNING_SEEDS)
    assert not seeds & {seed for other in DEFINITIONS if other != name for seed in plan(other).seeds}


@pytest.mark.parametrize("name", DEFINITIONS)
def test_names_are_unique_and_waited_for_runs_come_first(name: str) -> None:
    before: set[str] = set()
    for job in jobs_of(plan(name)):
        assert job.name not in before
        assert before.issuperset(job.after)
        before.add(job.name)


def test_runs_of_one_arm_differ_in_seed_draw_and_model_only() -> None:
    per_cell = {"--seed", "--model", "--routeA-random-v-seed", "--start-from"}
    for name in DEFINITIONS:
        settings: dict[str, set[tuple[tuple[str, str], ...]]] = {}
        for cell in plan(name).cells:
            pairs = zip(cell.flags[::2], cell.flags[1::2], strict=True)
            settings.setdefault(cell.arm, set()).add(tuple(pair for pair in pairs if pair[0] not in per_cell))
        assert {arm for arm, found in settings.items() if len(found) > 1} == set()


def test_studies_fit_three_hours_on_two_cores() -> None:
    made = plan("studies")
    assert 100 <= len(made.cells) <= 150
    assert len(made.cells) * 70 / 2 < 3 * 3600


def test_studies_leave_out_each_mode_and_relearn_from_reference_runs() -> None:
    cells = plan("studies").cells
    names = {cell.name for cell in cells}
    left_out = {cell.flags[cell.flags.index("--gate.leave-out-mode") + 1] for cell in cells if "--gate.leave-out-mode" in cell.flags}  # fmt: skip
    assert left_out == set(MODES)
    relearning = [cell for cell in cells if "--start-from" in cell.flags]
    assert len(relearning) == 20
    for cell in relearning:
        (needed,) = cell.after
        assert needed in names
        assert cell.flags[-1] == f"{{runs}}/{needed}"


def test_deploy_share_of_the_preset_is_not_run_twice() -> None:
    usual = PRESETS["smoke"][1].rollouts.deploy_share
    shares = {
        cell.flags[cell.flags.index("--rollouts.deploy-share") + 1]
        for cell in plan("studies", "smoke").cells
        if "--rollouts.deploy-share" in cell.flags
    }
    assert shares == {"0.25", "0.5", "0.75", "1"} - {f"{usual:g}"}


@pytest.mark.parametrize(
    ("sweep", "extra"),
    [
        ("first-effect", ("--seed", "7")),
        ("first-effect", ("--routeA_random_v_seed=5",)),
        ("first-effect", ("--run-dir", "x")),
        ("decision", ("--model", "x")),
        ("studies", ("--rollouts.deploy-share", "0.5")),
    ],
)
def test_flags_that_the_sweep_sets_itself_are_refused(sweep: str, extra: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError, match=f"^-- {extra[0]}: the sweep sets that itself"):
        make_plan(sweep, "organism", modes=(), extra=extra)
    assert make_plan("first-effect", "organism", modes=(), extra=("--model", "x")).extra == ("--model", "x")


def test_number_of_seeds_counts_on_from_the_first() -> None:
    assert plan("first-effect", seeds=5).seeds == (201, 202, 203, 204, 205)
    assert plan("decision", seeds=2).seeds == (101, 102)
    with pytest.raises(ConfigError, match="--seeds: 0 is below 1"):
        plan("decision", seeds=0)
    with pytest.raises(ConfigError, match="rivals is not one of first-effect, decision, studies, remedies"):
        plan("rivals")


def test_remedies_are_trained_alike_and_directions_have_their_placebo() -> None:
    from vgrout.commands.train import parse_config

    made = make_plan("remedies", "organism", modes=MODES, seeds=1)
    assert len(made.cells) == 15
    configs = {cell.name: parse_config("organism", cell.flags) for cell in made.cells}
    assert {config.seed for config in configs.values()} == {401}
    for config in configs.values():
        assert config.steps == 60
        assert config.rollouts == configs["none-s401"].rollouts
        if config.remedy.name.startswith("advantage-") and config.routeA_random_v_seed is None:
            other = replace(config, routeA_random_v_seed=401000)
            assert other in configs.values()


def test_flags_of_first_effect_are_flags_of_train() -> None:
    from vgrout.commands.train import parse_config

    made = make_plan("first-effect", "smoke", modes=MODES)
    for cell in made.cells[:3]:
        config = parse_config("smoke", cell.flags)
        validate(config)
        assert (config.seed, config.routeA_random_v_seed) == (cell.seed, cell.draw)
