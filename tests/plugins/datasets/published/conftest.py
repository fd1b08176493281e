"""A published data set, and a server on the loopback that it is fetched from."""

import http.server
import socket
import threading

import pytest
from published_by_hand import MNISTS
from simbench_plugins.datasets import published as published_module
from small_publications import original, publish


@pytest.fixture
def address(data, monkeypatch):
    """A function that lets torchvision fetch from a port of the loopback."""

    def at(port: int) -> None:
        root, expected = f"http://127.0.0.1:{port}/", original(data)
        if data in MNISTS:
            monkeypatch.setattr(expected, "mirrors", [root])
        else:
            monkeypatch.setattr(expected, "url", root + expected.filename)

    return at


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch, address):
    """An empty cache folder, and no server that answers."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address(free.getsockname()[1])
    monkeypatch.setenv("SIMBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    published_module._splits.cache_clear()
    yield tmp_path / "cache/datasets"
    published_module._splits.cache_clear()


@pytest.fixture
def published(data, tmp_path, monkeypatch):
    return publish(data, tmp_path / "published", monkeypatch)


@pytest.fixture
def served(published, address):
    """The requests that a server of the published archives has answered."""
    requests = []

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *words):
            super().__init__(*words, directory=published.folder)

        def log_message(self, form, *words):
            requests.append(words[0])

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        address(server.server_port)
        yield requests
        server.shutdown()
        thread.join()
