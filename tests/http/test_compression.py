"""Compressed bodies: what is accepted, and that a small one can't become a large one."""

from __future__ import annotations

import gzip
import json
import tracemalloc
import zlib
from collections.abc import Callable

import httpx
import pytest

from tests.conftest import EXAMPLE
from weather.http.compression import check_encoding, decompress
from weather.http.limits import ENDPOINTS
from weather.http.problems import Problem

BODY = json.dumps(EXAMPLE).encode()

GZIP = gzip.compress(BODY, mtime=0)
"""Without the time, since it is part of the names of tests, which each process of pytest-xdist makes."""


def bare_deflate(body: bytes) -> bytes:
    stream = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return stream.compress(body) + stream.flush()


def members(body: bytes) -> bytes:
    """gzip in two members."""
    return gzip.compress(body[:50]) + gzip.compress(body[50:])


WAYS: list[tuple[str, Callable[[bytes], bytes]]] = [
    ("gzip", gzip.compress),
    ("GZIP", gzip.compress),
    ("x-gzip", gzip.compress),
    ("gzip", members),
    ("deflate", zlib.compress),
    ("deflate", bare_deflate),
    ("identity", bytes),
]


@pytest.mark.parametrize(("encoding", "compress"), WAYS)
def test_a_compressed_observation_gets_its_forecast(
    client: httpx.Client, encoding: str, compress: Callable[[bytes], bytes]
) -> None:
    headers = {"Content-Type": "application/json", "Content-Encoding": encoding}
    answer = client.post("/predict", content=compress(BODY), headers=headers)
    assert answer.status_code == 200
    assert answer.json() == client.post("/predict", json=EXAMPLE).json()


def test_so_do_many_in_csv(client: httpx.Client) -> None:
    lines = ",".join(EXAMPLE) + "\n" + (",".join(map(str, EXAMPLE.values())) + "\n") * 1000
    headers = {"Content-Type": "text/csv", "Content-Encoding": "gzip"}
    answer = client.post("/predict_batch", content=gzip.compress(lines.encode()), headers=headers)
    assert len(answer.text.splitlines()) == 1 + 1000


@pytest.mark.parametrize("path", ["/predict", "/predict_batch"])
@pytest.mark.parametrize(("encoding", "compress"), [("gzip", gzip.compress), ("deflate", zlib.compress)])
def test_a_body_that_becomes_too_large_is_a_413(
    client: httpx.Client, path: str, encoding: str, compress: Callable[[bytes], bytes]
) -> None:
    limit = ENDPOINTS[path].max_bytes
    headers = {"Content-Type": "application/json", "Content-Encoding": encoding}
    fits = client.post(path, content=compress(b" " * limit), headers=headers)
    assert fits.status_code == 400
    answer = client.post(path, content=compress(b" " * (limit + 1)), headers=headers)
    assert answer.status_code == 413
    assert answer.json()["error"] == f"the body is larger than {limit:,} bytes"


@pytest.mark.parametrize(("encoding", "compress"), [("gzip", gzip.compress), ("deflate", zlib.compress)])
def test_a_bomb_costs_no_more_memory_than_the_limit(
    encoding: str, compress: Callable[[bytes], bytes]
) -> None:
    bomb = compress(bytes(50 * 1024 * 1024))
    assert len(bomb) < 60_000
    tracemalloc.start()
    assert len(decompress(bomb, encoding, 1000)) == 1001
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1024 * 1024


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip", BODY),
        ("gzip", GZIP[:-4]),
        ("gzip", GZIP[:-20]),
        ("gzip", GZIP[:-8] + bytes(8)),
        ("gzip", GZIP + b"and more"),
        ("gzip", zlib.compress(BODY)),
        ("deflate", BODY),
        ("deflate", b""),
        ("deflate", zlib.compress(BODY)[:-1]),
        ("deflate", zlib.compress(BODY) + b"and more"),
        ("deflate", GZIP),
    ],
)
def test_what_is_damaged_is_a_400_that_says_so(encoding: str, body: bytes) -> None:
    with pytest.raises(Problem, match=f"the body is not valid {encoding}") as caught:
        decompress(body, encoding, 10_000)
    assert caught.value.status == 400


def test_the_service_says_so_too(client: httpx.Client) -> None:
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    answer = client.post("/predict", content=BODY, headers=headers)
    assert answer.status_code == 400
    assert answer.json() == {"error": "the body is not valid gzip", "detail": []}


@pytest.mark.parametrize(
    ("given", "named"),
    [("br", "br"), ("zstd", "zstd"), ("gzip, gzip", "that one"), ("<script>", "that one"), ("é", "that one")],
)
def test_other_encodings_are_a_415_by_name(client: httpx.Client, given: str, named: str) -> None:
    headers = {"Content-Type": "application/json", "Content-Encoding": given.encode()}
    answer = client.post("/predict", content=BODY, headers=headers)  # type: ignore[arg-type]
    assert answer.status_code == 415
    assert answer.json()["error"] == f"the Content-Encoding must be gzip or deflate, not {named}"
    assert answer.headers["accept-encoding"] == "gzip, deflate"


def test_no_encoding_is_none() -> None:
    assert check_encoding(b"") == check_encoding(b" Identity ") == ""
