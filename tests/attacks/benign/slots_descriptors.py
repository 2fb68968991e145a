# goal: slots, descriptors, metaclasses, __getattr__ and operators
# outcome: accepted
# test: Solution().vectors() == ('<4, 6>', True, ['Vector'], -1)
class Positive:
    def __set_name__(self, owner, name):
        self.name = "_" + name

    def __get__(self, instance, owner):
        return getattr(instance, self.name)

    def __set__(self, instance, value):
        if value < 0:
            raise ValueError(value)
        setattr(instance, self.name, value)


class Registry(type):
    names = []

    def __new__(mcs, name, bases, body):
        mcs.names.append(name)
        return super().__new__(mcs, name, bases, body)


class Vector(metaclass=Registry):
    __slots__ = ("_x", "_y")
    x, y = Positive(), Positive()

    def __init__(self, x, y):
        self.x, self.y = x, y

    def __add__(self, other):
        return Vector(self.x + other.x, self.y + other.y)

    def __eq__(self, other):
        return (self.x, self.y) == (other.x, other.y)

    def __repr__(self):
        return f"<{self.x}, {self.y}>"


class Solution:
    def vectors(self):
        try:
            Vector(-1, 0)
        except ValueError as error:
            refused = error.args[0]
        return repr(Vector(1, 2) + Vector(3, 4)), Vector(1, 2) == Vector(1, 2), Registry.names, refused
