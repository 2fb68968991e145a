"""The draw of a step's prompts."""

from collections.abc import Sequence

from vgrout.config import TrainConfig
from vgrout.env.prompts import rotating_slots
from vgrout.env.stable import stable_order
from vgrout.errors import ConfigError
from vgrout.policy.showings import Task
from vgrout.train.phases import PromptBatch


class PromptSource:
    """Draws each step's prompts; a draw depends on the seed and the step alone, so it has no state to restore."""

    def __init__(self, tasks: Sequence[Task], config: TrainConfig, deploy_share: float) -> None:
        """Draw from `tasks`; `deploy_share` of the groups come from the policy without quarantine.

        Raises:
            ConfigError: a step asks for more prompts than there are.
        """
        self._tasks = {task.problem.id: task for task in tasks}
        self._config = config
        self._deploy_share = deploy_share
        self._epoch = (-1, [""])
        if config.rollouts.prompts_per_step > len(tasks):
            raise ConfigError(
                f"rollouts.prompts_per_step: {config.rollouts.prompts_per_step} is above the "
                f"{len(tasks)} training problems\nhint: lower `--rollouts.prompts-per-step`, or give more problems with `--data`"
            )

    def draw(self, step: int) -> PromptBatch:
        """Give the prompts of the `step`-th step, counted from 1.

        Every epoch is a seeded order of all problems; a step takes the next P of it and goes on into the next
        epoch where one ends.
        """
        count, seed = self._config.rollouts.prompts_per_step, self._config.seed
        plain = rotating_slots("unhackable", step - 1, count, self._config.env.unhackable_share, seed)
        return PromptBatch(
            step=step,
            showings=tuple(
                self._task((step - 1) * count + place).showing(hackable=not slot)
                for place, slot in enumerate(plain)
            ),
            ablated=rotating_slots("deploy", step, count, self._deploy_share, seed),
        )

    def _task(self, place: int) -> Task:
        epoch, index = divmod(place, len(self._tasks))
        if self._epoch[0] != epoch:
            self._epoch = (epoch, stable_order(self._tasks, "epoch", self._config.seed, epoch))
        return self._tasks[self._epoch[1][index]]
