# goal: dataclasses with order, field, frozen, slots and post-init
# outcome: accepted
# test: Solution().schedule(jobs=[[3, "c"], [1, "a"], [2, "b"]]) == ([{'priority': 1, 'name': 'a', 'tags': ['A']}, {'priority': 2, 'name': 'b', 'tags': ['B']}, {'priority': 3, 'name': 'c', 'tags': ['C']}], (2, 7))
from dataclasses import asdict, astuple, dataclass, field, replace


@dataclass(order=True)
class Job:
    priority: int
    name: str = field(compare=False)
    tags: list[str] = field(default_factory=list, compare=False)

    def __post_init__(self):
        self.tags.append(self.name.upper())


@dataclass(frozen=True, slots=True)
class Pair:
    left: int
    right: int = 7


class Solution:
    def schedule(self, jobs):
        ordered = sorted(Job(*job) for job in jobs)
        pair = replace(Pair(1), left=2)
        return [asdict(job) for job in ordered], astuple(pair)
