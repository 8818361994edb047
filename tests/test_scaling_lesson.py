"""Lesson 14: the programs that the notebook writes do what the library does, and its small functions are right.

Several devices and hosts are proved in test_scaling.py.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import nbformat
import numpy as np
import pytest
import tensorflow as tf

import pix2pix_edu as p2p
from pix2pix_edu import scaling
from pix2pix_edu.cost import step_work

ROOT = Path(__file__).resolve().parent.parent
SECONDS = 420
CELLS = [
    cell.source
    for cell in nbformat.read(ROOT / "notebooks" / "14_scaling_out.ipynb", 4).cells
    if cell.cell_type == "code"
]


def cell_with(text):
    (found,) = [cell for cell in CELLS if text in cell]
    return found


def functions(*names, **namespace):
    """The notebook's functions of these names."""
    for name in names:
        code = cell_with(f"def {name}(")
        lines = code.splitlines()
        first = next(number for number, line in enumerate(lines) if line.startswith(f"def {name}("))
        body = [lines[first]]
        for line in lines[first + 1 :]:
            if line and not line.startswith((" ", ")")):
                break
            body.append(line)
        exec("\n".join(body), namespace)
    return [namespace[name] for name in names]


@pytest.fixture(scope="module")
def programs(tmp_path_factory):
    """The files that the notebook's cells write, and the start that its networks and pictures give."""
    folder = tmp_path_factory.mktemp("programs")
    for cell in CELLS:
        if cell.startswith("%%writefile"):
            first, _, text = cell.partition("\n")
            *_, name = first.split()
            with (folder / name).open("a" if " -a " in first else "w") as file:
                file.write(text + "\n")
    (new_networks,) = functions("new_networks", p2p=p2p)
    pictures = np.random.default_rng(0).uniform(-1, 1, (2, 16, 32, 32, 3)).astype("float32")
    weights = [weight for network in new_networks() for weight in network.get_weights()]
    np.savez(folder / "start.npz", *pictures, *weights)
    return folder


@pytest.fixture(scope="module")
def by_library(programs):
    """Three steps of the library on TensorFlow, from that start."""
    sources, targets, *_ = np.load(programs / "start.npz").values()
    (new_networks,) = functions("new_networks", p2p=p2p)
    model = p2p.Pix2Pix(*new_networks())
    model.compile()
    logs = [p2p.train_step(model, sources, targets) for _ in range(3)]
    weights = [*model.generator.get_weights(), *model.discriminator.get_weights()]
    return [[log[name] for name in ("d_loss", "g_loss", "l1")] for log in logs], weights


def run(folder, program, framework, *arguments):
    settings = {"KERAS_BACKEND": framework, "OMP_WAIT_POLICY": "PASSIVE", "JAX_DISABLE_MOST_OPTIMIZATIONS": "1"}
    command = [sys.executable, program, *arguments]
    options = {"cwd": folder, "env": {**os.environ, **settings}, "capture_output": True, "text": True}
    done = subprocess.run(command, timeout=SECONDS, **options)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.mark.parametrize("framework", ["jax", "torch"])
def test_the_step_by_hand_is_the_librarys(framework, programs, by_library):
    if importlib.util.find_spec(framework) is None:
        pytest.skip(f"{framework} is not installed")
    run(programs, f"step_{framework}.py", framework)
    losses, *weights = np.load(programs / f"after_{framework}.npz").values()
    np.testing.assert_allclose(losses, by_library[0], rtol=1e-4)
    start = list(np.load(programs / "start.npz").values())[2:]
    assert min(np.abs(now - before).max() for now, before in zip(weights, start, strict=True)) > 1e-6
    (agreement,) = functions("agreement", np=np)
    assert agreement(weights, by_library[1]) > 0.99
    assert agreement(weights, start) < 0.5, "the agreement is not just that of weights that hardly move"


def test_the_ring_in_the_notebook_adds_up_and_sends_what_the_formula_says():
    (ring,) = functions("ring")
    for devices in (2, 3, 5):
        held = [[int(number) for number in row] for row in np.random.default_rng(0).integers(0, 99, (devices, devices))]
        total = np.sum(held, axis=0).tolist()
        sent = ring(held)
        assert held == [total] * devices
        assert sent / devices * 120 * 4 == pytest.approx(scaling.all_reduce_bytes(120, devices))


def test_halves_agree_with_the_whole_but_for_batch_norm():
    pictures = np.random.default_rng(0).uniform(-1, 1, (2, 16, 32, 32, 3)).astype("float32")
    shared = {"np": np, "tf": tf, "p2p": p2p, "sources": pictures[0], "targets": pictures[1]}
    _, off_by = functions("gradients_of", "off_by", **shared)
    assert off_by("none") < 1e-4 and off_by("instance") < 1e-4
    assert off_by("batch") > 0.01


def test_numbers_in_the_prose_are_those_of_the_library():
    text = "\n".join(
        cell.source for cell in nbformat.read(ROOT / "notebooks" / "14_scaling_out.ipynb", 4).cells
    )  # fmt: skip
    work = step_work(256, 64)
    assert f"{work.generator_parameters / 1e6:.1f} million parameters" in text
    two, many = (scaling.all_reduce_bytes(work.parameters, devices) / 1e6 for devices in (2, 64))
    assert f"{two:.0f} MB with two, {many:.0f} MB with 64" in text
    assert f"{256 * 256 * 6 * 1_000_000 / 1e9:.0f} GB of pixels" in text


def test_the_shipped_measurement_is_complete_and_that_of_the_benchmarks():
    growth = scaling.measured_growth()
    assert growth == json.loads((ROOT / "benchmarks" / "results" / "cost_growth.json").read_text())
    assert set(growth["machine"]) >= {"processor", "cores", "python", "keras", "tensorflow", "date", "command"}
    for name, rows in growth["growth"].items():
        assert [row[name] for row in rows] == sorted({row[name] for row in rows}) and len(rows) >= 4
        for row in rows:
            work = step_work(row["image_size"], row["filters"], row["batch_size"])
            assert row["operations"] == work.operations and row["parameters"] == work.parameters
            assert row["low"] <= row["seconds_per_step"] <= row["high"]
            assert all(row[other] == growth["base"][other] for other in growth["base"] if other != name)


def test_a_value_that_was_not_measured_is_refused():
    growth = scaling.measured_growth()
    with pytest.raises(p2p.errors.UsageError, match="image_size=100 was not measured"):
        scaling.growth_factor(growth, image_size=100)
    first = growth["growth"]["batch_size"][0]
    base = next(row for row in growth["growth"]["filters"] if row["filters"] == growth["base"]["filters"])
    expected = first["seconds_per_step"] / base["seconds_per_step"]
    assert scaling.growth_factor(growth, batch_size=first["batch_size"]) == pytest.approx(expected)


def test_one_benchmark_measures_a_step_and_an_epoch():
    from benchmarks import cost_growth

    row = cost_growth.measure_step({"image_size": 32, "filters": 2, "batch_size": 2}, steps=2)
    assert row["seconds_per_step"] > 0 and row["operations"] == step_work(32, 2, 2).operations
    settings = cost_growth.settings_to_measure()
    assert len(settings) == 1 + 3 + 3 + 4 + 2 and settings[0] == cost_growth.BASE
    rounds = [{"seconds_per_step": 0.3, "memory_bytes": 1}, {"seconds_per_step": 0.2, "memory_bytes": 2}]
    assert cost_growth.quickest(rounds) == rounds[1]
