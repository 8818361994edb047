"""The same model on three backends: same losses, same weights, and a run that begins on one goes on with another.

Each backend needs a process of its own, for Keras chooses its backend when it is imported. What is not installed is
skipped; JAX comes with the development tools, PyTorch does not.
"""

from __future__ import annotations

import importlib.util
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

STEPS_SCRIPT = """
import sys
import numpy as np
import pix2pix_edu as p2p
from pix2pix_edu.backend import keras
from pix2pix_edu.diffaugment import DiffAugment, augmented
from pix2pix_edu.evaluation.perceptual import feature_network
out, steps = sys.argv[1], int(sys.argv[2])

class SameDraws(DiffAugment):
    def call(self, pictures):  # what a backend draws is its own affair; what it does with that is not
        draws = np.random.default_rng(3).uniform(0, 1, (4, 7)).astype("float32")
        return augmented(pictures, keras.ops.convert_to_tensor(draws), self.words)

rng = np.random.default_rng(0)
sources, targets = (rng.uniform(-1, 1, (8, 32, 32, 3)).astype("float32") for _ in range(2))
results = {}
for name, settings in {
    "alternating": {}, "simultaneous": {"update": "simultaneous"}, "distance": {"adversarial": None, "distance": "l2"},
    "hinge": {"adversarial": "hinge", "lambda_l1": 10.0},
    "after": {"feature_matching": 10.0, "perceptual": 10.0, "look": feature_network("emoji")},
}.items():
    after = name == "after"
    networks = (
        p2p.generator_model(32, 4, dropout=0.0, levels=3 if after else None),
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
np.savez(out, **results)
print(keras.config.backend())
"""

RUN_SCRIPT = """
import sys
import numpy as np
import pix2pix_edu as p2p
from pix2pix_edu.backend import keras
folder, epochs, resume = sys.argv[1], int(sys.argv[2]), sys.argv[3] == "resume"
pictures = np.random.default_rng(2).integers(0, 256, (12, 32, 32, 3), dtype=np.uint8)
split = p2p.Split(pictures, 255 - pictures)
pairs = p2p.Pairs("inverted", split, split[:4], split[:4])
run = p2p.train(pairs, epochs=epochs, preset="tiny", run_dir=folder, resume=resume, seed=3, dropout=0.0,
                batch_size=4, filters=4, show_progress=False, steps_per_call=int((sys.argv + ["1"])[4]))
np.savez(folder + "/end.npz", *[keras.ops.convert_to_numpy(variable.value) for variable in run.model.variables])
print(keras.config.backend(), p2p.translate(run, pictures[:2]).shape, p2p.translate(run, pictures[:1], "batch").mean())
"""


def run_on(backend: str, script: str, *arguments: object) -> str:
    environment = {**os.environ, "KERAS_BACKEND": backend, "OMP_WAIT_POLICY": "PASSIVE"}
    command = [sys.executable, "-c", script, *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout.strip()


@pytest.fixture(scope="module")
def by_tensorflow(tmp_path_factory):
    path = tmp_path_factory.mktemp("tensorflow") / "end.npz"
    assert run_on("tensorflow", STEPS_SCRIPT, path, STEPS) == "tensorflow"
    return dict(np.load(path))


@pytest.mark.parametrize("backend", OTHERS)
def test_twenty_steps_end_alike(backend, by_tensorflow, tmp_path):
    path = tmp_path / "end.npz"
    assert run_on(backend, STEPS_SCRIPT, path, STEPS) == backend
    found = dict(np.load(path))
    assert found.keys() == by_tensorflow.keys()
    for name, expected in by_tensorflow.items():
        if name.endswith("losses"):
            assert expected.shape[0] == STEPS and np.ptp(expected, axis=0).max() > 0.01  # something was learnt
            np.testing.assert_allclose(found[name], expected, rtol=2e-3, atol=1e-3, err_msg=name)
        else:
            # Where a gradient is tiny Adam's step is its sign: rounding may turn it round, so all but a few must agree.
            assert (np.abs(found[name] - expected) > 2e-4).mean() < 0.02, name


@pytest.mark.parametrize("backend", OTHERS)
def test_a_run_that_began_on_one_backend_goes_on_with_another(backend, tmp_path):
    whole, moved = tmp_path / "whole", tmp_path / "moved"
    run_on("tensorflow", RUN_SCRIPT, whole, 4, "begin")
    run_on("tensorflow", RUN_SCRIPT, moved, 2, "begin")
    assert run_on(backend, RUN_SCRIPT, moved, 4, "resume").split()[0] == backend
    ends = [dict(np.load(folder / "end.npz")) for folder in (whole, moved)]
    assert ends[0].keys() == ends[1].keys()
    far = [(np.abs(ends[0][name] - ends[1][name]) > 2e-4).mean() for name in ends[0]]
    assert np.mean(far) < 0.01
    rows = [(folder / "losses.csv").read_text().splitlines() for folder in (whole, moved)]
    assert len(rows[0]) == len(rows[1]) == 5
    measured = [[float(value) for value in row[-1].split(",")[1:4]] for row in rows]
    np.testing.assert_allclose(measured[1], measured[0], rtol=1e-3)


@pytest.mark.parametrize("backend", [pytest.param("tensorflow"), *OTHERS])
def test_steps_grouped_on_the_device_are_the_same_steps(backend, tmp_path):
    """Three steps an epoch: with two in a call the second call of each epoch has one step only."""
    one, two = tmp_path / "one", tmp_path / "two"
    run_on(backend, RUN_SCRIPT, one, 3, "begin", 1)
    run_on(backend, RUN_SCRIPT, two, 3, "begin", 2)
    ends = [dict(np.load(folder / "end.npz")) for folder in (one, two)]
    assert ends[0].keys() == ends[1].keys()  # the pairs on the device have left no trace in the model
    far = [(np.abs(ends[0][name] - ends[1][name]) > 2e-4).mean() for name in ends[0]]
    assert np.mean(far) < 0.01
    losses = [np.loadtxt(folder / "losses.csv", delimiter=",", skiprows=1)[:, 1:7] for folder in (one, two)]
    np.testing.assert_allclose(losses[1], losses[0], rtol=2e-3)


@pytest.mark.parametrize("backend", [pytest.param("tensorflow"), *OTHERS])
def test_each_backend_can_say_which_gpus_there_are(backend):
    code = "import pix2pix_edu.presets as p; names = p.gpu_names(); print(type(names).__name__, p.choose_preset().name)"
    found = run_on(backend, code)
    assert found.split()[0] == "list" and found.split()[1] in ("small", "paper", "tiny")


def test_an_unknown_backend_is_explained():
    code = "import keras; keras.config.backend = lambda: 'numpy'; import pix2pix_edu as p2p; p2p.Pix2Pix"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert "Available: tensorflow, jax, torch" in done.stderr
