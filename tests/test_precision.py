"""Half precision: what is computed with 16 bits, what is not, and that it learns the same."""

from __future__ import annotations

import json
import zipfile

import numpy as np
import pytest

import pix2pix_edu as p2p
from pix2pix_edu import precision as module
from pix2pix_edu.backend import keras
from pix2pix_edu.errors import CheckpointError, UsageError
from pix2pix_edu.precision import POLICIES, best_precision, in_float32, needs_loss_scaling, policy_of

HALVES = ("bfloat16", "float16")


def networks(precision: str, **options) -> tuple[keras.Model, keras.Model]:
    generator = p2p.generator_model(32, 8, seed=1, precision=precision, **options)
    return generator, p2p.discriminator_model(32, 8, receptive_field=34, seed=2, precision=precision)


def batch(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    source = np.random.default_rng(seed).uniform(-1, 1, (4, 32, 32, 3)).astype("float32")
    return source, -0.5 * source


@pytest.mark.parametrize("precision", HALVES)
@pytest.mark.parametrize("norm", ["batch", "instance"])
def test_layers_compute_in_half_precision_and_weights_and_outputs_do_not(precision, norm):
    generator = p2p.generator_model(32, 4, norm=norm, precision=precision)
    discriminator = p2p.discriminator_model(32, 4, receptive_field=16, norm=norm, precision=precision)
    for network, last in ((generator, "target"), (discriminator, "logits")):
        assert {variable.dtype for variable in network.weights} == {"float32"}
        inner = [layer for layer in network.layers if not isinstance(layer, keras.layers.InputLayer)]
        assert {layer.compute_dtype for layer in inner if layer.name != last} == {precision}
        assert network.get_layer(last).compute_dtype == network.outputs[0].dtype == "float32"


@pytest.mark.parametrize("precision", HALVES)
def test_one_step_is_the_step_in_float32_but_for_rounding(precision):
    losses = {}
    for name in ("float32", precision):
        model = p2p.Pix2Pix(*networks(name, dropout=0.0))
        model.compile()
        losses[name] = p2p.train_step(model, *batch())
    for term, value in losses["float32"].items():
        assert losses[precision][term] == pytest.approx(value, rel=0.02), term
    assert losses[precision] != losses["float32"]  # it did round


def flat_pictures() -> tuple[np.ndarray, np.ndarray]:
    """One colour a picture; the target is half its negative."""
    source = np.random.default_rng(1).uniform(-1, 1, (8, 1, 1, 3)) * np.ones((8, 32, 32, 3))
    return source.astype("float32"), -0.5 * source.astype("float32")


@pytest.mark.parametrize("update", ["alternating", "simultaneous"])
def test_it_learns_as_well_as_in_float32(update):
    last = {}
    for precision in POLICIES:
        model = p2p.Pix2Pix(*networks(precision, dropout=0.0))
        model.compile(update=update)
        first = p2p.train_step(model, *flat_pictures())["l1"]
        for _ in range(60):
            last[precision] = p2p.train_step(model, *flat_pictures())["l1"]
        assert last[precision] < 0.6 * first
    assert last["bfloat16"] == pytest.approx(last["float32"], rel=0.25)
    assert last["float16"] == pytest.approx(last["float32"], rel=0.25)


def test_moving_averages_are_kept_in_float32_as_without_half_precision():
    found = {}
    for precision in ("float32", "bfloat16"):
        model = p2p.Pix2Pix(*networks(precision, dropout=0.0))
        model.compile()
        p2p.train_step(model, *batch())
        norms = [layer for layer in model.generator.layers if isinstance(layer, keras.layers.BatchNormalization)]
        found[precision] = np.concatenate([np.asarray(layer.moving_variance) for layer in norms])
    np.testing.assert_allclose(found["bfloat16"], found["float32"], rtol=0.03)
    rounded = np.asarray(keras.ops.cast(keras.ops.cast(found["bfloat16"], "bfloat16"), "float32"))
    assert (rounded != found["bfloat16"]).mean() > 0.9  # more digits than 16 bits can hold


def test_float16_scales_its_loss_and_the_others_do_not():
    scaled = keras.optimizers.LossScaleOptimizer
    for precision in POLICIES:
        model = p2p.Pix2Pix(*networks(precision))
        model.compile()
        for optimizer in (model.optimizer.generator, model.optimizer.discriminator):
            assert isinstance(optimizer, scaled) == (precision == "float16")
        assert needs_loss_scaling(model.generator) == (precision == "float16")


def test_small_gradients_survive_float16_because_the_loss_is_scaled():
    """With so small a weight on the distance, gradients lie below 6e-8, float16's smallest number."""
    moved = {}
    for precision in ("float32", "float16"):
        model = p2p.Pix2Pix(*networks(precision, dropout=0.0))
        model.compile(lambda_l1=1e-6, adversarial=None)
        before = model.generator.get_weights()[0].copy()
        p2p.train_step(model, *batch())
        moved[precision] = (model.generator.get_weights()[0] - before).ravel()
    largest_gradient = np.abs(moved["float32"]).max() / 2e-4 * 1e-7  # far below its epsilon, Adam's step is linear
    assert 0 < largest_gradient < 6e-8
    assert np.corrcoef(moved["float32"], moved["float16"])[0, 1] > 0.95


def test_one_optimizer_for_both_networks_is_refused_also_in_float16():
    model, optimizer = p2p.Pix2Pix(*networks("float16")), keras.optimizers.Adam()
    with pytest.raises(UsageError, match="same optimizer object"):
        model.compile(optimizer, optimizer)


def test_a_float32_copy_draws_the_same_but_for_rounding():
    generator, _ = networks("bfloat16")
    copy = in_float32(generator)
    assert {layer.compute_dtype for layer in copy.layers} == {"float32"}
    source, _ = batch()
    ours, theirs = (np.asarray(network(source, training=False)) for network in (generator, copy))
    np.testing.assert_allclose(ours, theirs, atol=0.02)
    assert (ours != theirs).any()


def test_a_saved_generator_asks_for_no_half_precision(tmp_path):
    path = p2p.save_generator(p2p.Pix2Pix(*networks("bfloat16")), tmp_path / "half.p2p")
    with zipfile.ZipFile(path) as archive:
        assert "bfloat16" not in json.dumps(json.loads(archive.read("about.json")))
    assert p2p.load_model(path).generator.get_layer("up_1").compute_dtype == "float32"


def test_unknown_precision_is_refused_with_the_nearest_name():
    with pytest.raises(UsageError, match="bfloat16"):
        p2p.generator_model(32, 2, precision="bfloat")
    with pytest.raises(UsageError, match="not known"):
        policy_of("int8")


def test_pytorch_without_a_gpu_is_told_to_stay_in_float32(monkeypatch):
    monkeypatch.setattr(module, "gpu_names", list)
    monkeypatch.setattr(module.keras.config, "backend", lambda: "torch")
    assert policy_of("float32") == policy_of("auto") == "float32"
    with pytest.raises(UsageError, match="KERAS_BACKEND=tensorflow"):
        policy_of("bfloat16")


@pytest.mark.parametrize(
    ("facts", "expected"),
    [("flags : fma avx512_bf16", "bfloat16"), ("flags : amx_bf16", "bfloat16"), ("flags : avx2 fma", "float32")],
)
def test_auto_looks_at_what_the_processor_can_do(facts, expected, tmp_path, monkeypatch):
    (tmp_path / "cpuinfo").write_text(facts)
    monkeypatch.setattr(module, "CPU_FACTS", tmp_path / "cpuinfo")
    monkeypatch.setattr(module, "gpu_names", list)
    assert best_precision() == expected
    assert policy_of("auto") == POLICIES[expected]


def test_without_facts_about_the_processor_auto_is_float32(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "CPU_FACTS", tmp_path / "missing")
    monkeypatch.setattr(module, "gpu_names", list)
    assert best_precision() == "float32"


# --- in a run -------------------------------------------------------------------------------------------------------

SMALL = {"preset": "tiny", "filters": 4, "batch_size": 4, "show_progress": False}


def pairs() -> p2p.Pairs:
    pictures = np.random.default_rng(3).integers(0, 256, (12, 32, 32, 3), dtype=np.uint8)
    split = p2p.Split(pictures, 255 - pictures)
    return p2p.Pairs("inverted", split, split[:4], split[:4])


@pytest.mark.parametrize("precision", HALVES)
def test_a_run_in_half_precision_resumes_exactly(precision, tmp_path):
    whole = p2p.train(pairs(), epochs=3, run_dir=tmp_path / "a", precision=precision, **SMALL)
    p2p.train(pairs(), epochs=1, run_dir=tmp_path / "b", precision=precision, **SMALL)
    resumed = p2p.train(pairs(), epochs=3, run_dir=tmp_path / "b", precision=precision, resume=True, **SMALL)
    assert resumed.config["precision"] == precision
    for one, other in zip(whole.model.variables, resumed.model.variables, strict=True):
        np.testing.assert_array_equal(np.asarray(one), np.asarray(other))


def test_auto_is_decided_once_and_a_resumed_run_keeps_it(tmp_path, monkeypatch):
    monkeypatch.setattr("pix2pix_edu.checkpoints.best_precision", lambda: "bfloat16")
    run = p2p.train(pairs(), epochs=1, run_dir=tmp_path / "r", precision="auto", **SMALL)
    assert run.config["precision"] == "bfloat16"
    monkeypatch.setattr("pix2pix_edu.checkpoints.best_precision", lambda: "float32")  # as on another machine
    run = p2p.train(pairs(), epochs=2, run_dir=tmp_path / "r", precision="auto", resume=True, **SMALL)
    assert run.config["precision"] == "bfloat16"
    with pytest.raises(CheckpointError, match="precision: 'bfloat16' before, 'float32' now"):
        p2p.train(pairs(), epochs=3, run_dir=tmp_path / "r", precision="float32", resume=True, **SMALL)


def test_an_unknown_precision_leaves_no_half_made_run(tmp_path):
    with pytest.raises(UsageError, match="precision='half'"):
        p2p.train(pairs(), epochs=1, run_dir=tmp_path / "r", precision="half", **SMALL)
    assert not (tmp_path / "r").exists()
