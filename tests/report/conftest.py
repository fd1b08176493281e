"""A page in headless Chromium."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from small_pages import HOSTILE, SVG, tables

from simbench.report.page import write

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.fixture(scope="session")
def browser():
    playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright: pip install 'simbench[browser]'")
    if not CHROMIUM:
        pytest.skip("needs Chromium: apt-get install chromium")
    with playwright.sync_playwright() as started:
        running = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield running
        running.close()


@pytest.fixture(scope="session")
def file(tmp_path_factory) -> Path:
    """A page of two settings, two stitchers, a hostile name and a figure."""
    folder = tmp_path_factory.mktemp("page")
    (folder / "matching.svg").write_text(SVG)
    made = tables(["bures", "cka", HOSTILE, "zero"], ["ls", "procrustes"], 2, (folder / "matching.svg",))
    return write(made, folder / "report.html")


@pytest.fixture
def opened(browser, file):
    """opened(fragment, **options of a context): the page, with its console in `said` and its requests in `asked`. At
    the end it must have said nothing, and asked for itself alone."""
    contexts, pages = [], []

    def opened(fragment: str = "", **options):
        contexts.append(browser.new_context(**{"viewport": {"width": 1280, "height": 900}} | options))
        page = contexts[-1].new_page()
        page.said, page.asked = [], []
        page.on("console", lambda message: page.said.append(message.text))
        page.on("pageerror", lambda error: page.said.append(str(error)))
        page.on("request", lambda request: page.asked.append(request.url))
        page.goto(file.as_uri() + fragment)
        if options.get("java_script_enabled", True):
            page.wait_for_selector("#plots svg.plot")
        pages.append(page)
        return page

    yield opened
    for page in pages:
        assert page.said == []
        assert [url for url in page.asked if not url.startswith(("data:", "blob:"))][1:] == []
    for context in contexts:
        context.close()
