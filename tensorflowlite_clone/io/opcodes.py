"""Reading pickles without pickle: a machine for those opcodes that make data, and an allow-list for the names that a file may ask for.

`read_pickle` gives the object of one pickle, of any protocol. Nothing is imported by a name from the file: `Name`, which the caller looks
up in a table of its own, is all that a file can call, and what those make is paid for from a budget that follows from the file's length.
The opcodes: Python's module ``pickletools``, which documents each. Not here: the names (``allowed.py``), PyTorch's files (``pytorch.py``).
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from reprlib import repr as quote
from typing import Any, NoReturn

from .._errors import FileFormatError, MissingExtraError, RefusedError

#: How deeply containers may stand in one another: more than a checkpoint needs, less than would hurt those who walk through it.
DEEPEST = 500
#: How many parts the key of a dict may have.
KEY_PARTS = 1000

#: How long a number or a string may be that stands in a line as text.
LONGEST_LINE = 100_000

_MARK: Any = object()


class Name:
    """What a global name in a file stands for: something that makes a value of others (``make``), a class (``kind``), or both."""

    __slots__ = ("kind", "make", "text")

    def __init__(self, text: str, make: Callable[..., Any] | None = None, kind: type | None = None) -> None:
        self.text, self.make, self.kind = text, make, kind

    def __repr__(self) -> str:
        return self.text


class Host:
    """What a file may ask of whoever reads it."""

    #: How many bytes or elements may still be made by calls: a short file cannot ask for much.
    budget = 0
    #: Whether what storages hold is not there yet.
    blind = False
    #: Whether modules of the package may be made.
    modules = False

    def find(self, module: str, name: str) -> Any:
        """What a global name stands for; raises `FileFormatError` for what is not allowed."""
        raise RefusedError(f"refused: it names {module}.{name}, and nothing may be named in it")

    def new(self, name: Name, args: tuple[Any, ...]) -> Any:
        """An object of a class without a call of it (``NEWOBJ``)."""
        raise RefusedError(f"refused: it makes an object of {name}, which is not data")

    def build(self, target: Any, state: Any) -> None:
        """Give a state to an object (``BUILD``)."""
        raise RefusedError(f"refused: it gives a state to a {type(target).__name__}, which is not data")

    def persistent(self, key: Any) -> Any:
        """What the file keeps elsewhere under this key."""
        raise RefusedError("refused: it refers to something kept elsewhere")

    def spend(self, amount: int) -> None:
        """Take ``amount`` from the budget."""
        self.budget -= amount
        if self.budget < 0:
            raise RefusedError("refused: it would make far more of its content than it holds: a bomb")


def read_pickle(data: Any, host: Host, at: int = 0, encoding: str = "utf-8", errors: str = "strict") -> tuple[Any, int]:
    """The object pickled in ``data`` (bytes) from ``at`` on, and where its pickle ends.

    Raises `FileFormatError` for damage, for everything that is not data, and for names that ``host`` does not know.
    """
    machine = _Machine(data if type(data) is bytes else memoryview(data), host, at, encoding, errors)
    try:
        value = machine.run()
        check_tree(value)
    except (FileFormatError, MissingExtraError):
        raise
    except (AttributeError, IndexError, KeyError, TypeError, ValueError, OverflowError, struct.error, RecursionError, MemoryError) as error:
        raise FileFormatError(f"damaged: at byte {machine.at} of its pickle ({type(error).__name__}: {error!s:.200})") from error
    return value, machine.at


def check_tree(value: Any) -> None:
    """Raise for what is no value (a bare name), and for containers deeper than `DEEPEST`."""
    seen: set[int] = set()
    level = [value]
    for _ in range(DEEPEST):
        below: list[Any] = []
        for v in level:
            if isinstance(v, Name):
                raise RefusedError(f"refused: {v} stands in it as a value, and only data is read")
            if isinstance(v, dict | list | tuple | set | frozenset) and id(v) not in seen:
                seen.add(id(v))
                below += v
                if isinstance(v, dict):
                    below += v.values()
        if not below:
            return
        level = below
    raise FileFormatError(f"nested more than {DEEPEST} levels deep")


def check_key(host: Host, key: Any) -> Any:
    """``key``, if it can be one and hashing it takes no long time; its parts are paid for, since it may stand in many places."""
    if not isinstance(key, tuple | frozenset):
        if isinstance(key, Name):
            raise RefusedError(f"refused: {key} stands in it as a key, and only data is read")
        return key
    count, left = 0, list(key)
    while left:
        k = left.pop()
        count += 1
        if count > KEY_PARTS:
            raise FileFormatError(f"a key of a dict has more than {KEY_PARTS} parts")
        if isinstance(k, tuple | frozenset):
            left += k
        elif isinstance(k, Name):
            raise RefusedError(f"refused: {k} stands in it as a key, and only data is read")
    host.spend(count)
    return key


class _Machine:
    """One run through a pickle: a stack, the memo, and where it stands."""

    def __init__(self, data: bytes | memoryview, host: Host, at: int, encoding: str, errors: str) -> None:
        self.data, self.host, self.at, self.encoding, self.errors = data, host, at, encoding, errors
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}

    def run(self) -> Any:
        """The object that stands on the stack at the end.

        The opcodes of which checkpoints consist stand here, as each call would cost more than what it does; where one does not fit,
        and for all others, `ACTIONS` has what is done and said.
        """
        data, stack, memo, actions, size = self.data, self.stack, self.memo, ACTIONS, len(self.data)
        find = data.find if isinstance(data, bytes) else None
        names: dict[Any, Any] = {}  # those that were looked up, by their two lines
        while True:
            at = self.at
            if at >= size:
                raise FileFormatError("truncated: its pickle has no end")
            code = data[at]
            self.at = at = at + 1
            if code == 0x28:  # MARK
                stack.append(_MARK)
                continue
            if code == 0x4B and at < size:  # BININT1
                stack.append(data[at])
                self.at = at + 1
                continue
            if code == 0x58 and (end := at + 4 + int.from_bytes(data[at : at + 4], "little")) <= size:  # BINUNICODE
                stack.append(str(data[at + 4 : end], "utf-8", "surrogatepass"))
                self.at = end
                continue
            if code == 0x71 and at < size and stack and (value := stack[-1]) is not _MARK:  # BINPUT
                memo[data[at]] = value
                self.at = at + 1
                continue
            if code == 0x74:  # TUPLE
                stack.append(tuple(self.since_mark()))
                continue
            if code == 0x4A and at + 4 <= size:  # BININT
                stack.append(int.from_bytes(data[at : at + 4], "little", signed=True))
                self.at = at + 4
                continue
            if code == 0x63 and find is not None:  # GLOBAL
                end = find(b"\n", find(b"\n", at) + 1) + 1
                known = names.get(lines := data[at:end])
                if known is None:
                    self.by_lines()
                    names[lines] = stack[-1]
                else:
                    stack.append(known)
                    self.at = end
                continue
            if code == 0x2E:  # STOP
                (value,) = stack
                return value
            action = actions.get(code)
            if action is None:
                raise RefusedError(
                    f"refused: the opcode {FORBIDDEN.get(code, hex(code))} at byte {self.at - 1} of its pickle, which does not make data"
                )
            action(self)

    # ---- reading ------------------------------------------------------------------------------------------------------------
    def take(self, count: int) -> bytes:
        """The next ``count`` bytes."""
        end = self.at + count
        if end > len(self.data):
            raise FileFormatError(
                f"truncated: {count} bytes are announced at byte {self.at} of its pickle, {len(self.data) - self.at} are left"
            )
        taken = bytes(self.data[self.at : end])
        self.at = end
        return taken

    def number(self, size: int) -> int:
        """The next ``size`` bytes as a number from 0 up."""
        return int.from_bytes(self.take(size), "little")

    def byte(self) -> int:
        """The next byte, as a number from 0 up."""
        if self.at >= len(self.data):
            return self.number(1)  # which raises
        self.at += 1
        return self.data[self.at - 1]

    def line(self) -> str:
        """The text up to the next end of a line."""
        for size in (200, LONGEST_LINE):
            found = bytes(self.data[self.at : self.at + size])
            end = found.find(b"\n")
            if end >= 0:
                self.at += end + 1
                return found[:end].decode("utf-8")
        raise FileFormatError(f"truncated: a line without an end at byte {self.at} of its pickle")

    def text(self, size: int) -> None:
        """Text whose length stands in the next ``size`` bytes."""
        self.stack.append(self.take(self.number(size)).decode("utf-8", "surrogatepass"))

    def old_text(self, size: int) -> None:
        """A string of Python 2."""
        raw = self.take(self.number(size))
        self.stack.append(raw if self.encoding == "bytes" else raw.decode(self.encoding, self.errors))

    def raw(self, size: int, kind: type = bytes) -> None:
        """Bytes whose length stands in the next ``size`` bytes."""
        self.stack.append(kind(self.take(self.number(size))))

    def whole(self, size: int) -> None:
        """An integer whose length stands in the next ``size`` bytes."""
        self.stack.append(int.from_bytes(self.take(self.number(size)), "little", signed=True))

    # ---- the stack ------------------------------------------------------------------------------------------------------------
    def push(self, value: Any) -> None:
        """Put one value onto the stack."""
        self.stack.append(value)

    def pop(self) -> Any:
        """Take the last value."""
        value = self.stack.pop()
        if value is _MARK:
            raise FileFormatError(f"damaged: a value is missing at byte {self.at} of its pickle")
        return value

    def since_mark(self) -> list[Any]:
        """All values from the last mark on."""
        stack = self.stack
        for i in range(len(stack) - 1, -1, -1):
            if stack[i] is _MARK:
                found = stack[i + 1 :]
                del stack[i:]
                return found
        raise FileFormatError(f"damaged: a mark is missing at byte {self.at} of its pickle")

    def tuple_of(self, count: int) -> None:
        """A tuple of the last values."""
        values = [self.pop() for _ in range(count)]
        self.stack.append(tuple(reversed(values)))

    def put(self, key: int) -> None:
        """Remember the last value."""
        if not self.stack or self.stack[-1] is _MARK:
            raise FileFormatError(f"damaged: nothing to remember at byte {self.at} of its pickle")
        self.memo[key] = self.stack[-1]

    def get(self, key: int) -> None:
        """Put a remembered value onto the stack."""
        if key not in self.memo:
            raise FileFormatError(f"damaged: nothing was remembered as {key} at byte {self.at} of its pickle")
        self.stack.append(self.memo[key])

    # ---- containers -----------------------------------------------------------------------------------------------------------
    def extend(self, values: list[Any]) -> None:
        """Append to the list on the stack."""
        target = self.stack[-1]
        if type(target) is not list:
            self.refuse("appends to", target)
        target += values

    def set_items(self, items: list[Any]) -> None:
        """Enter keys and values into the dict on the stack."""
        target = self.stack[-1]
        if not isinstance(target, dict):
            self.refuse("enters items into", target)
        if len(items) % 2:
            raise FileFormatError(f"damaged: a key without a value at byte {self.at} of its pickle")
        for key, value in zip(items[::2], items[1::2], strict=True):
            target[check_key(self.host, key)] = value

    def add(self, values: list[Any]) -> None:
        """Enter values into the set on the stack."""
        target = self.stack[-1]
        if type(target) is not set:
            self.refuse("adds to", target)
        target.update([check_key(self.host, v) for v in values])

    def dict_of(self, items: list[Any]) -> None:
        """A dict of keys and values."""
        self.stack.append({})
        self.set_items(items)

    # ---- names ----------------------------------------------------------------------------------------------------------------
    def look_up(self, module: Any, name: Any) -> None:
        """What a name stands for."""
        if not (isinstance(module, str) and isinstance(name, str)):
            self.refuse("looks up", (module, name))
        self.stack.append(self.host.find(module, name))

    def by_lines(self) -> None:
        """A name that stands in the next two lines."""
        module = self.line()
        self.look_up(module, self.line())

    def call(self) -> None:
        """Make what a name and its arguments say."""
        args, name = self.pop(), self.pop()
        if not isinstance(name, Name) or name.make is None or type(args) is not tuple:
            self.refuse("calls", name)
        self.carry_out(name, name.make, self.host, *args)

    def new(self, keywords: bool = False) -> None:
        """An object of a class, without a call of it."""
        given = self.pop() if keywords else {}
        args, name = self.pop(), self.pop()
        if not isinstance(name, Name) or name.kind is None or type(args) is not tuple or given:
            self.refuse("makes an object of", name)
        self.carry_out(name, self.host.new, name, args)

    def carry_out(self, name: Name, make: Callable[..., Any], *args: Any) -> None:
        """Put what ``make`` gives onto the stack."""
        try:
            self.stack.append(make(*args))
        except (FileFormatError, MissingExtraError):
            raise
        except Exception as error:
            raise FileFormatError(f"damaged: what it gives to {name} does not fit ({type(error).__name__}: {error!s:.200})") from error

    def build(self) -> None:
        """Give a state to what stands on the stack."""
        state = self.pop()
        self.host.build(self.stack[-1], state)

    def persistent(self) -> None:
        """What the file keeps elsewhere."""
        self.stack.append(self.host.persistent(self.pop()))

    def frozen(self) -> None:
        """A set that cannot change."""
        self.stack.append(frozenset([check_key(self.host, v) for v in self.since_mark()]))

    def line_of_number(self, long: bool) -> None:
        """A number as text; booleans are written so, too."""
        text = self.line()
        self.stack.append({"00": False, "01": True}[text] if text in ("00", "01") and not long else int(text.removesuffix("L")))

    def line_of_text(self) -> None:
        """A quoted string, as protocol 0 has it: without escapes."""
        text = self.line()
        if len(text) < 2 or text[0] != text[-1] or text[0] not in "'\"" or "\\" in text:
            raise RefusedError(f"refused: a string of protocol 0 with escapes at byte {self.at} of its pickle; save it with protocol 2")
        self.stack.append(text[1:-1])

    def refuse(self, what: str, target: Any) -> NoReturn:
        """Raise for what only pickle itself would carry out."""
        raise RefusedError(f"refused: at byte {self.at} its pickle {what} {quote(target)}, which pickle would carry out")


ACTIONS: dict[int, Callable[[_Machine], Any]] = {
    0x80: lambda m: m.take(1),  # PROTO
    0x95: lambda m: m.take(8),  # FRAME
    ord("("): lambda m: m.push(_MARK),
    ord("0"): lambda m: m.stack.pop(),
    ord("1"): lambda m: m.since_mark(),  # POP_MARK
    ord("2"): lambda m: m.push(m.stack[-1]),  # DUP
    ord("N"): lambda m: m.push(None),
    0x88: lambda m: m.push(True),
    0x89: lambda m: m.push(False),
    ord("I"): lambda m: m.line_of_number(False),
    ord("L"): lambda m: m.line_of_number(True),
    ord("J"): lambda m: m.push(int.from_bytes(m.take(4), "little", signed=True)),
    ord("K"): lambda m: m.push(m.byte()),
    ord("M"): lambda m: m.push(m.number(2)),
    0x8A: lambda m: m.whole(1),
    0x8B: lambda m: m.whole(4),
    ord("F"): lambda m: m.push(float(m.line())),
    ord("G"): lambda m: m.push(struct.unpack(">d", m.take(8))[0]),
    ord("S"): lambda m: m.line_of_text(),
    ord("T"): lambda m: m.old_text(4),
    ord("U"): lambda m: m.old_text(1),
    ord("V"): lambda m: m.push(m.line().encode("latin1", "backslashreplace").decode("raw-unicode-escape")),
    ord("X"): lambda m: m.text(4),
    0x8C: lambda m: m.text(1),
    0x8D: lambda m: m.text(8),
    ord("B"): lambda m: m.raw(4),
    ord("C"): lambda m: m.raw(1),
    0x8E: lambda m: m.raw(8),
    0x96: lambda m: m.raw(8, bytearray),
    ord("]"): lambda m: m.push([]),
    ord("}"): lambda m: m.push({}),
    ord(")"): lambda m: m.push(()),
    0x8F: lambda m: m.push(set()),
    ord("l"): lambda m: m.push(m.since_mark()),
    ord("t"): lambda m: m.push(tuple(m.since_mark())),
    0x85: lambda m: m.tuple_of(1),
    0x86: lambda m: m.tuple_of(2),
    0x87: lambda m: m.tuple_of(3),
    ord("d"): lambda m: m.dict_of(m.since_mark()),
    0x91: lambda m: m.frozen(),
    ord("a"): lambda m: m.extend([m.pop()]),
    ord("e"): lambda m: m.extend(m.since_mark()),
    ord("s"): lambda m: m.set_items([m.pop(), m.pop()][::-1]),
    ord("u"): lambda m: m.set_items(m.since_mark()),
    0x90: lambda m: m.add(m.since_mark()),
    ord("p"): lambda m: m.put(int(m.line())),
    ord("q"): lambda m: m.put(m.byte()),
    ord("r"): lambda m: m.put(m.number(4)),
    0x94: lambda m: m.put(len(m.memo)),  # MEMOIZE
    ord("g"): lambda m: m.get(int(m.line())),
    ord("h"): lambda m: m.get(m.byte()),
    ord("j"): lambda m: m.get(m.number(4)),
    ord("c"): lambda m: m.by_lines(),
    0x93: lambda m: m.look_up(*reversed([m.pop(), m.pop()])),  # STACK_GLOBAL
    ord("R"): lambda m: m.call(),
    0x81: lambda m: m.new(),
    0x92: lambda m: m.new(True),
    ord("b"): lambda m: m.build(),
    ord("Q"): lambda m: m.persistent(),
}
#: Opcodes by which pickle would import or call what the file says, in ways that no data needs.
FORBIDDEN = {
    ord("i"): "INST", ord("o"): "OBJ", ord("P"): "PERSID", 0x82: "EXT1", 0x83: "EXT2", 0x84: "EXT4", 0x97: "NEXT_BUFFER",
    0x98: "READONLY_BUFFER",
}  # fmt: skip
