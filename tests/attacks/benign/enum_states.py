# goal: Enum, IntFlag, auto and StrEnum inside, plain values out
# outcome: accepted
# test: Solution().lights(steps=4) == (['RED', 'GREEN', 'AMBER', 'RED'], 6, 1)
import enum


class Light(enum.Enum):
    RED = enum.auto()
    GREEN = enum.auto()
    AMBER = enum.auto()

    def next(self):
        order = list(Light)
        return order[(order.index(self) + 1) % len(order)]


class Right(enum.IntFlag):
    READ = 4
    WRITE = 2


class Solution:
    def lights(self, steps):
        light, seen = Light.RED, []
        for _ in range(steps):
            seen.append(light.name)
            light = light.next()
        return seen, (Right.READ | Right.WRITE).value, Light["RED"].value
