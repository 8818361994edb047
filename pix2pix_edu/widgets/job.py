"""Long work in a notebook that shows its progress and can be stopped."""

from __future__ import annotations

import asyncio
import html
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import ipywidgets

from pix2pix_edu.widgets.base import error_markup, is_strict, show_view
from pix2pix_edu.widgets.names import Names

SLICE_SECONDS = 0.1  # a job works for so long, ...
PAUSE_SECONDS = 0.01  # ... then lets the notebook read its messages: a click on Stop, another control


class Job:
    """Long work in steps, with a progress bar and buttons to start, stop, move on by one step, and begin anew.

    A kernel's main thread does one thing at a time: while a loop runs in a cell, nothing else does. So the work is a
    *generator*, and each `yield` is a moment at which everything is consistent. The job takes steps for a tenth of a
    second on the kernel's own event loop, then lets the kernel read its messages, such as a click on Stop.

    JupyterLab 4.4 and later deliver clicks in a second thread, even while a cell runs. They only leave a request here:
    all steps are made in the thread that made the job. So nothing ever changes under the hands of another cell; while
    a cell runs, the job rests.

    Where no event loop runs (a script, a test) `start` works through to the end.

    Args:
        steps: a function without arguments that returns a generator; called when the work begins, and after `reset`.
        total: how many steps there are.
        name: what is being done, such as "Training".
        on_update: called with the value last yielded, about ten times a second and whenever the work rests.

    Attributes:
        state: "ready", "running", "stopped", "finished" or "failed".
        done: how many steps have been made.
        latest: the value last yielded.
        error: what the work raised, if it failed.

    >>> job = Job(lambda: iter("abc"), total=3)
    >>> job.step(); job.state, job.done, job.latest
    ('stopped', 1, 'a')
    >>> job.start(); job.state, job.done, job.latest
    ('finished', 3, 'c')
    """

    def __init__(
        self,
        steps: Callable[[], Iterator[Any]],
        *,
        total: int,
        name: str = "Working",
        on_update: Callable[[Any], None] | None = None,
    ) -> None:
        self.total, self.name = total, name
        self.state, self.done, self.latest = "ready", 0, None
        self.error: Exception | None = None
        self._make_steps, self._on_update = steps, on_update
        self._steps: Iterator[Any] | None = None
        self._task: asyncio.Task | None = None
        self._stop_wanted = False
        self._thread, self._loop = threading.current_thread(), _running_loop()
        self._bar = ipywidgets.IntProgress(min=0, max=max(total, 1), layout=ipywidgets.Layout(width="200px"))
        self._status, self._message = ipywidgets.HTML(), ipywidgets.HTML()
        self._run_button = ipywidgets.Button(description="Start", layout=ipywidgets.Layout(width="90px"))
        self._step_button = ipywidgets.Button(description="One step", layout=ipywidgets.Layout(width="90px"))
        self._reset_button = ipywidgets.Button(description="Begin anew", layout=ipywidgets.Layout(width="100px"))
        self._run_button.on_click(lambda _: self.stop() if self.state == "running" else self.start())
        self._step_button.on_click(lambda _: self.step())
        self._reset_button.on_click(lambda _: self.reset())
        buttons = [self._run_button, self._step_button, self._reset_button, self._bar, self._status]
        row = ipywidgets.HBox(buttons, layout=ipywidgets.Layout(flex_flow="row wrap", align_items="center"))
        self.view = ipywidgets.VBox([row, self._message, Names()])
        self.view.add_class("p2p-widget")
        self.view.add_class("p2p-job")
        self._report()

    # What a learner, a notebook or a test uses

    @property
    def status(self) -> str:
        """Where the work is, in words."""
        return f"{self.state}, step {self.done:,} of {self.total:,}"

    def start(self) -> None:
        """Begin, or go on after `stop`; returns at once where an event loop runs (a notebook), else at the end."""
        self._hand_over(self._start)

    def step(self) -> None:
        """Make one step and rest."""
        self._hand_over(self._step_once)

    def stop(self) -> None:
        """Rest after the present step; `start` goes on from there."""
        self._stop_wanted = True  # seen between two steps, whichever thread they are in
        self._hand_over(self._rest)

    def reset(self) -> None:
        """Stop and forget: the next start makes a fresh generator."""
        self._hand_over(self._forget)

    def run(self) -> None:
        """Work to the end before returning, as a script or a cell that needs the result does."""
        if self.state == "finished":
            return
        self._begin()
        try:
            while self.state == "running":
                self._slice()
        except KeyboardInterrupt:  # in the middle of a step: the generator is over
            self._end("failed")
            self._message.value = "Interrupted."
            raise

    async def wait(self) -> None:
        """Wait until the work rests: `await job.wait()` in a cell."""
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)

    def _ipython_display_(self) -> None:
        show_view(self.view, text=f"{self.name}: {self.status}.")

    # Everything below happens in the thread that made the job

    def _hand_over(self, action: Callable[[], None]) -> None:
        """Do it now, or where this is another thread, let the job's own thread do it as soon as it is free."""
        if self._loop is None or threading.current_thread() is self._thread:
            action()
        else:
            self._loop.call_soon_threadsafe(action)

    def _start(self) -> None:
        if self.state in ("running", "finished"):
            return
        loop = _running_loop()
        if loop is None:
            self.run()
            return
        self._begin()
        if self._task is None or self._task.done():  # after a quick stop and start the old one simply goes on
            self._task = loop.create_task(self._work())

    def _step_once(self) -> None:
        if self.state in ("running", "finished"):
            return
        self._begin()
        self._advance()
        self._rest()

    def _rest(self) -> None:
        if self.state == "running":
            self._set("stopped")
            self._update()

    def _forget(self) -> None:
        self.done, self.latest, self.error = 0, None, None
        self._message.value = ""
        self._end("ready")

    async def _work(self) -> None:
        """One slice of work after another; in between, the event loop is free for the kernel's messages."""
        while self.state == "running":
            self._slice()
            await asyncio.sleep(PAUSE_SECONDS)

    def _slice(self) -> None:
        """Steps until a tenth of a second is over or the work rests."""
        end = time.perf_counter() + SLICE_SECONDS
        while self.state == "running" and time.perf_counter() < end:
            self._advance()
            if self._stop_wanted and self.state == "running":
                self._set("stopped")
        self._update()

    def _begin(self) -> None:
        """From rest to running; after a failure from the beginning."""
        if self.state == "failed":
            self._forget()
        if self._steps is None:
            self._steps = self._make_steps()
        self._stop_wanted = False
        self._set("running")

    def _advance(self) -> None:
        """Exactly one step."""
        assert self._steps is not None
        try:
            self.latest = next(self._steps)
            self.done += 1
        except StopIteration:
            self._end("finished")
        except Exception as error:
            self._fail(error)

    def _update(self) -> None:
        self._report()
        if self._on_update is None or self.done == 0:
            return
        try:
            self._on_update(self.latest)
        except Exception as error:
            self._fail(error)

    def _fail(self, error: Exception) -> None:
        self.error = error
        self._message.value = error_markup(error)
        self._end("failed")
        if is_strict():
            raise error

    def _end(self, state: str) -> None:
        """Close the generator where it stands, so that its `finally` blocks run now."""
        close = getattr(self._steps, "close", None)
        self._steps = None
        if close is not None:
            close()
        self._set(state)

    def _set(self, state: str) -> None:
        self.state = state
        self._report()

    def _report(self) -> None:
        self._bar.value = min(self.done, self.total)
        self._status.value = html.escape(f"{self.name}: {self.status}")
        self._run_button.description = {"running": "Stop", "stopped": "Go on"}.get(self.state, "Start")
        self._run_button.disabled = self.state == "finished"
        self._step_button.disabled = self.state in ("running", "finished")
        self._reset_button.disabled = self.state in ("ready", "running")


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
