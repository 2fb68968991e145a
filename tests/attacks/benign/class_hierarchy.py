# goal: abstract bases, super, properties, class and static methods, mixins
# outcome: accepted
# test: Solution().areas() == ([4, 1], '4!', 2, 'shape', True)
from abc import ABC, abstractmethod


class Shape(ABC):
    made = 0

    def __init__(self):
        type(self).made += 1

    @property
    @abstractmethod
    def area(self): ...

    @classmethod
    def unit(cls):
        return cls(1)

    @staticmethod
    def name():
        return "shape"


class Loud:
    def shout(self):
        return f"{self.area}!"


class Square(Loud, Shape):
    def __init__(self, side):
        super().__init__()
        self.side = side

    @property
    def area(self):
        return self.side**2


class Solution:
    def areas(self):
        squares = [Square(2), Square.unit()]
        try:
            Shape()
        except TypeError:
            abstract = True
        return [s.area for s in squares], squares[0].shout(), Square.made, Shape.name(), abstract
