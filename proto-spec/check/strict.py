"""The strict check of section 4.1, from its text alone."""

SMALL, LARGE = (8, 4096), (12, 32768)


class Lax(Exception):
    """The bytes are not core-deterministic CBOR."""


def split(data, bounds=SMALL):
    """The first item of a sequence, checked, and what follows it."""
    walk = _Walk(data, bounds[1])
    walk.item(bounds[0])
    return data[: walk.at], data[walk.at :]


def check(data, bounds=SMALL):
    """Exactly one item."""
    if split(data, bounds)[1]:
        raise Lax("bytes behind the item")


class _Walk:
    def __init__(self, data, items):
        self.data, self.at, self.items = data, 0, items

    def head(self):
        if self.at >= len(self.data):
            raise Lax("the bytes end")
        first = self.data[self.at]
        major, info = first >> 5, first & 31
        self.at += 1
        if info < 24:
            return major, info, info
        if info > 27:
            raise Lax("reserved or indefinite")
        width = 1 << (info - 24)
        raw = self.data[self.at : self.at + width]
        if len(raw) < width:
            raise Lax("the bytes end inside a head")
        self.at += width
        value = int.from_bytes(raw, "big")
        if major != 7 and value < (24 if width == 1 else 1 << (4 * width)):
            raise Lax("not the shortest form")
        return major, info, value

    def item(self, depth):
        self.items -= 1
        if self.items < 0:
            raise Lax("too many items")
        major, info, value = self.head()
        if major in (2, 3):
            content = self.data[self.at : self.at + value]
            if len(content) < value:
                raise Lax("a string that is cut")
            self.at += value
            if major == 3:
                try:
                    content.decode("utf-8", "strict")
                except UnicodeDecodeError as error:
                    raise Lax("not UTF-8") from error
        elif major in (4, 5):
            if value > len(self.data) - self.at:
                raise Lax("more items than bytes")
            if depth == 0:
                raise Lax("too deep")
            self.members(value, depth - 1) if major == 5 else [self.item(depth - 1) for _ in range(value)]
        elif major == 6:
            raise Lax("a tag")
        elif major == 7 and info not in (20, 21, 22):
            raise Lax("a float or a simple value")

    def members(self, count, depth):
        before = None
        for _ in range(count):
            start = self.at
            self.item(depth)
            key = self.data[start : self.at]
            if before is not None and key <= before:
                raise Lax("keys that do not ascend")
            before = key
            self.item(depth)
