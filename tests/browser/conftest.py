"""Drive notebooks in a real JupyterLab with a real, headless Chromium.

For a test of a lesson's widget, write the cells that a learner would run, open them, and act on the page:

    @pytest.fixture(scope="module")
    def notebook(open_notebook):
        return open_notebook("pairs", ["from ... import PairBrowser", "PairBrowser(pairs)"])

    def test_the_slider_changes_the_picture(notebook):
        before = notebook.picture(".p2p-pairbrowser img")
        notebook.press(".p2p-pairbrowser .noUi-handle", "ArrowRight")
        notebook.wait_for_new_picture(".p2p-pairbrowser img", before)

* `open_notebook(name, cells)` writes the cells into a notebook of its own, opens it, and runs all of it. A path to an
  .ipynb file works in place of the cells: a copy is opened. It takes 3 to 10 seconds, so open a notebook once per test
  module and give each test its own cell.
* The server starts once per session (fixture `lab`): a random port, no token, all folders temporary, no network.
* The browser starts once per module, not per session: while Playwright runs, the thread has a running event loop, which
  would disturb the tests of other folders.
* Widgets of the course have CSS classes to find them by: `p2p-widget`, `p2p-quiz`, `p2p-job`, `p2p-picture`, and the
  name of their class in lower case, such as `p2p-pairbrowser`.
* After each module every page is kept as a picture in `test-results/browser/`.

Tests are skipped, with the reason, where there is no Chromium (`apt-get install chromium`) or no Playwright. Set
`CHROMIUM` to the path of another browser of its family.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import nbformat
import pytest

START_SECONDS = 120  # for the server, on a machine that is busy
WAIT_SECONDS = 60  # for anything that a test waits for
WINDOW = {"width": 900, "height": 1100}  # about half a screen
RESULTS = Path(__file__).resolve().parents[2] / "test-results" / "browser"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-sync",
]

ALL_CELLS_HAVE_RUN = """() => window.jupyterapp.shell.currentWidget.content.widgets
    .filter(cell => cell.model.type === 'code' && cell.model.sharedModel.source.trim())
    .every(cell => cell.model.executionCount > 0 && cell.model.executionState !== 'running')"""
KERNEL_IS_READY = """async () => {
    await window.jupyterapp.restored;
    const panel = window.jupyterapp.shell.currentWidget;
    await panel.context.ready; await panel.sessionContext.ready; await panel.revealed;
}"""


def find_chromium() -> str | None:
    """The browser to drive, or None."""
    candidates = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"]
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, candidates)), None)


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """One JupyterLab server for all browser tests."""
    pytest.importorskip("playwright.sync_api", reason="the browser tests need Playwright")
    if find_chromium() is None:
        pytest.skip("the browser tests need Chromium: apt-get install chromium, or set CHROMIUM to its path")
    root = tmp_path_factory.mktemp("lab")
    notebooks, settings = root / "notebooks", root / "settings"
    notebooks.mkdir()
    no_news = settings / "@jupyterlab" / "apputils-extension" / "notification.jupyterlab-settings"
    no_news.parent.mkdir(parents=True)
    no_news.write_text(json.dumps({"fetchNews": "false", "checkForUpdates": False}))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = dict(
        os.environ,
        JUPYTER_CONFIG_DIR=str(root / "config"),
        JUPYTER_DATA_DIR=str(root / "data"),
        JUPYTER_RUNTIME_DIR=str(root / "runtime"),
        JUPYTERLAB_SETTINGS_DIR=str(settings),
        JUPYTERLAB_WORKSPACES_DIR=str(root / "workspaces"),
        IPYTHONDIR=str(root / "ipython"),
        PIX2PIX_EDU_STRICT_WIDGETS="1",
        TF_CPP_MIN_LOG_LEVEL="3",
    )
    environment.pop("PIX2PIX_EDU_BAKE", None)
    command = [
        *(sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1", f"--port={port}"),
        *("--ServerApp.port_retries=0", f"--ServerApp.root_dir={notebooks}", "--IdentityProvider.token="),
        *("--ServerApp.password=", "--LabApp.expose_app_in_browser=True", "--LabApp.extension_manager=readonly"),
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    ]
    log = root / "lab.log"
    with log.open("w") as output:
        server = subprocess.Popen(command, stdout=output, stderr=output, env=environment, start_new_session=True)
    lab = Lab(f"http://127.0.0.1:{port}", notebooks)
    try:
        wait_for_server(f"{lab.url}/api/status", server, log)
        yield lab
    finally:
        server.terminate()
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()


def wait_for_server(url: str, server: subprocess.Popen, log: Path) -> None:
    """Wait until the server answers; fail with the end of its log if it does not."""
    end = time.monotonic() + START_SECONDS
    while True:
        try:
            urllib.request.urlopen(url, timeout=2).close()
            return
        except OSError:
            alive = server.poll() is None and time.monotonic() < end
            assert alive, f"JupyterLab did not start:\n{log.read_text()[-2000:]}"
            time.sleep(0.2)


@pytest.fixture(scope="module")
def browser(lab: Lab) -> Iterator[Any]:
    """A headless Chromium."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def open_notebook(lab: Lab, browser: Any, request: pytest.FixtureRequest) -> Iterator[Callable[..., Notebook]]:
    """Write, open and run a notebook: `open_notebook("name", ["first cell", "second cell"])`."""
    context = browser.new_context(viewport=WINDOW)
    context.set_default_timeout(WAIT_SECONDS * 1000)
    opened: dict[str, Notebook] = {}

    def open_(name: str, cells: Sequence[str] | Path, run: bool = True) -> Notebook:
        unique = f"{request.module.__name__.rpartition('.')[2]}-{name}-{len(opened)}"
        lab.write(f"{unique}.ipynb", cells)
        notebook = opened[unique] = Notebook(context.new_page(), f"{lab.url}/doc/tree/{unique}.ipynb")
        if run:
            notebook.run_all()
        return notebook

    yield open_
    RESULTS.mkdir(parents=True, exist_ok=True)
    for unique, notebook in opened.items():
        notebook.page.screenshot(path=RESULTS / f"{unique}.png")
    context.close()


class Lab:
    """A running server.

    Args:
        url: where it listens.
        folder: what it serves.
    """

    def __init__(self, url: str, folder: Path) -> None:
        self.url, self.folder = url, folder

    def write(self, name: str, cells: Sequence[str] | Path) -> None:
        """Put a notebook into the served folder: made from cells, or copied without its outputs."""
        if isinstance(cells, Path):
            notebook = nbformat.read(cells, 4)
            for cell in notebook.cells:
                if cell.cell_type == "code":
                    cell.outputs, cell.execution_count = [], None
        else:
            notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
        notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
        nbformat.write(notebook, self.folder / name)


class Notebook:
    """An open notebook; selectors are CSS.

    Args:
        page: a fresh Playwright page; whatever is not wrapped here can be done with it.
        url: of the notebook.

    Attributes:
        errors: uncaught errors of the page's JavaScript. Tests end with `assert notebook.errors == []`.
    """

    def __init__(self, page: Any, url: str) -> None:
        self.page, self.errors = page, []
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.goto(url)
        page.wait_for_selector(".jp-NotebookPanel .jp-Cell")
        page.evaluate(KERNEL_IS_READY)

    def run_all(self) -> None:
        """Run all cells, and wait until they have run."""
        run = "async () => await window.jupyterapp.commands.execute('notebook:run-all-cells')"
        assert self.page.evaluate(run) is not False
        self.page.wait_for_function(ALL_CELLS_HAVE_RUN)
        failed = self.page.locator(".jp-OutputArea-output[data-mime-type='application/vnd.jupyter.error']")
        assert failed.count() == 0, failed.first.inner_text()

    def text(self, selector: str) -> str:
        """What can be read in the first element that fits."""
        return self.page.locator(selector).first.inner_text()

    def wait_for_text(self, selector: str, text: str) -> None:
        """Wait until this text stands in the first element that fits."""
        from playwright.sync_api import expect

        expect(self.page.locator(selector).first).to_contain_text(text, timeout=WAIT_SECONDS * 1000)

    def wait_until_gone(self, selector: str, text: str) -> None:
        """Wait until this text stands no longer in the first element that fits."""
        from playwright.sync_api import expect

        expect(self.page.locator(selector).first).not_to_contain_text(text, timeout=WAIT_SECONDS * 1000)

    def click(self, selector: str, label: str) -> None:
        """Click the first button inside an element that has exactly this label."""
        button = self.page.locator(f"{selector} button", has_text=re.compile(f"^{label}$")).first
        button.scroll_into_view_if_needed()
        button.click()

    def click_inside(self, selector: str, across: float, down: float) -> None:
        """Click the first element that fits, at a share of its width and height."""
        element = self.page.locator(selector).first
        box = element.bounding_box()
        element.click(position={"x": box["width"] * across, "y": box["height"] * down})

    def press(self, selector: str, *keys: str) -> None:
        """Put the keyboard's focus on an element and press keys, such as "ArrowRight"."""
        element = self.page.locator(selector).first
        element.scroll_into_view_if_needed()
        element.focus()
        for key in keys:
            self.page.keyboard.press(key)

    def picture(self, selector: str) -> tuple[str, bytes]:
        """The picture as it is now: its address, and what is painted on the screen."""
        image = self.page.locator(selector).first
        image.scroll_into_view_if_needed()
        self._wait_for_source(selector, "")
        return image.get_attribute("src"), image.screenshot()

    def wait_for_new_picture(self, selector: str, before: tuple[str, bytes]) -> tuple[str, bytes]:
        """Wait for another picture than `before`, and make sure that it looks different on the screen."""
        self._wait_for_source(selector, before[0])
        after = self.picture(selector)
        assert after[1] != before[1], "the picture was sent again, but looks the same"
        return after

    def _wait_for_source(self, selector: str, other_than: str) -> None:
        script = """([selector, old]) => { const image = document.querySelector(selector);
            return image && image.src && image.src !== old && image.complete && image.naturalWidth > 0 }"""
        self.page.wait_for_function(script, arg=[selector, other_than])
