"""Several devices and several hosts give what one device gives with the same batches; a host that dies is noticed.

Virtual devices have to exist before a backend starts, and Keras chooses its backend when it is imported: so every run
here has a process of its own, with a time limit.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import pix2pix_edu as p2p
from pix2pix_edu import scaling
from pix2pix_edu.checkpoints import RunFolder
from pix2pix_edu.errors import TrainingError, UsageError

ROOT = Path(__file__).resolve().parent.parent
SECONDS = 420  # a limit, not an expectation: a busy machine may be slow, but nothing may hang for ever
needs_jax = pytest.mark.skipif(not importlib.util.find_spec("jax"), reason="jax is not installed")

SETTINGS = {
    "preset": "tiny",
    "seed": 3,
    "dropout": 0.0,
    "batch_size": 4,
    "filters": 2,
    "levels": 2,
    "receptive_field": 16,
}
COMMON = f"""
import sys
import numpy as np
import pix2pix_edu as p2p
from pix2pix_edu import scaling
from pix2pix_edu.backend import keras

pictures = np.random.default_rng(2).integers(0, 256, (32, 32, 32, 3), dtype=np.uint8)
split = p2p.Split(pictures, 255 - pictures)
pairs = p2p.Pairs("inverted", split, split[:2], split[:2])
settings = {SETTINGS!r}
"""
TENSORFLOW = f"""
import tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
{COMMON}
folder = sys.argv[1]
p2p.train(pairs, epochs=2, norm="instance", run_dir=folder + "/one", show_progress=False, **settings)
with scaling.data_parallel() as number:
    p2p.train(pairs, epochs=2, norm="instance", run_dir=folder + "/two", show_progress=False, **settings)

def fit(prepare=lambda network: network):
    networks = p2p.generator_model(32, 2, dropout=0.0, levels=2, seed=1), p2p.discriminator_model(32, 2, 16, seed=100)
    model = p2p.Pix2Pix(*map(prepare, networks))
    model.compile()
    batches = scaling.TrainingBatches(pairs.train, 4, jitter=False)
    logs = model.fit(batches, epochs=2, shuffle=False, verbose=0).history
    return np.array([logs["l1"], logs["d_loss"], logs["g_gan"]]), [v.numpy() for v in model.variables]

one = fit()
with scaling.data_parallel(["cpu:0", "cpu:1"]):
    plain, synchronized = fit(), fit(scaling.synchronize)
# Another model, so another number of gradients, in a second strategy of the same process; with the newer options.
newer = {{**settings, "filters": 3, "norm": "instance", "spectral_norm": True, "ema": 0.9, "diffaugment": "colour"}}
with scaling.data_parallel():
    again = p2p.train(pairs, epochs=1, run_dir=folder + "/again", show_progress=False, **newer)
print("again", np.isfinite(again.history["d_loss"]).all())
for name, (losses, weights) in {{"one": one, "plain": plain, "synchronized": synchronized}}.items():
    np.savez(f"{{folder}}/{{name}}.npz", losses, *weights)
try:
    with scaling.data_parallel(["gpu:7"]):
        pass
except p2p.errors.UsageError as error:
    print(error)
print("devices", number)
"""
JAX = f"""{COMMON}
folder = sys.argv[1]
epochs = int(sys.argv[2])
p2p.train(pairs, epochs=epochs, run_dir=folder + "/one", show_progress=False, **settings)
with scaling.data_parallel() as number:
    p2p.train(pairs, epochs=epochs, run_dir=folder + "/two", show_progress=False, **settings)
print("devices", number)
"""


def run(script, *arguments, **environment):
    environment = {**os.environ, "JAX_DISABLE_MOST_OPTIMIZATIONS": "1", **environment}
    command = [sys.executable, "-c", script, *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=SECONDS)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def weights_of(run_dir):
    """The newest checkpoint, float numbers only: dropout's states and step counts are whole numbers."""
    folder = RunFolder(run_dir)
    arrays = dict(np.load(folder.saved()[max(folder.saved())]))
    return {name: array for name, array in arrays.items() if array.dtype == np.float32}


def assert_alike(one, other, near=5e-6):
    """Up to roundings. Where a gradient is nearly zero, Adam's step is its sign, and a rounding may turn that round."""
    assert one.keys() == other.keys()
    far = np.concatenate([np.abs(one[name] - other[name]).ravel() > near for name in one])
    assert far.mean() < 0.005, f"{far.mean():.2%} of the numbers differ"


# --- TensorFlow: MirroredStrategy -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def on_tensorflow(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tensorflow")
    return folder, run(TENSORFLOW, folder, KERAS_BACKEND="tensorflow")


def test_train_on_two_devices_is_train_on_one_with_instance_norm(on_tensorflow):
    folder, printed = on_tensorflow
    assert "devices 2" in printed
    assert_alike(weights_of(folder / "one"), weights_of(folder / "two"))
    histories = [RunFolder(folder / name).read_history() for name in ("one", "two")]
    assert histories[0]["epoch"] == histories[1]["epoch"] == [1, 2]
    for name in ("l1", "d_loss", "g_gan", "val_l1"):
        np.testing.assert_allclose(histories[1][name], histories[0][name], rtol=1e-5, err_msg=name)


def test_plain_batch_norm_differs_and_synchronized_does_not(on_tensorflow):
    folder, _ = on_tensorflow
    one, plain, synchronized = (dict(np.load(folder / f"{name}.npz")) for name in ("one", "plain", "synchronized"))
    np.testing.assert_allclose(synchronized["arr_0"], one["arr_0"], rtol=2e-6)
    assert_alike(
        {name: array for name, array in one.items() if array.dtype == np.float32},
        {name: array for name, array in synchronized.items() if array.dtype == np.float32},
    )
    weights = [name for name in one if one[name].dtype == np.float32 and one[name].ndim == 4]
    away = np.concatenate([np.abs(one[name] - plain[name]).ravel() for name in weights])
    assert (away > 1e-5).mean() > 0.2, "with plain batch norm each device normalises its own half"


def test_a_second_model_with_the_newer_options_trains_in_the_same_process(on_tensorflow):
    folder, printed = on_tensorflow
    assert "again True" in printed and RunFolder(folder / "again").read_config().spectral_norm


def test_an_unknown_device_is_named_with_those_that_are_there(on_tensorflow):
    assert "This machine has cpu:0, cpu:1" in on_tensorflow[1]


# --- JAX: DataParallel, and hosts -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def pairs():
    pictures = np.random.default_rng(2).integers(0, 256, (32, 32, 32, 3), dtype=np.uint8)
    split = p2p.Split(pictures, 255 - pictures)
    return p2p.Pairs("inverted", split, split[:2], split[:2])


@pytest.fixture(scope="module")
def killed(pairs, tmp_path_factory):
    """A run on two hosts, of which one was killed after its second epoch; and how both ended."""
    run_dir = tmp_path_factory.mktemp("hosts") / "run"
    # Far more epochs than are needed, so that the run is still going on. Only `epochs` may differ when it is resumed.
    with scaling.launch_hosts(2, pairs, run_dir, epochs=1000, **SETTINGS) as hosts:
        hosts.wait_for_epoch(2, timeout=SECONDS)
        hosts.kill(1)
        return run_dir, hosts.wait(timeout=SECONDS)


@pytest.fixture(scope="module")
def on_jax(killed, tmp_path_factory):
    """Uninterrupted runs, one epoch longer than the killed one came: on one device, and on two of one process."""
    folder, last = tmp_path_factory.mktemp("jax"), max(RunFolder(killed[0]).saved()) + 1
    two = "--xla_force_host_platform_device_count=2"
    assert "devices 2" in run(JAX, folder, last, KERAS_BACKEND="jax", JAX_PLATFORMS="cpu", XLA_FLAGS=two)
    return folder, last


@needs_jax
def test_two_devices_of_jax_are_one_even_with_batch_norm(on_jax):
    assert_alike(weights_of(on_jax[0] / "one"), weights_of(on_jax[0] / "two"))


@needs_jax
def test_when_a_host_is_killed_the_other_ends_and_says_why(killed):
    survivor, victim = killed[1]
    assert victim.code == -9 and str(victim) == "host 1 was killed (signal 9)"
    assert survivor.code == scaling.LOST_A_HOST, survivor
    assert "Host 0 of 2 has lost another host" in survivor.message
    assert "--resume" in survivor.message and "go on after epoch" in survivor.message


@needs_jax
def test_a_resumed_run_is_the_uninterrupted_one_and_that_of_one_device(killed, on_jax, pairs):
    (run_dir, _), (folder, last) = killed, on_jax
    with scaling.launch_hosts(2, pairs, run_dir, resume=True, epochs=last, **SETTINGS) as hosts:
        ends = hosts.wait(timeout=SECONDS)
    assert [str(end) for end in ends] == [f"host {host} finished: {last} epochs are done" for host in (0, 1)]
    assert_alike(weights_of(folder / "one"), weights_of(run_dir))
    histories = [RunFolder(path).read_history() for path in (folder / "one", run_dir)]
    assert histories[0]["epoch"] == histories[1]["epoch"] == list(range(1, last + 1))
    for name in ("l1", "d_loss", "g_gan", "val_l1"):
        np.testing.assert_allclose(histories[1][name], histories[0][name], rtol=1e-4, err_msg=name)


# --- Without any process ----------------------------------------------------------------------------------------------


def test_shares_of_all_hosts_are_the_batches_of_one(pairs):
    whole = scaling.TrainingBatches(pairs.train, 4, seed=5)
    parts = [scaling.HostBatches(pairs.train, 4, seed=5, host=host, hosts=2) for host in (0, 1)]
    for epoch in (0, 3):
        whole.epoch = parts[0].epoch = parts[1].epoch = epoch
        for index in range(len(whole)):
            for kind in (0, 1):
                together = np.concatenate([part[index][kind] for part in parts])
                np.testing.assert_array_equal(together, whole[index][kind])


@pytest.mark.parametrize(("arguments", "message"), [((5, 0, 2), "multiple of 2"), ((4, 2, 2), "counted from 0 to 1")])
def test_a_share_that_cannot_be_is_explained(arguments, message):
    with pytest.raises(UsageError, match=message):
        scaling.host_share(*arguments)


def test_several_hosts_need_jax(pairs, tmp_path):
    with pytest.raises(UsageError, match="KERAS_BACKEND=jax"):
        scaling.train_as_host(pairs, tmp_path, 0, 2, "127.0.0.1:1")


def ring_by_simulation(devices, numbers):
    """Send the pieces round for real, and count: the sum must be right, and so must the bytes."""
    held = np.random.default_rng(0).integers(0, 9, (devices, devices, numbers // devices)).astype(np.int64)
    expected, sent = held.sum(axis=0), 0
    for round_ in range(2 * (devices - 1)):
        adding = round_ < devices - 1
        moving = [(d, (d - round_ + (0 if adding else 1 + devices - 1)) % devices) for d in range(devices)]
        pieces = [held[device, piece].copy() for device, piece in moving]
        for (device, piece), values in zip(moving, pieces, strict=True):
            after = (device + 1) % devices
            held[after, piece] = held[after, piece] + values if adding else values
        sent += pieces[0].size
    for device in range(devices):
        np.testing.assert_array_equal(held[device], expected)
    return 4 * sent


@pytest.mark.parametrize("devices", [1, 2, 3, 8])
def test_the_ring_sends_what_the_formula_says(devices):
    assert ring_by_simulation(devices, 240) == scaling.all_reduce_bytes(240, devices)


def test_a_step_on_several_devices():
    step = scaling.scaled_step(computing=0.5, parameters=1_000_000, devices=4, gigabits=0.096, batch=2)
    assert step.communicating == pytest.approx(2 * 3 / 4 * 4e6 / 12e6)  # 6 MB at 12 MB/s
    assert step.seconds == pytest.approx(1.0) and step.efficiency == pytest.approx(0.5)
    assert step.pictures_per_second == pytest.approx(8.0) and step.seconds_overlapped == pytest.approx(0.5)
    assert scaling.scaled_step(0.5, 1_000_000, 1, 1).communicating == 0.0


@pytest.mark.parametrize("arguments", [(0.0, 10, 2, 1.0), (1.0, 10, 2, 0.0), (1.0, 10, 0, 1.0), (1.0, 0, 2, 1.0)])
def test_arithmetic_with_nonsense_is_refused(arguments):
    with pytest.raises(UsageError):
        scaling.scaled_step(*arguments)


class Sleeper:
    """Hosts whose processes do what a test says, in place of training."""

    def __init__(self, tmp_path, *programs):
        processes = [subprocess.Popen([sys.executable, "-c", program]) for program in programs]
        for host in range(len(programs)):
            (tmp_path / f"host-{host}.log").write_text(f"host {host}: said this\n")
        self.hosts = scaling.Hosts(processes, tmp_path, tmp_path / "run")


def test_hosts_that_take_too_long_are_ended(tmp_path):
    with Sleeper(tmp_path, "import time; time.sleep(60)", "pass").hosts as hosts:
        with pytest.raises(TrainingError, match="Host 0 did not end within 1 seconds"):
            hosts.wait(timeout=1)
        assert hosts.processes[0].wait() == -9


def test_a_host_that_hangs_after_another_died_is_ended(tmp_path, monkeypatch):
    monkeypatch.setattr(scaling, "GRACE_SECONDS", 1)
    with (
        Sleeper(tmp_path, "import time; time.sleep(60)", "raise SystemExit(5)").hosts as hosts,
        pytest.raises(TrainingError, match="1 seconds after another"),
    ):
        hosts.wait(timeout=50)


def test_waiting_for_an_epoch_ends_when_the_hosts_do(tmp_path):
    with Sleeper(tmp_path, "raise SystemExit(2)").hosts as hosts:
        hosts.processes[0].wait()
        with pytest.raises(TrainingError, match="ended with code 2: said this"):
            hosts.wait_for_epoch(1, timeout=30)


def test_a_host_ends_with_the_process_that_started_it(tmp_path):
    host = "import os, time; from pix2pix_edu.scaling import _end_with; _end_with(os.getppid()); "
    host += "open('ready', 'w').close(); time.sleep(600)"
    parent = f"import subprocess, sys, time; child = subprocess.Popen([sys.executable, '-c', {host!r}]); "
    parent += "print(child.pid, flush=True); time.sleep(600)"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [sys.executable, "-c", parent], cwd=tmp_path, env=environment, stdout=subprocess.PIPE
    ) as process:
        child = int(process.stdout.readline())
        wait_until((tmp_path / "ready").exists)
        process.kill()
        wait_until(lambda: is_gone(child))


def wait_until(condition):
    end = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.05)


def is_gone(process):
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    return Path(f"/proc/{process}/stat").read_text().split()[2] == "Z"  # nobody has asked yet how it ended


def test_pairs_survive_the_way_to_the_hosts(pairs, tmp_path):
    scaling._write_pairs(pairs, tmp_path / "pairs.npz")
    read = scaling._read_pairs(tmp_path / "pairs.npz")
    assert (read.name, read.direction) == (pairs.name, pairs.direction)
    for name in ("train", "val", "test"):
        for kind in ("sources", "targets"):
            np.testing.assert_array_equal(getattr(getattr(read, name), kind), getattr(getattr(pairs, name), kind))
