# goal: names of the default prelude, without imports
# outcome: accepted
# test: Solution().mix(nums=[3, 1, 2]) == {'smallest': 1, 'sum': 10, 'at': 2, 'root': 12, 'letters': 30, 'power': 24}
class Solution:
    def mix(self, nums: List[int]) -> Dict[str, int]:
        counts: DefaultDict[int, int] = defaultdict(int)
        for number in nums:
            counts[number] += 1
        heapify(nums)
        smallest = heappop(nums)
        return {
            "smallest": smallest,
            "sum": reduce(lambda a, b: a + b, accumulate([1, 2, 3])),
            "at": bisect_left([1, 2, 4], 3),
            "root": int(sqrt(16)) + floor(2.7) + gcd(12, 18),
            "letters": len(ascii_lowercase) + len(list(product("ab", repeat=2))),
            "power": pow(2, 10, 1000),
        }
