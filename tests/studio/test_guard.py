"""Who may talk to the server: its own page with its token, at a bearable rate."""

import pytest
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from engram.studio import guard
from engram.studio.guard import Guard
from studio.conftest import HOST, PORT, TOKEN


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8000", "127.0.0.1", "127.0.0.1:9", "127.0.0.1.evil.example:8000"]
)
def test_names_that_point_here_by_rebinding_are_refused(client, host):
    assert client.get("/api/state", headers={"host": host}).status_code == 421
    assert client.get(f"/?token={TOKEN}", headers={"host": host}).status_code == 421


@pytest.mark.parametrize("origin", ["http://evil.example", "https://127.0.0.1:8000", "http://127.0.0.1:9", "null", ""])
def test_requests_of_other_pages_are_refused_even_with_the_token(client, origin):
    assert client.get("/api/state", headers={"origin": origin}).status_code == 403
    assert client.post("/api/do", json={"do": "start"}, headers={"origin": origin}).status_code == 403
    with pytest.raises(WebSocketDisconnect):
        client.websocket_connect(f"ws://{HOST}/live?token={TOKEN}", headers={"origin": origin}).__enter__()


def test_form_of_another_page_is_refused_though_it_sends_no_origin(client):
    headers = {"sec-fetch-site": "cross-site", "content-type": "text/plain"}
    plain = TestClient(client.app, base_url=f"http://{HOST}")
    assert plain.post("/api/do", content='{"do": "start"}', headers=headers).status_code == 403


def test_stream_without_an_origin_or_token_is_refused(client):
    plain = TestClient(client.app, base_url=f"http://{HOST}")
    for address, headers in (
        (f"ws://{HOST}/live?token={TOKEN}", {}),
        (f"ws://{HOST}/live?token=wrong", {"origin": f"http://{HOST}"}),
        (f"ws://{HOST}/live", {"origin": f"http://{HOST}"}),
    ):
        with pytest.raises(WebSocketDisconnect):
            plain.websocket_connect(address, headers=headers).__enter__()


@pytest.mark.parametrize("token", ["", "wrong", TOKEN[:-1], TOKEN + "x", "é"])
def test_nothing_is_told_without_the_token(client, token):
    plain = TestClient(client.app, base_url=f"http://{HOST}")
    headers = {"x-engram-token": token.encode()}
    for path in ("/api/state", "/api/about", "/api/picture/fields.png", "/api/table/curve.csv"):
        assert plain.get(path, headers=headers).status_code == 403
    assert plain.get("/", params={"token": token}).status_code == 403
    assert plain.get(f"/api/state?token={TOKEN}").status_code == 403  # an address is no header


def test_page_comes_with_its_token_and_its_parts_without(client):
    assert "engram studio" in client.get(f"/?token={TOKEN}").text
    assert client.get("/static/main.js", headers={"x-engram-token": ""}).status_code == 200
    assert client.get("/static/../app.py").status_code == 404


def test_every_answer_forbids_what_the_page_does_not_need(client):
    for path in (f"/?token={TOKEN}", "/static/main.js", "/api/state", "/nowhere"):
        headers = client.get(path).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["x-content-type-options"] == "nosniff"


def test_too_many_requests_wait(client, monkeypatch):
    monkeypatch.setattr(guard, "BURST", 5)
    now = [0.0]
    app = Guard(client.app.app, TOKEN, lambda: PORT, clock=lambda: now[0])
    page = TestClient(app, base_url=f"http://{HOST}", headers={"x-engram-token": TOKEN})
    found = [page.get("/api/state").status_code for _ in range(guard.BURST + 3)]
    assert found == [200] * guard.BURST + [429] * 3
    now[0] += 2 / guard.RATE
    assert [page.get("/api/state").status_code for _ in range(3)] == [200, 200, 429]


def test_large_uploads_are_refused_by_their_header_and_by_their_length(client, monkeypatch):
    monkeypatch.setattr(guard, "MAX_BODY", 1000)
    assert client.post("/api/read", content=bytes(1001)).status_code == 413
    pieces = (bytes(400) for _ in range(4))  # sent without a length
    assert client.post("/api/read", content=pieces).status_code == 413
