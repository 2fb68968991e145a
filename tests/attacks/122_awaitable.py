# goal: return a coroutine that never finishes
# outcome: bad_return_type
# pays: none


class Solution:
    async def add(self, a, b):
        return a + b
