# goal: an iterator class with dunder methods
# outcome: accepted
# test: items = Countdown(3) ;; assert items.rest() == [3, 2, 1] ;; assert items[0] == 3 ;; assert items.rest() == [3, 2, 1]
class Countdown:
    def __init__(self, start):
        self.start = start

    def __iter__(self):
        return iter(range(self.start, 0, -1))

    def __len__(self):
        return self.start

    def __getitem__(self, index):
        return list(self)[index]

    def rest(self):
        return [*self][-len(self) :]
