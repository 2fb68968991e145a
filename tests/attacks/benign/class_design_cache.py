# goal: a sequence of calls on one object
# outcome: accepted
# test: cache = LRUCache(2) ;; cache.put(1, 1) ;; cache.put(2, 2) ;; assert cache.get(1) == 1 ;; cache.put(3, 3) ;; assert cache.get(2) == -1
# test: cache = LRUCache(1) ;; assert cache.get(5) == -1
class LRUCache:
    def __init__(self, capacity: int):
        self.capacity, self.held = capacity, OrderedDict()

    def get(self, key: int) -> int:
        if key not in self.held:
            return -1
        self.held.move_to_end(key)
        return self.held[key]

    def put(self, key: int, value: int) -> None:
        self.held[key] = value
        self.held.move_to_end(key)
        if len(self.held) > self.capacity:
            self.held.popitem(last=False)
