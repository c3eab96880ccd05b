"""Reads pickles and joblib files without running anything that they name.

A pickle is a program for a small stack machine. This module implements it without any import,
call or lookup: a class or function is kept as its name, and each object that the pickle would create
becomes an ``Instance`` that holds the arguments.
"""

from __future__ import annotations

import codecs
import pickletools
import warnings
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from io import BytesIO
from typing import TypeVar

from weather.importing.errors import BadArtifact

OPCODES = {opcode.code.encode("latin-1"): opcode for opcode in pickletools.opcodes}

VALUES = frozenset(
    {
        *("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "FLOAT", "BINFLOAT"),
        *("STRING", "BINSTRING", "SHORT_BINSTRING", "UNICODE", "BINUNICODE", "SHORT_BINUNICODE"),
        *("BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8"),
    }
)
"""Opcodes that push their argument."""

JOBLIB_ARRAYS = frozenset(
    f"{package}.numpy_pickle.NumpyArrayWrapper" for package in ("joblib", "sklearn.externals.joblib")
)
"""joblib writes the values of an array after such an object, outside of the pickle."""

MAX_NAME = 256
MAX_ARRAY_BYTES = 1 << 20

T = TypeVar("T")


@dataclass(frozen=True)
class Name:
    """A class or function that the pickle names."""

    text: str


@dataclass(eq=False)
class Instance:
    """An object that unpickling would create by calling ``name`` with ``args``.

    ``state`` is the state that it would set afterwards. For a joblib array, ``data`` are the values that
    follow it in the file.
    """

    name: str
    args: tuple[object, ...]
    state: object = None
    data: object = None


class _Machine:
    """A pickle machine for one stream; ``names`` are the allowed classes and functions."""

    def __init__(self, stream: BytesIO, names: Collection[str], nested: bool = False) -> None:
        self.stream = stream
        self.names = names
        self.nested = nested
        self.stack: list[object] = []
        self.marks: list[int] = []
        self.memo: dict[int, object] = {}

    def run(self) -> object:
        """Run one pickle from the stream, up to its STOP."""
        for name, argument in self.operations():
            if name == "STOP":
                return self.stack.pop()
            self.step(name, argument)
        raise EOFError("no STOP")

    def operations(self) -> Iterator[tuple[str, object]]:
        """Name and argument of each operation. The stream may be read between two of them."""
        while code := self.stream.read(1):
            if code not in OPCODES:
                raise ValueError(f"unknown opcode {code!r}")
            opcode = OPCODES[code]
            if opcode.name == "STRING":  # pickletools reads ASCII only; Python 2 wrote any bytes
                quoted = self.stream.readline().strip()
                yield opcode.name, _expect(bytes, codecs.escape_decode(quoted[1:-1])[0]).decode("latin-1")
            else:
                yield opcode.name, opcode.arg.reader(self.stream) if opcode.arg else None

    def step(self, name: str, argument: object) -> None:
        """Carry out one operation."""
        stack = self.stack
        match name:
            case "PROTO" | "FRAME":
                pass
            case "MARK":
                self.marks.append(len(stack))
            case "NONE" | "NEWTRUE" | "NEWFALSE":
                stack.append({"NONE": None, "NEWTRUE": True, "NEWFALSE": False}[name])
            case "EMPTY_TUPLE" | "EMPTY_LIST" | "EMPTY_DICT":
                stack.append({"EMPTY_TUPLE": (), "EMPTY_LIST": [], "EMPTY_DICT": {}}[name])
            case "TUPLE1" | "TUPLE2" | "TUPLE3":
                stack.append(tuple(self.pop_items(int(name[-1]))))
            case "TUPLE":
                stack.append(tuple(self.pop_items()))
            case "LIST":
                stack.append(self.pop_items())
            case "DICT":
                stack.append(_pairs(self.pop_items()))
            case "APPEND" | "APPENDS":
                items = self.pop_items(1 if name == "APPEND" else None)
                _expect(list, stack[-1]).extend(items)
            case "SETITEM" | "SETITEMS":
                items = self.pop_items(2 if name == "SETITEM" else None)
                _expect(dict, stack[-1]).update(_pairs(items))
            case "GLOBAL":
                stack.append(self.name(*_expect(str, argument).split(" ", 1)))
            case "STACK_GLOBAL":
                module, attribute = self.pop_items(2)
                stack.append(self.name(_expect(str, module), _expect(str, attribute)))
            case "REDUCE" | "NEWOBJ":
                callee, args = self.pop_items(2)
                stack.append(_call(_expect(Name, callee), _expect(tuple, args)))
            case "BUILD":
                (state,) = self.pop_items(1)
                instance = _expect(Instance, stack[-1])
                instance.state = state
                if instance.name in JOBLIB_ARRAYS:
                    instance.data = self.joblib_data(state)
            case "POP":
                stack.pop()
            case "MEMOIZE":
                self.memo[len(self.memo)] = stack[-1]
            case "PUT" | "BINPUT" | "LONG_BINPUT":
                self.memo[_expect(int, argument)] = stack[-1]
            case "GET" | "BINGET" | "LONG_BINGET":
                stack.append(self.memo[_expect(int, argument)])
            case _ if name in VALUES:
                stack.append(argument)
            case _:
                raise BadArtifact(f"it uses {name}, which no pickled StandardScaler does")

    def pop_items(self, count: int | None = None) -> list[object]:
        """Take the last ``count`` objects off the stack; without it, those since the last mark."""
        at = self.marks.pop() if count is None else len(self.stack) - count
        if not 0 <= at <= len(self.stack):
            raise IndexError("the stack is too short")
        items = self.stack[at:]
        del self.stack[at:]
        return items

    def name(self, module: str, attribute: str) -> Name:
        """A name, if it is one of the allowed ones.

        Raises:
            BadArtifact: it is not allowed, or too long.
        """
        if len(module) + len(attribute) > MAX_NAME:
            raise BadArtifact("it has a name of more than 256 characters")
        text = f"{module}.{attribute}"
        if text not in self.names:
            raise BadArtifact(
                f"the pickle names {text}, which a StandardScaler does not need; no code was run"
            )
        return Name(text)

    def joblib_data(self, state: object) -> object:
        """The values of a joblib array as bytes, or the array itself, which is pickled if it holds objects.

        joblib 1.2 and later align the values: a byte with the length of the padding, then the padding.
        """
        match state:
            case {"shape": (int(count),), "dtype": Instance(name="numpy.dtype", args=(str(code), *_))}:
                pass
            case _:
                raise BadArtifact("it holds a joblib array that is not a vector")
        if code.startswith("O"):
            if self.nested:
                raise BadArtifact("it nests joblib arrays")
            return _Machine(self.stream, self.names, nested=True).run()
        if _expect(dict, state).get("numpy_array_alignment_bytes") is not None:
            self.stream.read(self.stream.read(1)[0])
        return self.stream.read(max(0, min(count * int(code[1:]), MAX_ARRAY_BYTES)))


def load(content: bytes, names: Collection[str]) -> object:
    """Load the object in a pickle of protocol 0 to 5 or in an uncompressed joblib file.

    ``names`` are the allowed classes and functions, as ``module.attribute``. Time and memory
    are bounded by the length of ``content``.

    Raises:
        BadArtifact: it is truncated or not a pickle, or has a name that is not allowed or an operation that
            no pickled StandardScaler uses.
    """
    try:
        with warnings.catch_warnings():
            # Python only warns about invalid escapes; no pickled StandardScaler has one.
            warnings.simplefilter("error", DeprecationWarning)
            return _Machine(BytesIO(content), names).run()
    except BadArtifact:
        raise
    except (LookupError, TypeError, ValueError, EOFError, DeprecationWarning) as error:
        raise BadArtifact(f"it is truncated or not a pickle ({error})") from error


def _expect(kind: type[T], value: object) -> T:
    if not isinstance(value, kind):
        raise TypeError(f"{type(value).__name__} where {kind.__name__} was expected")
    return value


def _call(callee: Name, args: tuple[object, ...]) -> Instance:
    match callee.text, args:
        case "copyreg._reconstructor" | "copy_reg._reconstructor", (Name(text=name), *_):
            return Instance(name, ())  # how protocols 0 and 1 write objects
    return Instance(callee.text, args)


def _pairs(items: list[object]) -> dict[str, object]:
    """Keys must be text: the hash of a nested tuple can take 2**n steps."""
    return {_expect(str, key): value for key, value in zip(items[::2], items[1::2], strict=True)}
