# Changeable values that both ends of the exchange hold from one call to the next, as one value would be.

# Elements in all; what would be more is a copy at each call. Every message looks through them.
MOST_SHARED = 20_000
LISTED = (list, set, bytearray, _array.array, _collections.deque)
MAPPED = (*DICTS.values(), _collections.defaultdict)


def content_of(value):
    """What a changeable value consists of, in one tuple."""
    if is_one_of(type(value), MAPPED):
        return (getattr(value, "default_factory", None), *value.keys(), *value.values())
    if is_one_of(type(value), LISTED):
        return tuple(value)
    return tuple(part for pair in fields_of(value).items() for part in pair)


def references(holder, place):
    """How many there are to a value, this function's own among them."""
    value = holder[place]
    return sys.getrefcount(value)


ONE_HOLDER = references([[]], 0)


class Shared:
    # What a test handed over and the answer keeps, what came back and is still the answer's, by numbers below zero. The
    # answer's end gives a number to what it keeps, and drops it again; every message says what changed since the last.

    def __init__(self, side):
        self.side = side
        self.values, self.numbers, self.contents = {}, {}, {}
        self.size = self.last = 0

    def add(self, number, value, content=None):
        self.values[number], self.numbers[id(value)] = value, number
        self.contents[number] = content_of(value) if content is None else content

    def drop(self, number):
        value = self.values.pop(number)
        del self.contents[number]
        if self.numbers.get(id(value)) == number:
            del self.numbers[id(value)]

    def tell(self, packer):
        """Put into a message what is no longer what it was at the last."""
        for number, value in self.values.items():
            content, before = content_of(value), self.contents[number]
            if not self.side.zygote.are_same(content, before):
                self.contents[number] = content
                packer.table[number] = packer.describe(value)

    def told(self, table):
        """Note what a message changed."""
        for number in table:
            if number < 0:
                self.contents[number] = content_of(self.values[number])

    def keep(self, objects):
        """What of a message's objects somebody else holds, as pairs of place and number, and the numbers of what nobody does.

        The list, which loses the others, has to be all that holds them for the exchange. What holds others stands before
        them, but for arguments: a second look finds those.
        """
        dropped = [number for number in self.values if references(self.values, number) == ONE_HOLDER]
        for number in dropped:
            self.drop(number)
        places = range(len(objects))
        for _ in range(2):
            places = [place for place in places if self.is_kept(objects, place)]
        kept = []
        self.size = sum(map(len, self.contents.values()))
        for place in places:
            content = content_of(objects[place])
            self.size += len(content)
            if self.size > MOST_SHARED:
                break
            self.last -= 1
            self.add(self.last, objects[place], content)
            kept.append((place, self.last))
        return kept, dropped

    def is_kept(self, objects, place):
        is_shared = self.is_changeable(objects[place]) and references(objects, place) > ONE_HOLDER
        if not is_shared:
            objects[place] = None
        return is_shared

    def is_changeable(self, value):
        return is_one_of(type(value), (*LISTED, *MAPPED)) or self.side.is_plain_object(value)

    def met(self, unpacker, kept, dropped):
        """What the other end says of its own objects: those of a message that it keeps, and numbers that it does not."""
        for number in dropped:
            self.drop(number)
        for place, number in kept:
            value = unpacker.objects[unpacker.originals.get(place, place)]
            if type(number) is not int or number >= 0 or number in self.values:
                raise CannotCross("number")
            if not self.is_changeable(value):
                raise CannotCross("kept value")
            self.add(number, value)
