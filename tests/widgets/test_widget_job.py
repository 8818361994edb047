"""Long work: it reports, stops between two steps, goes on, begins anew, and cleans up whatever happens."""

import asyncio
import threading
import time

import pytest

from pix2pix_edu.widgets import job as job_module
from pix2pix_edu.widgets.job import Job


class Work:
    """Counts to `total`; notes when it is cleaned up; fails at step `fail_at`."""

    def __init__(self, total=5, fail_at=None, seconds=0.0):
        self.total, self.fail_at, self.seconds = total, fail_at, seconds
        self.count, self.begun, self.cleaned, self.after_the_loop = 0, 0, 0, False

    def __call__(self):
        self.begun += 1
        try:
            for step in range(1, self.total + 1):
                time.sleep(self.seconds)
                if step == self.fail_at:
                    raise ValueError("no memory <left>")
                self.count = step
                yield step
            self.after_the_loop = True
        finally:
            self.cleaned += 1


def button(job, name):
    row = job.view.children[0].children
    return next(child for child in row if getattr(child, "description", None) == name)


def test_without_an_event_loop_start_works_to_the_end():
    work, seen = Work(), []
    job = Job(work, total=5, name="Counting", on_update=seen.append)
    assert job.status == "ready, step 0 of 5"
    job.start()
    assert (job.state, job.done, job.latest) == ("finished", 5, 5)
    assert work.after_the_loop and work.cleaned == 1 and seen[-1] == 5
    job.start()
    job.step()
    job.run()
    assert work.begun == 1, "finished work does not begin again by itself"


def test_single_steps_make_exactly_one_step_each_and_then_start_goes_on():
    work = Work()
    job = Job(work, total=5)
    for expected in (1, 2):
        job.step()
        assert (job.state, job.done, work.count) == ("stopped", expected, expected)
    job.start()
    assert job.state == "finished" and work.begun == 1


def test_reset_cleans_up_and_the_next_start_begins_anew():
    work = Work()
    job = Job(work, total=5)
    job.step()
    job.reset()
    assert (job.state, job.done, job.latest, work.cleaned) == ("ready", 0, None, 1)
    job.step()
    assert work.begun == 2 and job.done == 1


def test_stop_from_inside_the_work_rests_after_that_step():
    def work():
        for step in range(100):
            if step == 3:
                job.stop()
            yield step

    job = Job(work, total=100)
    job.start()
    assert (job.state, job.done) == ("stopped", 4)
    job.start()
    assert (job.state, job.done) == ("finished", 100)


def run_in_a_notebook(coroutine):
    """Like a kernel: an event loop is running, and what is clicked arrives between two slices of work."""
    return asyncio.run(asyncio.wait_for(coroutine, timeout=30))


def test_in_a_notebook_start_returns_at_once_and_a_click_stops_it(monkeypatch):
    monkeypatch.setattr(job_module, "SLICE_SECONDS", 0.002)
    work, seen = Work(total=10**6, seconds=0.0005), []
    job = Job(work, total=10**6, on_update=seen.append)

    async def learner():
        button(job, "Start").click()
        assert job.state == "running" and work.count == 0, "start returns before the work begins"
        while job.done < 3:
            await asyncio.sleep(0.001)
        assert button(job, "One step").disabled and button(job, "Begin anew").disabled
        button(job, "Stop").click()
        await job.wait()
        rested = job.done
        await asyncio.sleep(0.03)
        assert job.state == "stopped" and job.done == rested == work.count == seen[-1]
        button(job, "One step").click()
        assert job.done == rested + 1
        button(job, "Go on").click()
        while job.done < rested + 4:
            await asyncio.sleep(0.001)
        job.stop()
        job.start()  # before the old task has noticed: there must not be two of them
        task = job._task
        job.stop()
        job.start()
        assert job._task is task
        job.stop()
        await job.wait()
        button(job, "Begin anew").click()
        assert job.state == "ready" and work.cleaned == 1

    run_in_a_notebook(learner())


def in_another_thread(action):
    """As JupyterLab delivers a click: in a thread of its own, while the main thread may be busy."""
    thread = threading.Thread(target=action)
    thread.start()
    thread.join(10)
    assert not thread.is_alive()


def test_clicks_from_another_thread_leave_all_steps_to_the_thread_that_made_the_job(monkeypatch):
    monkeypatch.setattr(job_module, "SLICE_SECONDS", 0.002)
    threads = set()

    def work():
        for step in range(10**6):
            threads.add(threading.current_thread())
            yield step

    async def learner():
        job = Job(work, total=10**6)
        in_another_thread(button(job, "One step").click)
        assert job.done == 0, "the main thread was busy, so nothing has happened yet"
        await asyncio.sleep(0.01)
        assert job.done == 1 and job.state == "stopped"
        in_another_thread(button(job, "Go on").click)
        while job.done < 3:
            await asyncio.sleep(0.001)
        in_another_thread(job.stop)
        await job.wait()
        assert job.state == "stopped"
        in_another_thread(job.start)
        in_another_thread(job.stop)
        await asyncio.sleep(0.01)
        await job.wait()
        assert job.state == "stopped", "the last click counts"
        in_another_thread(job.reset)
        await asyncio.sleep(0.01)
        assert job.state == "ready"

    run_in_a_notebook(learner())
    assert threads == {threading.main_thread()}


def test_a_cell_that_runs_the_job_to_its_end_can_be_stopped_from_another_thread():
    async def cell():
        job = Job(Work(total=10**9, seconds=0.001), total=10**9)
        threading.Timer(0.05, job.stop).start()
        job.run()
        assert job.state == "stopped" and job.done > 0
        await asyncio.sleep(0)

    run_in_a_notebook(cell())


def test_in_a_notebook_work_finishes_by_itself():
    work = Work(total=20)
    job = Job(work, total=20)

    async def learner():
        await job.wait()  # nothing to wait for yet
        job.start()
        await job.wait()

    run_in_a_notebook(learner())
    assert job.state == "finished" and work.after_the_loop and button(job, "Start").disabled


def test_an_error_is_shown_the_work_is_cleaned_up_and_can_begin_anew(monkeypatch):
    monkeypatch.setenv("PIX2PIX_EDU_STRICT_WIDGETS", "0")
    work = Work(fail_at=3)
    job = Job(work, total=5)
    job.start()
    assert (job.state, job.done, work.cleaned) == ("failed", 2, 1) and isinstance(job.error, ValueError)
    assert "ValueError: no memory &lt;left&gt;" in job.view.children[1].value
    work.fail_at = None
    job.start()
    assert (job.state, job.done, job.error, work.begun) == ("finished", 5, None, 2)
    assert job.view.children[1].value == ""


def test_an_error_fails_the_run_in_strict_mode():
    job = Job(Work(fail_at=1), total=5)
    with pytest.raises(ValueError, match="no memory"):
        job.start()
    assert job.state == "failed"


def test_an_error_while_drawing_the_progress_stops_the_work(monkeypatch):
    monkeypatch.setenv("PIX2PIX_EDU_STRICT_WIDGETS", "0")
    work = Work(total=10**9)
    job = Job(work, total=10**9, on_update=lambda value: 1 / 0)
    job.step()
    assert job.state == "failed" and isinstance(job.error, ZeroDivisionError) and work.cleaned == 1


def test_interrupting_the_kernel_cleans_up_and_is_not_swallowed():
    work = Work()

    def interrupted():
        for value in work():
            if value == 3:
                raise KeyboardInterrupt
            yield value

    job = Job(interrupted, total=5)
    with pytest.raises(KeyboardInterrupt):
        job.run()
    assert job.state == "failed" and job.done == 2 and "Interrupted" in job.view.children[1].value


def test_the_bar_and_the_words_follow_even_if_there_are_more_steps_than_announced():
    job = Job(lambda: iter(range(7)), total=5, name="Over")
    job.start()
    bar, status = job.view.children[0].children[3:5]
    assert bar.value == 5 and status.value == "Over: finished, step 7 of 5"
