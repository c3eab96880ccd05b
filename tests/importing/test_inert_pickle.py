"""The machine that reads pickles: which operations it has, and that none costs more than the file."""

from __future__ import annotations

import pickle
import pickletools
import struct

import pytest

from weather.importing.errors import BadArtifact
from weather.importing.reading.inert_pickle import VALUES, Instance, load

NAMES = frozenset({"numpy.dtype", "_codecs.encode"})

KNOWN = VALUES | {
    *("PROTO", "FRAME", "STOP", "MARK", "NONE", "NEWTRUE", "NEWFALSE", "POP", "MEMOIZE"),
    *("EMPTY_TUPLE", "EMPTY_LIST", "EMPTY_DICT", "TUPLE1", "TUPLE2", "TUPLE3", "TUPLE", "LIST", "DICT"),
    *("APPEND", "APPENDS", "SETITEM", "SETITEMS", "GLOBAL", "STACK_GLOBAL", "REDUCE", "NEWOBJ", "BUILD"),
    *("PUT", "BINPUT", "LONG_BINPUT", "GET", "BINGET", "LONG_BINGET"),
}
FOREIGN = [opcode for opcode in pickletools.opcodes if opcode.name not in KNOWN]


@pytest.mark.parametrize("opcode", FOREIGN, ids=lambda opcode: opcode.name)
def test_operations_that_no_scaler_needs_are_refused(opcode: pickletools.OpcodeInfo) -> None:
    argument = b"1\n1\n" if opcode.arg and opcode.arg.n == pickletools.UP_TO_NEWLINE else bytes(16)
    with pytest.raises(BadArtifact, match=f"it uses {opcode.name}, which no pickled StandardScaler does"):
        load(b"N" + opcode.code.encode("latin-1") + argument + b".", NAMES)


def test_plain_values_are_what_pickle_makes_of_them() -> None:
    value = {"a": [1, -2, 3.5, None, True, False, "é", b"\xff\x00", 2**70], "b": {"c": (1, (2, 3), ())}}
    for protocol in range(3, 6):
        assert load(pickle.dumps(value, protocol=protocol), NAMES) == value
    del value["a"][7]  # type: ignore[attr-defined]  # older protocols call a function for bytes
    for protocol in range(3):
        assert load(pickle.dumps(value, protocol=protocol), NAMES) == value


def test_nothing_is_called_and_nothing_looked_up() -> None:
    found = load(b"cnumpy\ndtype\n(U\x02f8tR.", NAMES)
    assert isinstance(found, Instance)
    assert (found.name, found.args) == ("numpy.dtype", ("f8",))
    for content in (b"cos\nsystem\n(U\x02lstR.", b"\x8c\x02os\x8c\x06system\x93(U\x02lstR."):
        with pytest.raises(BadArtifact, match=r"names os\.system"):
            load(content, NAMES)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b".",
        b"N",
        b"\xff.",
        b"R.",
        b"(.",
        b"t.",
        b"e.",
        b"N)R.",
        b"Nb.",
        b"N]b.",
        b"Na.",
        b"NNs.",
        b"h\x05.",
        b"}(NNu.",
        b"I" + b"9" * 5000 + b"\n.",
        b"F1_\n.",
        b"\x8b\xff\xff\xff\x7f.",
        b"V\\uZ\n.",
    ],
)
def test_broken_pickles_are_refused(content: bytes) -> None:
    with pytest.raises(BadArtifact):
        load(content, NAMES)


def test_a_dictionary_with_a_key_that_takes_for_ever_to_hash_is_refused() -> None:
    """Forty tuples, each of two of the one before: its hash takes 2**40 steps."""
    nested = b")q\x00" + b"".join(
        b"h" + bytes([i]) + b"h" + bytes([i]) + b"\x86q" + bytes([i + 1]) for i in range(40)
    )
    with pytest.raises(BadArtifact, match="tuple where str was expected"):
        load(nested + b"}" + b"h\x28Ns.", NAMES)


def test_text_that_is_encoded_a_million_times_takes_no_memory() -> None:
    """Ten bytes a call, half a megabyte a result: a reader that calls it would need 25 GB."""
    text = b"X" + struct.pack("<I", 500_000) + b"a" * 500_000
    calls = b"h\x00h\x01R0" * 50_000
    assert load(b"c_codecs\nencode\nq\x00" + text + b"U\x06latin1\x86q\x01" + calls + b"N.", NAMES) is None


def test_names_are_short() -> None:
    with pytest.raises(BadArtifact, match="a name of more than 256 characters"):
        load(b"c" + b"a" * 300 + b"\nb\n.", NAMES)


def test_a_huge_memo_index_costs_nothing() -> None:
    assert load(b"\x80\x03Nr\xff\xff\xff\x7f.", NAMES) is None


def test_odd_escapes_are_refused_without_a_warning() -> None:
    for content in (b"c\\op\nx\n.", b"S'\\o'\n(."):
        with pytest.raises(BadArtifact):
            load(content, NAMES)


def test_deep_nesting_is_only_deep() -> None:
    load(b"]" * 100_000 + b"a" * 99_999 + b".", NAMES)
