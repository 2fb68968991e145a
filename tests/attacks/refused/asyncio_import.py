# goal: asyncio
# outcome: runtime_error
# detail: ModuleNotFoundError: No module named 'asyncio'
import asyncio


class Solution:
    def add(self, a, b):
        async def total():
            return a + b

        return asyncio.run(total())
