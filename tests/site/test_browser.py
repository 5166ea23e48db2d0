"""The built site in a browser that reaches nothing but this machine: what pages load and show, what the search finds, and the pages with
Python, which train as it is done natively.

Run by ``make docs-test`` on a built site (``SITE``, by default docs/_build/html), with Debian's Chromium and its driver. Not here: what can
be read from the files (``test_files.py``).
"""

from __future__ import annotations

import functools
import http.server
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import threading
from pathlib import Path
from typing import ClassVar
from urllib.parse import quote

import pytest

ROOT = Path(__file__).parents[2]
SITE = Path(os.environ.get("SITE", ROOT / "docs" / "_build" / "html"))
selenium = pytest.importorskip("selenium", reason="selenium is not installed: pip install '.[docs]'")
pytestmark = [
    pytest.mark.skipif(not (SITE / "index.html").exists(), reason=f"there is no built site at {SITE}: make docs"),
    pytest.mark.skipif(
        shutil.which("chromium") is None or shutil.which("chromedriver") is None, reason="Chromium or its driver is not installed"
    ),
]
PYTHON = pytest.mark.skipif(not (SITE / "browser" / "pyodide" / "package.zip").exists(), reason="Pyodide or NumPy for it could not be had")
AXE = "4.11.0"
#: A page of every kind.
PAGES = [
    "index", "start/first_network", "guide/tensors", "howto/index", "howto/clip_gradients", "gallery/index", "gallery/digits",
    "science/fitting", "reference/index", "reference/nn_functional", "reference/api/cat", "reference/api/nn.LSTM", "coverage",
    "facts", "design",
    "browser/train", "browser/lessons", "search",
]  # fmt: skip


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
    server.handle_error = lambda *a: None  # a page that is left hangs up
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


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
        "--disable-renderer-backgrounding",
        "--disable-backgrounding-occluded-windows",
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    ):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
    driver.set_script_timeout(300)
    driver.set_window_size(1200, 900)
    yield driver
    driver.quit()


@pytest.fixture(scope="module")
def axe():
    """The text of axe-core, from the npm registry; once had, it is kept beside the site."""
    kept = ROOT / "docs" / "_build" / f"axe-{AXE}.js"
    if not kept.exists():
        with tempfile.TemporaryDirectory() as folder:
            try:
                subprocess.run(["npm", "pack", "--silent", f"axe-core@{AXE}"], cwd=folder, check=True, capture_output=True, timeout=120)
            except (OSError, subprocess.SubprocessError) as fault:
                pytest.skip(f"axe-core could not be had from the npm registry: {fault}")
            with tarfile.open(next(Path(folder).glob("*.tgz"))) as archive:
                kept.parent.mkdir(parents=True, exist_ok=True)
                kept.write_bytes(archive.extractfile("package/axe.min.js").read())
    return kept.read_text(encoding="utf-8")


def wait(browser, expression, seconds=900):
    """Until a variable of the page is set; what it is."""
    from selenium.webdriver.support.ui import WebDriverWait

    return WebDriverWait(browser, seconds).until(
        lambda b: b.execute_script(f"return ({expression}) ?? (window.failed && 'failed: ' + window.failed)")
    )


def in_theme(browser, address, page, theme):
    """Open a page in the light or the dark."""
    browser.get(f"{address}/{page}")
    browser.execute_script("localStorage.setItem('mode', arguments[0]); localStorage.setItem('theme', arguments[0])", theme)
    browser.get(f"{address}/{page}")
    assert browser.execute_script("return document.documentElement.dataset.theme") == theme


@pytest.mark.parametrize("page", PAGES)
def test_no_page_asks_for_another_host(browser, address, page):
    browser.get(f"{address}/{page}.html")
    if page.startswith("browser/"):
        wait(browser, "window.ready")
    loaded = browser.execute_script("return performance.getEntriesByType('resource').map((e) => e.name)")
    assert loaded and all(name.startswith((address, "data:", "blob:" + address)) for name in loaded)
    faults = [e["message"] for e in browser.get_log("browser") if e["level"] == "SEVERE"]
    # the theme says so where nobody has chosen one
    assert not [m for m in faults if "invalid theme mode" not in m and ("browser/" not in page or "pyodide" not in m)], faults


@pytest.mark.parametrize("width", [390, 1000, 1200])
def test_pages_are_not_wider_than_the_window(browser, address, width):
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride", {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
    )
    try:
        for page in PAGES:
            browser.get(f"{address}/{page}.html")
            wide = browser.execute_script("return [document.documentElement.scrollWidth, window.innerWidth]")
            assert wide[0] <= width and wide[1] == width, (page, wide)
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("page", [*PAGES[:-1], "search.html?q=gradient"])
def test_axe_finds_no_serious_fault(browser, address, axe, page, theme):
    in_theme(browser, address, page if ".html" in page else f"{page}.html", theme)
    if "?" in page:
        wait(browser, "document.querySelector('#search-results li a')?.textContent", 60)
    browser.execute_script(axe)
    found = browser.execute_async_script(
        "const done = arguments[0]; axe.run({ resultTypes: ['violations'] }).then(done, (e) => done(String(e)))"
    )
    assert isinstance(found, dict), found
    faults = {
        f"{v['impact']}, {v['id']}: {v['help']}": [n["html"][:160] for n in v["nodes"][:3]]
        for v in found["violations"]
        if v["impact"] in ("serious", "critical")
    }
    assert not faults, faults


def test_pages_read_without_javascript(browser, address):
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        for page in ("index", "guide/tensors", "gallery/digits", "gallery/index", "reference/api/cat"):
            browser.get(f"{address}/{page}.html")
            seen = browser.execute_script(
                "return [document.querySelector('article').innerText, document.querySelector('h1').getClientRects().length,"
                " [...document.querySelectorAll('header a.nav-link')].filter((a) => a.getClientRects().length).length,"
                " getComputedStyle(document.body).color !== getComputedStyle(document.body).backgroundColor]"
            )
            assert len(seen[0]) > 200 and seen[1] and seen[2] >= 8 and seen[3], (page, seen[1:])
    finally:
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


def test_pages_are_read_with_the_keyboard(browser, address):
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.keys import Keys

    browser.get(f"{address}/guide/tensors.html")
    names = []
    for _ in range(14):
        ActionChains(browser).send_keys(Keys.TAB).perform()
        name, shown, ring = browser.execute_script(
            "const e = document.activeElement, s = getComputedStyle(e);"
            "return [e.getAttribute('aria-label') || e.innerText.trim(), e.getClientRects().length > 0,"
            " s.outlineStyle !== 'none' || s.boxShadow !== 'none']"
        )
        assert shown and ring, name
        names.append(name)
    assert "main content" in names[0] and {"Start", "Guide", "Reference", "Search"} <= set(names), names
    ActionChains(browser).key_down(Keys.CONTROL).send_keys("k").key_up(Keys.CONTROL).perform()
    ActionChains(browser).send_keys("cat", Keys.ENTER).perform()
    wait(browser, "document.querySelector('#search-results li a')?.textContent", 60)
    assert "q=cat" in browser.current_url


#: What is typed, where the answer is, and among how many results from the first it must be.
QUESTIONS = {
    "cross_entropy": ("reference/api/nn.functional.cross_entropy", 1), "Tensor.sum": ("reference/api/sum", 1),
    "gradient clipping": ("howto/clip_gradients", 1), "Adam": ("reference/api/optim.Adam", 3), "vmap": ("reference/api/vmap", 3),
    "how do I clip gradients": ("howto/clip_gradients", 3), "freeze layers": ("howto/freeze_layers", 3),
    "how do I get per-example gradients": ("howto/per_example_gradients", 3), "save and go on": ("howto/save_and_resume", 3),
    "find the NaN": ("howto/find_nan", 3), "how to write an operation": ("howto/write_an_operation", 3),
    "differentiate an ODE": ("howto/differentiate_an_ode", 3), "load a .pt": ("howto/load_a_pt_file", 3),
    "resume training": ("howto/save_and_resume", 3), "learning rate schedule": ("howto/learning_rate", 3),
    "hessian vector product": ("howto/hessian_vector_product", 3), "jacobian": ("howto/jacobian", 3),
    "check my gradients": ("howto/check_gradients", 3), "gradient accumulation": ("howto/accumulate_gradients", 3),
    "random seed": ("howto/reproducible", 3), "class imbalance": ("howto/imbalanced_classes", 3),
    "early stopping": ("howto/early_stopping", 3),
    "custom dataset": ("howto/custom_dataset", 3), "sequences of variable length": ("howto/pad_sequences", 3),
    "attention mask": ("howto/mask_attention", 3), "export to onnx": ("howto/export_onnx", 3),
    "number of parameters": ("howto/count_parameters", 3),
    "my own optimizer": ("howto/custom_optimizer", 3), "gradient checkpointing": ("guide/memory", 3), "install": ("start/install", 3),
    "derivative of relu at zero": ("kinks", 3), "train on several machines": ("distributed", 3),
}  # fmt: skip


@pytest.mark.parametrize("question", QUESTIONS)
def test_the_search_finds_the_answer(browser, address, question):
    page, most = QUESTIONS[question]
    browser.get(f"{address}/search.html?q={quote(question)}")
    wait(
        browser,
        "(document.querySelectorAll('#search-results li').length > 2 || "
        "/finished|not match/.test(document.querySelector('.search-summary')?.textContent ?? '')) || null",
        60,
    )
    found = browser.execute_script(
        "return [...document.querySelectorAll('#search-results li a')].slice(0, 3).map((a) => a.getAttribute('href'))"
    )
    pages = [link.partition(".html")[0] for link in found]
    assert page in pages[:most], pages


def drawn(browser, canvas):
    """How much ink there is on a canvas."""
    return browser.execute_script(
        "const c = document.getElementById(arguments[0]); const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;"
        "let s = 0; for (let i = 3; i < d.length; i += 4) s += d[i]; return s",
        canvas,
    )


@PYTHON
def test_a_network_trains_as_it_does_natively(browser, address):
    from selenium.webdriver.common.action_chains import ActionChains

    sys.path.insert(0, str(ROOT / "docs" / "browser"))
    import program

    browser.get(f"{address}/browser/train.html")
    assert wait(browser, "window.ready") is True
    browser.execute_script("document.getElementById('go').click()")
    assert wait(browser, "window.trained") is True
    found, first = browser.execute_script("return [window.result, window.first_step]")
    native = []
    program.Training().run(3, lambda d: native.append(d) if "epoch" in d else None)
    print(
        f"in the browser: {found['speed']:.0f} steps a second (natively {native[-1]['speed']:.0f}), the first after {first:.1f} s, "
        f"{found['right']} of {found['of']} right"
    )
    assert (found["epoch"], found["right"], found["table"]) == (3, native[-1]["right"], native[-1]["table"])
    assert found["right"] > 0.93 * found["of"] and drawn(browser, "loss") and drawn(browser, "table")
    total = "[...document.querySelectorAll('meter')].map((m) => m.value).reduce((a, b) => a + b) || null"
    pad = browser.find_element("id", "pad")
    browser.execute_script("arguments[0].scrollIntoView()", pad)
    stroke = ActionChains(browser).move_to_element_with_offset(pad, 0, -80).click_and_hold()
    for y in range(-60, 81, 20):
        stroke = stroke.move_to_element_with_offset(pad, 0, y)
    stroke.release().perform()
    assert float(wait(browser, total, 60)) == pytest.approx(1, abs=1e-3)
    assert drawn(browser, "pad") and drawn(browser, "small") and drawn(browser, "slope")
    browser.execute_script("document.getElementById('clear').click()")
    assert not drawn(browser, "pad")
    browser.execute_script("document.getElementById('sample').click()")
    wait(browser, "document.getElementById('pad').getContext('2d').getImageData(0, 0, 240, 240).data.some((v) => v) || null", 60)


@PYTHON
def test_lessons_run(browser, address):
    browser.get(f"{address}/browser/lessons.html")
    assert wait(browser, "window.ready") is True
    browser.execute_script("document.querySelectorAll('.tl-lesson > button').forEach((b) => b.click())")  # all at once
    wanted = (
        "slope 0.7599",
        "gradient that arrives",
        "5 passes forward",
        "ends at [1. 1.]",
        "leaves no NaN: [0.0, 0.25]",
        "tensor([2., 2., 2.])",
    )
    for i, words in enumerate(wanted):
        lesson = f"document.querySelectorAll('.tl-lesson')[{i}]"
        said = wait(browser, f"{lesson}.querySelector('pre').textContent || {lesson}.querySelector('table')?.textContent || null", 60)
        assert words in said, (i, said)
    tape = "document.querySelectorAll('.tl-lesson')[1]"
    while browser.execute_script(f"return !{tape}.querySelector('.drawn button').disabled"):
        browser.execute_script(f"{tape}.querySelector('.drawn button').click()")
    cells = browser.execute_script(f"return [...{tape}.querySelectorAll('td')].map((d) => d.textContent)")
    assert len(cells) == 20 and browser.execute_script(f"return {tape}.querySelectorAll('svg rect').length") >= 5
