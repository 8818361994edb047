"""Memory stays from step to step: counted in pages that the system had to hand out, never in seconds."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from pix2pix_edu import memory

GLIBC = memory._glibc() is not None
only_here = pytest.mark.skipif(not GLIBC, reason="only the GNU C library can be told to keep memory")

COUNTING = """
import resource
import numpy as np
from pix2pix_edu.memory import kept_memory

def pages():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

def resident():
    return int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize() / 2**20
"""

ARRAYS = """
import tensorflow as tf
next(iter(tf.data.Dataset.from_generator(lambda: iter([0]), output_signature=tf.TensorSpec((), tf.int32))))

def ten_arrays():
    before = pages()
    for _ in range(10):
        np.ones(2**20)  # 8 MB, 2,048 pages
    return pages() - before

ten_arrays()
with kept_memory() as kept:
    ten_arrays()
    print(kept, ten_arrays())
    many = [np.ones(2**20) for _ in range(30)]
    most = resident()
    del many
print(most - resident())
"""

STEPS = """
import contextlib
import pix2pix_edu as p2p
from pix2pix_edu.backend import keras
from pix2pix_edu.steps import tensorflow as step
from pix2pix_edu.training import TrainingBatches

class Counter(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        self.before = pages()
    def on_epoch_end(self, epoch, logs=None):
        self.count = pages() - self.before

pictures = np.random.default_rng(0).integers(0, 256, (40, 64, 64, 3), np.uint8)
model = p2p.Pix2Pix(p2p.generator_model(64, 16), p2p.discriminator_model(64, 16))
model.compile()
batches, counter = TrainingBatches(p2p.Split(pictures, pictures), 4), Counter()
for way in (contextlib.nullcontext, kept_memory):
    step.kept_memory = way
    model.fit(batches, epochs=3, verbose=0, callbacks=[counter])
    print(counter.count)
"""


def run(code: str) -> list[str]:
    """What a fresh process prints: the settings hold for a whole process, and once."""
    environment = {**os.environ, "KERAS_BACKEND": "tensorflow", "TF_NUM_INTRAOP_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", COUNTING + code], capture_output=True, text=True, check=False, env=environment
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


@only_here
def test_arrays_are_kept_after_tensorflow_said_otherwise_and_given_back_at_the_end():
    kept, new_pages, given_back = run(ARRAYS)
    assert kept == "True" and int(new_pages) < 500, "without it, ten arrays are 20,480 pages"
    assert float(given_back) > 200, "megabytes, of 240"


@only_here
def test_later_steps_of_a_training_need_hardly_any_new_pages():
    without, with_it = map(int, run(STEPS))
    assert without > 10_000, "or TensorFlow has stopped giving everything back, and the module can go"
    assert with_it < without / 5


@pytest.mark.parametrize("error", [ValueError, OSError, AttributeError])
def test_where_there_is_another_c_library_nothing_happens(monkeypatch, error):
    def confstr(name):
        raise error("unrecognized configuration name")

    monkeypatch.setattr(os, "confstr", confstr, raising=False)
    with memory.kept_memory() as kept:
        assert kept is False


@only_here
def test_an_error_inside_gets_out(monkeypatch):
    monkeypatch.setattr(memory, "_let_tensorflow_go_first", lambda: None)
    with pytest.raises(ZeroDivisionError), memory.kept_memory():
        raise ZeroDivisionError
