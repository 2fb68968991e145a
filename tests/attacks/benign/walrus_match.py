# goal: walrus, match statements with patterns and guards, unpacking
# outcome: accepted
# test: Solution().read(commands=[["push", 3], ["push", 4], ["add"], ["none", 1, 2], {"op": "neg"}]) == [('none', 2), ('first=-43', 1)]
class Solution:
    def read(self, commands):
        stack, log = [], []
        for command in commands:
            match command:
                case ["push", int(value)] if value > 3:
                    stack.append(value * 10)
                case ["push", value]:
                    stack.append(value)
                case ["add"]:
                    stack.append(stack.pop() + stack.pop())
                case {"op": "neg", **rest}:
                    stack.append(-stack.pop())
                case [name, *others]:
                    log.append((name, len(others)))
        if (size := len(stack)) == 1:
            first, *_ = stack
            log.append((f"{first=}", size))
        return log
