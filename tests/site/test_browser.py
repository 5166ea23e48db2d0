"""The built site in a browser that reaches nothing but this machine: no page asks for another host, and the pages with Python train.

Run by ``make site-test`` on a built site (``SITE``, by default docs/_build/html), with Debian's Chromium and its driver.
"""

from __future__ import annotations

import functools
import http.server
import os
import re
import shutil
import threading
from pathlib import Path
from typing import ClassVar

import pytest

SITE = Path(os.environ.get("SITE", Path(__file__).parents[2] / "docs" / "_build" / "html"))
selenium = pytest.importorskip("selenium", reason="selenium is not installed: pip install '.[docs]'")
pytestmark = [
    pytest.mark.skipif(not (SITE / "index.html").exists(), reason=f"there is no built site at {SITE}: make docs"),
    pytest.mark.skipif(
        shutil.which("chromium") is None or shutil.which("chromedriver") is None, reason="Chromium or its driver is not installed"
    ),
]
PYTHON = pytest.mark.skipif(not (SITE / "browser" / "pyodide" / "package.zip").exists(), reason="Pyodide or NumPy for it could not be had")


class Quiet(http.server.SimpleHTTPRequestHandler):
    extensions_map: ClassVar = {
        **http.server.SimpleHTTPRequestHandler.extensions_map,
        ".mjs": "text/javascript",
        ".wasm": "application/wasm",
    }

    def log_message(self, *args):
        pass


@pytest.fixture(scope="module")
def address():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=SITE))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


@pytest.fixture(scope="module")
def browser():
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    for flag in (
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    ):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
    driver.set_script_timeout(300)
    yield driver
    driver.quit()


def wait(browser, expression, seconds=300):
    """Until a variable of the page is set; what it is."""
    from selenium.webdriver.support.ui import WebDriverWait

    return WebDriverWait(browser, seconds).until(
        lambda b: b.execute_script(f"return {expression} ?? (window.failed && 'failed: ' + window.failed)")
    )


PAGES = [
    "index",
    "start/first_network",
    "guide/tensors",
    "gallery/digits",
    "reference/index",
    "reference/api/cat",
    "coverage",
    "design",
    "search",
]


@pytest.mark.parametrize("page", PAGES)
def test_no_page_asks_for_another_host(browser, address, page):
    browser.get(f"{address}/{page}.html")
    loaded = browser.execute_script("return performance.getEntriesByType('resource').map((e) => e.name)")
    assert loaded and all(name.startswith((address, "data:")) for name in loaded)
    assert not [e for e in browser.get_log("browser") if e["level"] == "SEVERE"]


def test_no_file_names_another_host_as_a_source():
    outside = re.compile(r"""(?:<script[^>]*\bsrc|<link[^>]*rel=["']stylesheet["'][^>]*\bhref|<img[^>]*\bsrc)=["'](?:https?:)?//""")
    assert not [str(p) for p in SITE.rglob("*.html") if outside.search(p.read_text(encoding="utf-8"))]


@pytest.mark.parametrize("width", [390, 1200])
def test_pages_are_not_wider_than_the_window(browser, address, width):
    browser.set_window_size(width, 900)
    for page in PAGES:
        browser.get(f"{address}/{page}.html")
        assert browser.execute_script("return document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 1, page


QUESTIONS = {
    "cross_entropy": "cross_entropy", "Tensor.sum": "sum", "gradient clipping": "Clip", "freeze layers": "Freeze", "find nan": "NaN",
    "per-example gradients": "each example", "load .pt": ".pt", "custom optimizer": "optimizer", "Adam": "Adam", "vmap": "vmap",
}  # fmt: skip


@pytest.mark.parametrize("question", QUESTIONS)
def test_search_finds_it_first(browser, address, question):
    browser.get(f"{address}/search.html?q={question}")
    wait(browser, "document.querySelector('#search-results li a')?.textContent", 60)
    found = browser.execute_script("return [...document.querySelectorAll('#search-results li a')].slice(0, 3).map((a) => a.textContent)")
    assert any(QUESTIONS[question].lower() in text.lower() for text in found), found


@PYTHON
def test_a_network_trains_as_it_does_natively(browser, address):
    import sys

    sys.path.insert(0, str(Path(__file__).parents[2] / "docs" / "browser"))
    import program

    browser.get(f"{address}/browser/train.html")
    assert wait(browser, "window.ready") is True
    browser.execute_script("document.getElementById('go').click()")
    assert wait(browser, "window.trained") is True
    found = browser.execute_script("return window.result")
    native = []
    program.Training().run(3, lambda d: native.append(d) if "epoch" in d else None)
    first = browser.execute_script("return window.first_step")
    print(f"in the browser: {found['speed']:.0f} steps a second, the first after {first:.1f} s, {found['right']} of {found['of']} right")
    assert found["epoch"] == 3 and abs(found["right"] - native[-1]["right"]) <= 2 and found["right"] > 0.93 * found["of"]
    browser.execute_script("document.getElementById('sample').click()")
    assert float(
        wait(browser, "[...document.querySelectorAll('meter')].map((m) => m.value).reduce((a, b) => a + b) || null", 60)
    ) == pytest.approx(1, abs=0.01)


@PYTHON
def test_lessons_run(browser, address):
    browser.get(f"{address}/browser/lessons.html")
    assert wait(browser, "window.ready") is True
    for i in range(6):
        browser.execute_script(f"document.querySelectorAll('.tl-lesson > button')[{i}].click()")
        lesson = f"document.querySelectorAll('.tl-lesson')[{i}]"
        said = wait(browser, f"{lesson}.querySelector('pre').textContent || {lesson}.querySelector('table')?.textContent || null", 60)
        assert "Error" not in said, (i, said)
