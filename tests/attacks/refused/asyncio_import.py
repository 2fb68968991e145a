# goal: asyncio
# outcome: runtime_error
# detail: PermissionError
import asyncio


class Solution:
    def add(self, a, b):
        async def total():
            return a + b

        return asyncio.run(total())
