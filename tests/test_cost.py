"""The estimator: its arithmetic against built networks, its predictions against a real run, and its discretion."""

import random
import sys
import types
from dataclasses import replace

import numpy as np
import pytest

import pix2pix_edu as p2p
from pix2pix_edu import cost as module
from pix2pix_edu.backend import keras
from pix2pix_edu.cost import TimeRange, estimate_cost, machine_name, step_work
from pix2pix_edu.errors import TrainingError, UsageError
from pix2pix_edu.training import train

TINY = {"preset": "tiny", "filters": 4, "batch_size": 4}


def squares(train_count=64):
    rng = np.random.default_rng(0)
    splits = {}
    for name, count in {"train": train_count, "val": 6, "test": 2}.items():
        pictures = rng.integers(0, 256, (count, 32, 32, 3), np.uint8)
        splits[name] = p2p.Split(pictures, 255 - pictures)
    return p2p.Pairs("squares", **splits)


@pytest.fixture(scope="module")
def cost():
    return estimate_cost(squares(), epochs=3, steps=12, **TINY)


def invented(**changes):
    """A cost whose numbers are round, so that predictions can be worked out by hand."""
    config = {**replace(_config(), **changes).as_dict(), "train_pairs": 0}
    return module.Cost(
        config=config,
        machine="a machine",
        step_seconds=(0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.2, 0.2),
        setup_seconds=10.0,
        preparing_seconds=0.001,
        validation_seconds=0.01,
        saving_seconds=1.0,
        memory_bytes=10**9,
        memory_of="this process",
    )


def _config():
    return p2p.training.plan_run(squares(), 2, "tiny")[1]


# --- counting ---------------------------------------------------------------------------------------------------------

SETTINGS = [
    {"image_size": 64, "filters": 8},
    {"image_size": 32, "filters": 4, "receptive_field": 34, "norm": "none"},
    {"image_size": 32, "filters": 4, "receptive_field": 1, "norm": "instance"},
    {"image_size": 64, "filters": 4, "receptive_field": 16, "upsample": "resize", "source_channels": 12},
    {"image_size": 128, "filters": 4, "receptive_field": 142, "skips": False, "target_channels": 1},
    {"image_size": 128, "filters": 2, "receptive_field": 286, "conditional": False, "dropout": 0.0},
]


def built(settings):
    shared = ("image_size", "filters", "source_channels", "target_channels", "norm")
    common = {name: settings[name] for name in shared if name in settings}
    only_g = {name: settings[name] for name in ("skips", "upsample", "dropout") if name in settings}
    only_d = {name: settings[name] for name in ("receptive_field", "conditional") if name in settings}
    return p2p.generator_model(**common, **only_g), p2p.discriminator_model(**common, **only_d)


def operations_of(network):
    """Each output number of a convolution is a sum over the kernel; a transposed one spreads each input number."""
    total = 0
    for layer in network.layers:
        if isinstance(layer, keras.layers.Conv2DTranspose):
            total += 2 * int(np.prod(layer.kernel.shape)) * int(np.prod(layer.input.shape[1:3]))
        elif isinstance(layer, keras.layers.Conv2D):
            total += 2 * int(np.prod(layer.kernel.shape)) * int(np.prod(layer.output.shape[1:3]))
    return total


def trainable(network):
    return sum(int(np.prod(variable.shape)) for variable in network.trainable_variables)


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_the_arithmetic_agrees_with_networks_that_are_built(settings):
    work = step_work(**settings)
    for name, network in zip(("generator", "discriminator"), built(settings), strict=True):
        assert getattr(work, f"{name}_operations") == operations_of(network)
        assert getattr(work, f"{name}_parameters") == trainable(network)
        numbers = sum(int(np.prod(layer.output.shape[1:])) for layer in network.layers)
        assert getattr(work, f"{name}_activations") == numbers


def test_a_step_is_three_passes_of_the_generator_and_eight_of_the_discriminator():
    work = step_work(64, 8, batch_size=5)
    g, d = work.generator_operations, work.discriminator_operations
    assert work.operations == 5 * (3 * g + 8 * d)
    assert step_work(64, 8, batch_size=5, update="simultaneous").operations == 5 * (3 * g + 7 * d)
    alone = step_work(64, 8, batch_size=5, adversarial=None)
    assert alone.operations == 15 * g and alone.activation_bytes == 5 * 4 * work.generator_activations


def test_memory_grows_with_the_batch_and_half_precision_halves_what_is_kept():
    one, many = step_work(64, 8, batch_size=1), step_work(64, 8, batch_size=16)
    assert many.state_bytes == one.state_bytes == 16 * one.parameters
    assert many.activation_bytes == 16 * one.activation_bytes
    half = step_work(64, 8, batch_size=16, precision="bfloat16")
    assert half.activation_bytes * 2 == many.activation_bytes and half.state_bytes == many.state_bytes


def test_what_cannot_be_built_is_refused():
    with pytest.raises(UsageError, match="power of two"):
        step_work(image_size=100)
    with pytest.raises(UsageError, match="batch_size"):
        step_work(batch_size=0)


# --- predicting -------------------------------------------------------------------------------------------------------


def test_a_prediction_is_steps_times_seconds_plus_everything_else():
    cost = invented()
    assert cost.seconds_per_step == pytest.approx(0.1) and cost.spread == pytest.approx((0.1, 0.2))
    assert cost.steps(803, 2) == 200  # three of 803 do not fill a batch of 8
    once = 10 + 0.8 + 2 * 80 * 0.01  # set up, enlarge 800 pairs, validate 80 pairs twice
    predicted = cost.predict(800, 2)
    assert predicted.low == pytest.approx(once + 20 + 2) and predicted.expected == pytest.approx(once + 20 + 3)
    assert predicted.high == pytest.approx(once + 40 + 4)
    assert cost.predict(800, 2, val_pairs=1000).low - predicted.low == pytest.approx(2 * (256 - 80) * 0.01)


def test_saving_seldom_costs_less():
    often, seldom = invented().predict(800, 10), invented(save_every=5).predict(800, 10)
    assert often.low - seldom.low == pytest.approx(8 * (1.0 + 80 * 0.01))


def test_the_epochs_that_fit_into_an_hour_fit():
    cost = invented()
    epochs = cost.epochs_within(3600, 800)
    assert cost.predict(800, epochs).expected <= 3600 < cost.predict(800, epochs + 1).expected
    assert cost.epochs_within(0.1, 800) == 1


def test_ranges_read_like_a_sentence():
    assert str(TimeRange(43_000, 50_000, 61_000)) == "about 14 h (12 to 17 h)"
    assert str(TimeRange(50, 80, 130)) == "about 80 s (50 s to 2.2 min)"


def test_predictions_that_cannot_be_are_refused():
    with pytest.raises(UsageError, match="does not fill one batch of 8"):
        invented().predict(7, 1)
    with pytest.raises(UsageError, match="epochs"):
        invented().predict(80, 0)
    with pytest.raises(UsageError, match="batch_siz"):
        invented().scaled(batch_siz=3)


def test_scaling_follows_the_operations():
    cost = invented()
    larger = cost.scaled(image_size=64, batch_size=16)
    ratio = larger.work.operations / cost.work.operations
    assert larger.seconds_per_step == pytest.approx(0.1 * ratio) and ratio > 7
    assert larger.memory_bytes - cost.memory_bytes == larger.work.bytes - cost.work.bytes
    assert "Scaled by arithmetic from 32 px" in repr(larger) and "Measured on" in repr(cost)
    assert cost.scaled().seconds_per_step == pytest.approx(cost.seconds_per_step)


def test_two_measurements_tell_what_grows_with_the_batch_from_what_does_not():
    many = invented()
    work_of = {size: step_work(**{**many.config, "batch_size": size}) for size in (1, 4, 8)}
    seconds = {size: 2e-9 * work.operations + 3e-8 * work.parameters for size, work in work_of.items()}
    measured = {
        size: replace(many, config={**many.config, "batch_size": size}, step_seconds=(seconds[size],))
        for size in (1, 8)
    }
    assert measured[8].scaled(measured[1], batch_size=4).seconds_per_step == pytest.approx(seconds[4])
    assert measured[8].scaled(batch_size=4).seconds_per_step == pytest.approx(seconds[8] / 2)
    faster_with_more = replace(measured[1], step_seconds=(2 * seconds[8],))  # noise: fall back to the first alone
    assert measured[8].scaled(faster_with_more, batch_size=4).seconds_per_step == pytest.approx(seconds[8] / 2)


# --- measuring --------------------------------------------------------------------------------------------------------


def test_what_was_measured_is_complete(cost):
    assert len(cost.step_seconds) == 12 and min(cost.step_seconds) > 0
    low, high = cost.spread
    assert low <= cost.seconds_per_step <= high
    assert cost.images_per_second == pytest.approx(4 / cost.seconds_per_step)
    generator, discriminator = built({"image_size": 32, "filters": 4, "receptive_field": 34})
    assert cost.parameters == trainable(generator) + trainable(discriminator)
    assert cost.setup_seconds > cost.seconds_per_step and cost.saving_seconds > 0 and cost.validation_seconds > 0
    assert cost.memory_bytes > 10**8 and "peak" in cost.memory_of
    assert cost.config["train_pairs"] == 64 and cost.machine == machine_name()
    lines = repr(cost).splitlines()
    assert lines[0].startswith("Measured on") and lines[-1].startswith("64 pairs, 3 epochs: 48 steps, about ")


def test_a_real_run_takes_about_as_long_as_predicted(cost, tmp_path):
    predicted = cost.predict(64, 6, val_pairs=6)
    seconds = module._seconds(lambda: train(squares(), epochs=6, run_dir=tmp_path / "r", show_progress=False, **TINY))
    assert predicted.expected / 4 < seconds < predicted.expected * 4  # on a machine that does other things as well


def test_more_work_is_measured_as_more(cost):
    larger = estimate_cost(squares(), steps=6, **{**TINY, "filters": 32, "batch_size": 16})
    assert larger.seconds_per_step > 2 * cost.seconds_per_step
    assert larger.work.operations > 100 * cost.work.operations


def test_several_steps_in_a_call_are_measured_as_several():
    grouped = estimate_cost(squares(), steps=7, steps_per_call=3, **TINY)
    assert len(grouped.step_seconds) == 3, "three calls make nine steps"
    alone = estimate_cost(squares(), steps=9, **TINY)
    assert grouped.seconds_per_step < 2.5 * alone.seconds_per_step, "a call of three steps is no step"


def test_a_number_of_pairs_is_enough_and_so_is_nothing():
    numbered = estimate_cost(1000, steps=2, **TINY)
    assert numbered.config["train_pairs"] == 1000 and "1,000 pairs, 2 epochs: 500 steps" in repr(numbered)
    few = estimate_cost(2, steps=2, **TINY)
    assert few.config["batch_size"] == 2, "as `train` does with fewer pairs than a batch"
    nothing = estimate_cost(steps=2, **TINY)
    assert "For example 400 pairs" in repr(nothing)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"pairs": 0}, "pairs=0"),
        ({"pairs": [1, 2]}, "data set's name"),
        ({"pairs": 10, "steps": 0}, "steps=0"),
        ({"pairs": 10, "filter": 3}, "filters"),
        ({"pairs": 10, "preset": "huge"}, "tiny"),
        ({"pairs": 10, "image_size": 100}, "power of two"),
    ],
)
def test_wrong_arguments_are_explained(arguments, words):
    with pytest.raises(UsageError, match=words):
        estimate_cost(**{"preset": "tiny", **arguments})


def test_nothing_of_yours_is_touched(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model = p2p.Pix2Pix(p2p.generator_model(32, 2, seed=1), p2p.discriminator_model(32, 2, seed=2))
    model.compile()
    before = [np.array(keras.ops.convert_to_numpy(variable.value)) for variable in model.variables]

    def draws():
        return random.random(), np.random.rand(), float(keras.random.uniform(()))

    keras.utils.set_random_seed(3)
    expected = draws()
    keras.utils.set_random_seed(3)
    estimate_cost(16, steps=2, **TINY)
    assert draws() == expected
    after = [np.array(keras.ops.convert_to_numpy(variable.value)) for variable in model.variables]
    assert all((one == other).all() for one, other in zip(before, after, strict=True))
    assert list(tmp_path.iterdir()) == [], "no run directory, no checkpoint"


def test_too_little_memory_is_explained(monkeypatch):
    def exhausted(config):
        raise MemoryError

    monkeypatch.setattr(module, "ready_model", exhausted)
    with pytest.raises(TrainingError, match="batch_size=2"):
        estimate_cost(16, steps=2, **TINY)


# --- machines that are not here ---------------------------------------------------------------------------------------


def pretend_gpu(monkeypatch, backend, **modules):
    monkeypatch.setattr(module, "gpu_names", lambda: ["gpu:0"])
    monkeypatch.setattr(module.keras.config, "backend", lambda: backend)
    for name, fake in modules.items():
        monkeypatch.setitem(sys.modules, name, fake)


def test_on_a_gpu_its_own_memory_is_reported(monkeypatch):
    reset = []
    cuda = types.SimpleNamespace(
        reset_peak_memory_stats=lambda: reset.append(True),
        max_memory_allocated=lambda: 7 * 10**9,
        get_device_name=lambda: "Some GPU",
    )
    pretend_gpu(monkeypatch, "torch", torch=types.SimpleNamespace(cuda=cuda))
    memory = module._PeakMemory()
    assert reset == [True] and memory.read() == 7 * 10**9 and "GPU" in memory.of
    assert machine_name() == "Some GPU (1 in this machine), torch"


def test_jax_says_that_its_peak_is_older_than_the_measurement(monkeypatch):
    device = types.SimpleNamespace(memory_stats=lambda: {"peak_bytes_in_use": 5}, device_kind="Some TPU")
    pretend_gpu(monkeypatch, "jax", jax=types.SimpleNamespace(devices=lambda: [device]))
    memory = module._PeakMemory()
    assert memory.read() == 5 and "since the process was started" in memory.of
    assert machine_name() == "Some TPU (1 in this machine), jax"


def test_without_linux_the_peak_is_that_of_the_whole_process(monkeypatch, tmp_path):
    monkeypatch.setattr(module, "OPERATING_SYSTEM", str(tmp_path / "nowhere"))
    memory = module._PeakMemory()
    assert memory.of.endswith("since it was started") and memory.read() > 10**8


def test_where_the_system_does_not_say_it_is_said(monkeypatch, tmp_path):
    monkeypatch.setattr(module, "OPERATING_SYSTEM", str(tmp_path / "nowhere"))
    monkeypatch.setitem(sys.modules, "resource", None)
    memory = module._PeakMemory()
    assert memory.read() is None and memory.of == "unknown"
    assert "not reported by this system" in repr(replace(invented(), memory_bytes=None))
    assert replace(invented(), memory_bytes=None).scaled(filters=16).memory_bytes is None
