from __future__ import annotations

import httpx
import pytest

from weather.pages.routes import FILES


@pytest.mark.parametrize("path", ["/", "/docs", "/model", *(f"/static/{name}" for name in FILES)])
def test_a_client_with_the_current_version_gets_a_304(client: httpx.Client, path: str) -> None:
    headers = {"Accept": "text/html"}
    first = client.get(path, headers=headers)
    assert first.status_code == 200
    assert first.content
    assert first.headers["cache-control"] == "no-cache"
    tag = first.headers["etag"]
    for known in (tag, f"W/{tag}", f'"other", {tag}'):
        again = client.get(path, headers={**headers, "If-None-Match": known})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
        assert again.headers.get("content-security-policy") == first.headers["content-security-policy"]
    for other in ('"other"', tag.strip('"')[:-1]):
        assert client.get(path, headers={**headers, "If-None-Match": other}).status_code == 200


def test_head_gets_the_headers_without_a_body(client: httpx.Client) -> None:
    head = client.head("/static/page.css")
    assert head.headers["content-type"] == "text/css; charset=utf-8"
    assert int(head.headers["content-length"]) > 0
    assert head.content == b""
