"""Lesson 08: what the notebook writes by hand is what the library does. The training itself is in test_training.py."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import ml_dtypes
import nbformat
import numpy as np
import pytest

import pix2pix_edu as p2p
from pix2pix_edu.cost import step_work
from pix2pix_edu.exercises import lesson_08
from pix2pix_edu.unet import count_parameters
from tools.notebooks import definitions

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOK = nbformat.read(ROOT / "notebooks" / "08_full_training_gpu.ipynb", as_version=4)


@pytest.fixture(scope="module")
def notebook():
    return definitions("08_full_training_gpu")


def new_model():
    model = p2p.Pix2Pix(p2p.generator_model(32, 2, seed=1), p2p.discriminator_model(32, 2, seed=2))
    model.compile()
    return model


@pytest.fixture(scope="module")
def batch():
    return np.random.default_rng(0).uniform(-1, 1, (2, 2, 32, 32, 3)).astype("float32")


def test_every_timed_step_is_a_step_of_the_library(notebook, batch):
    model, same = new_model(), new_model()
    losses, seconds = notebook["timed_steps"](model, *batch, steps=4)
    assert len(losses) == len(seconds) == 4 and min(seconds) > 0
    for ours in losses:
        assert ours == pytest.approx(p2p.train_step(same, *batch), rel=1e-5)


def test_operations_by_hand_are_those_of_the_library(notebook):
    by_hand = notebook["convolution_operations"]
    rows = [row for row in count_parameters(64, 8) if row.name.startswith("down")]
    down = sum(by_hand(row.size, 4, row.inputs, row.outputs) for row in rows)
    rows = [row for row in count_parameters(64, 8) if not row.name.startswith("down")]
    up = sum(by_hand(row.size // 2, 4, row.inputs + row.skip, row.outputs) for row in rows)
    assert down + up == step_work(64, 8).generator_operations


@pytest.mark.parametrize(("image_size", "filters"), [(32, 4), (64, 16), (256, 64)])
def test_activations_by_hand_are_those_of_the_library(notebook, image_size, filters):
    assert (
        notebook["generator_activations"](image_size, filters) == step_work(image_size, filters).generator_activations
    )


def test_the_largest_difference_sees_each_kind_of_state(notebook, batch):
    one, other = SimpleNamespace(model=new_model()), SimpleNamespace(model=new_model())
    difference = notebook["largest_difference"]
    assert difference(one, other) == 0
    moments = other.model.optimizer.discriminator.variables[-1]
    moments.assign(moments.value + 0.25)
    assert difference(one, other) == pytest.approx(0.25)
    p2p.train_step(one.model, *batch)
    assert difference(one, SimpleNamespace(model=new_model())) > 0


def test_the_plug_is_pulled_in_the_thirteenth_step(notebook):
    notebook["steps_seen"] = []
    for _ in range(12):
        notebook["pull_the_plug"](0, {})
    with pytest.raises(KeyboardInterrupt):
        notebook["pull_the_plug"](0, {})


@pytest.mark.parametrize(
    ("kind", "ends"), [(np.float32, 2.0), (np.float16, 1.9766), (ml_dtypes.bfloat16, 1.0)], ids=["f32", "f16", "bf16"]
)
def test_many_updates_end_where_the_exercise_says(notebook, kind, ends):
    assert notebook["many_updates"](kind) == pytest.approx(ends, abs=1e-3)
    if kind is ml_dtypes.bfloat16:
        assert lesson_08.q3.grade(notebook["many_updates"](kind)).kind == "correct"


def test_tensorboard_is_opened_only_by_people():
    (cell,) = [cell for cell in NOTEBOOK.cells if "tensorboard.start" in cell.source]
    assert cell.metadata["tags"] == ["nbval-skip"] and cell.outputs == []


def test_the_recorded_gpu_run_is_not_claimed():
    text = "\n".join(cell.source for cell in NOTEBOOK.cells if cell.cell_type == "markdown")
    assert "No full-size run on a GPU has been recorded" in text
