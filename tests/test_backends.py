"""The same model on three backends: same losses, same weights, and a run that begins on one goes on with another.

Each backend needs a process of its own, for Keras chooses its backend when it is imported. What is not installed is
skipped; JAX comes with the development tools, PyTorch does not.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parent.parent
STEPS = 20
OTHERS = [
    pytest.param(name, marks=pytest.mark.skipif(not importlib.util.find_spec(name), reason=f"{name} is not installed"))
    for name in ("jax", "torch")
]

SCRIPT = """
import json
import sys
from pathlib import Path
import numpy as np
import pix2pix_edu as p2p
from pix2pix_edu import presets
from pix2pix_edu.backend import keras
from pix2pix_edu.diffaugment import DiffAugment, augmented
from pix2pix_edu.evaluation.perceptual import feature_network

folder, steps, runs = Path(sys.argv[1]), int(sys.argv[2]), json.loads(sys.argv[3])
backend = keras.config.backend()

class SameDraws(DiffAugment):
    def call(self, pictures):  # what a backend draws is its own affair; what it does with that is not
        draws = np.random.default_rng(3).uniform(0, 1, (4, 7)).astype("float32")
        return augmented(pictures, keras.ops.convert_to_tensor(draws), self.words)

def steps_of_each_setting():
    rng = np.random.default_rng(0)
    sources, targets = (rng.uniform(-1, 1, (8, 32, 32, 3)).astype("float32") for _ in range(2))
    results = {}
    for name, settings in {
        "alternating": {}, "simultaneous": {"update": "simultaneous"},
        "distance": {"adversarial": None, "distance": "l2"},
        "hinge": {"adversarial": "hinge", "lambda_l1": 10.0},
        "after": {"feature_matching": 10.0, "perceptual": 10.0, "look": feature_network("emoji")},
    }.items():
        after = name == "after"
        networks = (  # of full depth once; for the others less is enough, and compiles faster
            p2p.generator_model(32, 4, dropout=0.0, levels=None if name == "alternating" else 3 if after else 2),
            p2p.discriminator_model(32, 4, receptive_field=16, spectral_norm=after),
        )
        start = np.random.default_rng(1)
        for network in networks:  # initial weights from NumPy: each backend has random numbers of its own
            kept = [w if set(np.unique(w)) <= {0, 1} else 0 for w in network.get_weights()]  # of the norms
            network.set_weights([start.normal(0, 0.02, w.shape) + k for w, k in zip(network.get_weights(), kept)])
        extras = {"ema": 0.9, "augment": SameDraws("colour,translation,cutout")} if after else {}
        model = p2p.Pix2Pix(*networks, **extras)
        model.compile(**settings)
        losses = []
        for step in range(steps):
            batch = slice(step % 2 * 4, step % 2 * 4 + 4)
            losses.append(list(p2p.train_step(model, sources[batch], targets[batch]).values()))
        results[f"{name}/losses"] = np.array(losses)
        averaged = model.averaged.variables if after else []
        for number, variable in enumerate([*networks[0].variables, *networks[1].variables, *averaged]):
            results[f"{name}/{number:03d}"] = keras.ops.convert_to_numpy(variable.value)
    np.savez(folder / f"steps-{backend}.npz", **results)

def train(name, epochs, resume=False, steps_per_call=1):
    pictures = np.random.default_rng(2).integers(0, 256, (12, 32, 32, 3), dtype=np.uint8)
    split = p2p.Split(pictures, 255 - pictures)
    pairs = p2p.Pairs("inverted", split, split[:4], split[:4])
    run = p2p.train(pairs, epochs=epochs, preset="tiny", run_dir=folder / name, resume=resume, seed=3, dropout=0.0,
                    batch_size=4, filters=4, levels=2, receptive_field=16, show_progress=False,
                    steps_per_call=steps_per_call)
    weights = [keras.ops.convert_to_numpy(variable.value) for variable in run.model.variables]
    np.savez(folder / name / "end.npz", *weights)
    assert p2p.translate(run, pictures[:2]).shape == (2, 32, 32, 3)
    assert p2p.translate(run, pictures[:1], "batch").mean() > 0

steps_of_each_setting()
for arguments in runs:
    train(**arguments)
print(json.dumps({"backend": backend, "gpus": presets.gpu_names(), "preset": presets.choose_preset().name}))
"""


def run_on(backend: str, folder: Path, runs: list[dict]) -> dict:
    """All that is asked of one backend, in one process: starting one costs as much as a test."""
    environment = {**os.environ, "KERAS_BACKEND": backend, "OMP_WAIT_POLICY": "PASSIVE"}
    command = [sys.executable, "-c", SCRIPT, str(folder), str(STEPS), json.dumps(runs)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def grouped(backend: str) -> list[dict]:
    return [{"name": f"{backend}-{count}", "epochs": 3, "steps_per_call": count} for count in (1, 2)]


@pytest.fixture(scope="module")
def by_tensorflow(tmp_path_factory):
    folder = tmp_path_factory.mktemp("backends")
    moved = [{"name": f"moved-to-{other.values[0]}", "epochs": 2} for other in OTHERS]
    said = run_on("tensorflow", folder, [{"name": "whole", "epochs": 4}, *moved, *grouped("tensorflow")])
    return folder, said


@pytest.fixture(scope="module", params=[pytest.param("tensorflow"), *OTHERS])
def answered(request, by_tensorflow):
    """A backend, the folder with its runs, and what it said of this machine."""
    backend, (folder, said) = request.param, by_tensorflow
    if backend != "tensorflow":
        moved = {"name": f"moved-to-{backend}", "epochs": 4, "resume": True}
        said = run_on(backend, folder, [moved, *grouped(backend)])
    return backend, folder, said


@pytest.fixture
def other(answered):
    if answered[0] == "tensorflow":
        pytest.skip("the backend that the others are compared with")
    return answered


def far_apart(one: Path, two: Path) -> float:
    """The share of the weights that differ."""
    ends = [dict(np.load(folder / "end.npz")) for folder in (one, two)]
    assert ends[0].keys() == ends[1].keys()  # the pairs on the device have left no trace in the model
    return float(np.mean([(np.abs(ends[0][name] - ends[1][name]) > 2e-4).mean() for name in ends[0]]))


def test_twenty_steps_end_alike(other):
    backend, folder, _ = other
    expected_ends, found = (dict(np.load(folder / f"steps-{name}.npz")) for name in ("tensorflow", backend))
    assert found.keys() == expected_ends.keys()
    for name, expected in expected_ends.items():
        if name.endswith("losses"):
            assert expected.shape[0] == STEPS and np.ptp(expected, axis=0).max() > 0.01  # something was learnt
            np.testing.assert_allclose(found[name], expected, rtol=2e-3, atol=1e-3, err_msg=name)
        else:
            # Where a gradient is tiny Adam's step is its sign: rounding may turn it round, so all but a few must agree.
            assert (np.abs(found[name] - expected) > 2e-4).mean() < 0.02, name


def test_a_run_that_began_on_one_backend_goes_on_with_another(other):
    backend, folder, _ = other
    whole, moved = folder / "whole", folder / f"moved-to-{backend}"
    assert far_apart(whole, moved) < 0.01
    rows = [(run / "losses.csv").read_text().splitlines() for run in (whole, moved)]
    assert len(rows[0]) == len(rows[1]) == 5
    measured = [[float(value) for value in row[-1].split(",")[1:4]] for row in rows]
    np.testing.assert_allclose(measured[1], measured[0], rtol=1e-3)


def test_steps_grouped_on_the_device_are_the_same_steps(answered):
    """Three steps an epoch: with two in a call the second call of each epoch has one step only."""
    backend, folder, _ = answered
    one, two = folder / f"{backend}-1", folder / f"{backend}-2"
    assert far_apart(one, two) < 0.01
    losses = [np.loadtxt(run / "losses.csv", delimiter=",", skiprows=1)[:, 1:7] for run in (one, two)]
    np.testing.assert_allclose(losses[1], losses[0], rtol=2e-3)


def test_each_backend_can_say_which_gpus_there_are(answered):
    backend, _, said = answered
    assert said["backend"] == backend and isinstance(said["gpus"], list)
    assert said["preset"] in ("small", "paper", "tiny")


def test_an_unknown_backend_is_explained():
    code = "import keras; keras.config.backend = lambda: 'numpy'; import pix2pix_edu as p2p; p2p.Pix2Pix"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert "Available: tensorflow, jax, torch" in done.stderr
