"""Beyond one device: several devices in one machine, several machines, and what their talking costs (lesson 14).

Data parallelism is one idea. Every device holds the whole model and computes the gradient of its own part of the batch;
then all of them take the mean, and each makes the same step. TensorFlow and Keras do the work; here is what is special
to pix2pix, so that n devices give what one device gives with the same batch.

One machine:       with data_parallel(): run = p2p.train(pairs, norm="instance", ...)
Several machines:  python -m pix2pix_edu.scaling --address FIRST:PORT --hosts 2 --host 0 --data emoji --run-dir runs/two
A rehearsal:       with launch_hosts(2, pairs, "runs/two") as hosts: ends = hosts.wait()
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from pix2pix_edu.backend import keras
from pix2pix_edu.checkpoints import RunFolder
from pix2pix_edu.errors import Pix2PixEduError, TrainingError, UsageError
from pix2pix_edu.pairs import Pairs, Split
from pix2pix_edu.paths import shipped
from pix2pix_edu.training import (
    Run,
    TrainingBatches,
    _Clock,
    _NumberGuard,
    _Recorder,
    _start,
    plan_run,
)
from pix2pix_edu.unet import check_count

FLOAT32 = 4  # bytes
LOST_A_HOST = 3  # what a host's process returns when it cannot go on because another one is gone
GRACE_SECONDS = 60  # for the other hosts to notice that one has ended; they need about one step
POLL_SECONDS = 0.1
# Words in the errors of a host whose neighbour is gone: of the network between CPUs, of that between GPUs, and of JAX.
GONE = ("Gloo", "NCCL", "coordination", "UNAVAILABLE", "heartbeat", "Connection closed", "Connection reset")


# --- Several devices in one machine -----------------------------------------------------------------------------------


@contextmanager
def data_parallel(devices: Sequence[str] | None = None) -> Iterator[int]:
    """Train on several devices of this machine: each batch is divided among them, and gradients are averaged.

    Build the model and train it inside. TensorFlow uses `tf.distribute.MirroredStrategy`, JAX uses
    `keras.distribution.DataParallel`; Keras has nothing of the kind for PyTorch. `fit` and `train` divide each batch.
    `train_on_batch` and `train_step` do not: on TensorFlow every device would get all of it. Leave
    `steps_per_call` at 1: what would be divided is the group of steps, not the batch.

    With TensorFlow each device normalises its own part of the batch, so batch norm makes n devices differ from one: use
    `norm="instance"`, or `synchronize` both networks. With JAX the statistics are always those of the whole batch.

    Args:
        devices: names such as "gpu:0"; default: all GPUs, or all CPU devices where there is no GPU. The batch size must
            be a multiple of their number.

    Yields:
        How many devices there are.

    Raises:
        UsageError: on PyTorch, or for a device that is not there.

    >>> with data_parallel() as number:
    ...     number >= 1
    True
    """
    backend = keras.config.backend()
    if backend not in ("tensorflow", "jax"):
        raise UsageError(
            f"Keras cannot train on several devices with the backend {backend!r}. Set KERAS_BACKEND=tensorflow or jax, "
            "and restart; a run that began on one backend goes on with another."
        )
    names = [name.lower() for name in devices] if devices is not None else _device_names()
    there = {*_device_names(), *_device_names("cpu")}
    if not names or not set(names) <= there:
        raise UsageError(f"devices={devices!r} does not work. This machine has {', '.join(sorted(there))}.")
    if backend == "tensorflow":
        strategy = _mirrored(tuple(names))
        with strategy.scope():
            yield strategy.num_replicas_in_sync
    else:
        with keras.distribution.DataParallel(devices=names).scope():
            yield len(names)


@cache
def _mirrored(names: tuple[str, ...]) -> Any:
    """One strategy for the same devices: a second one numbers its messages from 0 again, and they are mixed up."""
    import tensorflow as tf

    return tf.distribute.MirroredStrategy([name.upper() for name in names])


def _device_names(kind: str | None = None) -> list[str]:
    """Devices as "gpu:0", "cpu:1"; without a kind those that training would use."""
    if keras.config.backend() != "tensorflow":
        return [name.lower() for name in keras.distribution.list_devices(kind)]
    import tensorflow as tf

    found = tf.config.list_logical_devices((kind or "gpu").upper())
    if not found and kind is None:
        found = tf.config.list_logical_devices("CPU")
    return [device.name.removeprefix("/device:").lower() for device in found]


def synchronize(network: keras.Model) -> keras.Model:
    """The same network with the same weights, whose batch norms use the statistics of the whole batch.

    Needed where TensorFlow divides a batch: mean and variance are then averaged over the devices, which costs an
    exchange in each layer. With other backends the network comes back as it is. Call it inside `data_parallel`.

    Args:
        network: a generator or a discriminator.

    >>> import pix2pix_edu as p2p
    >>> synchronize(p2p.generator_model(32, 2)).get_layer("down_2_norm").synchronized
    True
    """
    if keras.config.backend() != "tensorflow":
        return network

    def renewed(layer: keras.Layer) -> keras.Layer:
        config = layer.get_config()
        if isinstance(layer, keras.layers.BatchNormalization):
            config["synchronized"] = True
        return type(layer).from_config(config)

    copy = keras.models.clone_model(network, clone_function=renewed)
    copy.set_weights(network.get_weights())
    return copy


# --- What talking costs, by arithmetic --------------------------------------------------------------------------------


def all_reduce_bytes(numbers: int, devices: int, bytes_each: int = FLOAT32) -> float:
    """How many bytes each device sends so that all know the sum of `numbers` numbers: a ring all-reduce.

    The numbers are cut into n pieces. In n - 1 rounds each device hands a piece to its neighbour, who adds its own; in
    n - 1 more the finished pieces go round. Each round moves 1/n of the numbers.

    Args:
        numbers: how many numbers each device holds, such as the parameters of both networks.
        devices: how many there are.
        bytes_each: 4 for float32.

    >>> all_reduce_bytes(54_413_955 + 2_768_641, devices=2)
    228730384.0
    """
    check_count("devices", devices)
    check_count("numbers", numbers)
    return 2 * (devices - 1) / devices * numbers * bytes_each


@dataclass(frozen=True)
class ScaledStep:
    """One training step on several devices: computing, then communicating.

    Args:
        devices: how many.
        batch: pairs for each of them.
        computing: seconds, the same on all of them at once.
        communicating: seconds, for the gradients to go round.

    >>> ScaledStep(devices=4, batch=1, computing=0.3, communicating=0.1).efficiency
    0.75
    """

    devices: int
    batch: int
    computing: float
    communicating: float

    @property
    def seconds(self) -> float:
        """Both, one after the other: the worst case. Libraries send early gradients while they compute the rest."""
        return self.computing + self.communicating

    @property
    def seconds_overlapped(self) -> float:
        """The best case: all communicating hidden behind computing, or the other way round."""
        return max(self.computing, self.communicating)

    @property
    def pictures_per_second(self) -> float:
        """How many pairs all devices together learn from in a second."""
        return self.devices * self.batch / self.seconds

    @property
    def efficiency(self) -> float:
        """The share of the time in which devices compute; n devices are n times this as fast as one."""
        return self.computing / self.seconds


def scaled_step(
    computing: float, parameters: int, devices: int, gigabits: float, batch: int = 1, bytes_each: int = FLOAT32
) -> ScaledStep:
    """What a step takes on several devices, by arithmetic from the time on one.

    Args:
        computing: seconds that one device needs for its part of the batch.
        parameters: trainable numbers, all of which have a gradient to be averaged.
        devices: how many.
        gigabits: what each device can send in a second, in units of 10^9 bits.
        batch: pairs for each device.
        bytes_each: 4 for float32.

    Raises:
        UsageError: a time or a bandwidth that is not positive.

    >>> scaled_step(computing=0.1, parameters=57_182_596, devices=8, gigabits=10).communicating
    0.32
    """
    for name, value in (("computing", computing), ("gigabits", gigabits)):
        if not value > 0:
            raise UsageError(f"{name}={value!r} does not work: give a number above 0.")
    seconds = all_reduce_bytes(parameters, devices, bytes_each) / (gigabits * 1e9 / 8)
    return ScaledStep(devices, batch, computing, seconds)


def measured_growth() -> dict[str, Any]:
    """What `python -m benchmarks.cost_growth` measured on the machine that it names; ships with the course.

    Returns:
        "growth" holds for "image_size", "filters" and "batch_size" the rows in which only that one was changed from
        "base". A row has the three settings, "seconds_per_step", "memory_bytes" and what arithmetic counts. "cross" is
        a row in which all three were changed at once, and so is "paper", at the paper's own setting. "epochs" are whole
        epochs for growing numbers of pairs.

    >>> sorted(measured_growth()["growth"])
    ['batch_size', 'filters', 'image_size']
    """
    return json.loads(shipped("lessons", "scaling", "cost_growth.json").read_text(encoding="utf-8"))


def growth_factor(growth: dict[str, Any], **settings: int) -> float:
    """How many times the base step's time a step with other settings takes, if measured factors may be multiplied.

    Args:
        growth: what `measured_growth` returned.
        settings: `image_size`, `filters`, `batch_size`: values that were measured.

    Raises:
        UsageError: a value that was not measured.

    >>> growth = measured_growth()
    >>> growth_factor(growth, **growth["base"])
    1.0
    """
    factor = 1.0
    for name, value in settings.items():
        times = {row[name]: row["seconds_per_step"] for row in growth["growth"].get(name, [])}
        if value not in times:
            raise UsageError(f"{name}={value!r} was not measured. Measured: {', '.join(map(str, times)) or 'nothing'}.")
        factor *= times[value] / times[growth["base"][name]]
    return factor


# --- Several machines -------------------------------------------------------------------------------------------------


def host_share(count: int, host: int, hosts: int) -> slice:
    """Which of `count` pairs of a batch this host takes: neighbours, equally many for each host.

    Raises:
        UsageError: the batch cannot be divided.

    >>> [host_share(8, host, hosts=2) for host in (0, 1)]
    [slice(0, 4, None), slice(4, 8, None)]
    """
    if not 0 <= host < hosts:
        raise UsageError(f"host={host} of {hosts}: hosts are counted from 0 to {hosts - 1}.")
    if count % hosts:
        raise UsageError(f"A batch of {count} cannot be divided among {hosts} hosts: give a multiple of {hosts}.")
    part = count // hosts
    return slice(host * part, (host + 1) * part)


class HostBatches(TrainingBatches):
    """One host's share of each batch of `TrainingBatches`; all hosts together have exactly those batches.

    Each host prepares the whole batch and keeps its share: so all draw the same random numbers, and a run on n hosts
    is the run that one machine makes.

    >>> pictures = np.zeros((4, 32, 32, 3), np.uint8)
    >>> HostBatches(Split(pictures, pictures), batch_size=4, host=1, hosts=2)[0][0].shape
    (2, 32, 32, 3)
    """

    def __init__(
        self,
        split: Split,
        batch_size: int,
        seed: int = 0,
        jitter: bool = True,
        mirror: bool = True,
        host: int = 0,
        hosts: int = 1,
    ):
        super().__init__(split, batch_size, seed, jitter, mirror)
        self.mine = host_share(batch_size, host, hosts)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        sources, targets = super().__getitem__(index)
        return sources[self.mine], targets[self.mine]


def train_as_host(
    pairs: Pairs | str,
    run_dir: Path | str,
    host: int,
    hosts: int,
    address: str,
    epochs: int | None = None,
    preset: str = "auto",
    seed: int = 0,
    resume: bool = False,
    monitor: str = "val_ssim",
    **settings: Any,
) -> Run:
    """Be one of several hosts that train one model together. Call it on each, in a fresh process, with the JAX backend.

    It is `train` over `keras.distribution.initialize` and `DataParallel`: same settings, same run directory, same
    result as one machine with the same batch size. Host 0 writes the run directory. The others only read it when the
    run is resumed, so all of them need to see it.

    After a `TrainingError` end the process with `os._exit`, as `python -m pix2pix_edu.scaling` does: JAX would wait at
    the exit for the host that is gone, and then abort.

    Args:
        pairs: what `load_pairs` returned, or a name; the same on all hosts.
        run_dir: where to.
        host: which host this is, from 0.
        hosts: how many there are.
        address: of host 0, as "10.0.0.1:1234". All hosts must reach it.
        epochs: as for `train`, and so are the others. The batch size is that of all hosts together.
        preset: as for `train`.
        seed: as for `train`.
        resume: as for `train`.
        monitor: as for `train`.
        settings: as for `train`.

    Raises:
        UsageError: another backend than JAX, or a batch that cannot be divided.
        TrainingError: another host is gone.

    >>> run = train_as_host("emoji", "runs/two", host=0, hosts=2, address="10.0.0.1:1234")  # doctest: +SKIP
    """
    if keras.config.backend() != "jax":
        raise UsageError(
            f"Several hosts need the JAX backend, and this is {keras.config.backend()}. Set KERAS_BACKEND=jax and "
            "start anew; Keras has no `fit` over several hosts with another backend."
        )
    host_share(hosts, host, hosts)  # refuses a host that does not exist
    with _folder_of(host, Path(run_dir)) as folder:  # copied before any host begins to write
        keras.distribution.initialize(address, hosts, host)
        with keras.distribution.DataParallel(auto_shard_dataset=False).scope():
            pairs, config = plan_run(pairs, epochs, preset, seed, monitor, **settings)
            share = {"host": host, "hosts": hosts}
            batches = HostBatches(pairs.train, config.batch_size, seed, config.jitter, config.mirror, **share)
            config, model, done, history = _start(folder, config, resume)
            run = Run(model, config.as_dict(), history, folder.path)
            watch = [_Clock(batches), _NumberGuard(folder), _Recorder(folder, config, pairs.val, run, None)]
            try:
                model.fit(batches, initial_epoch=done, epochs=config.epochs, shuffle=False, verbose=0, callbacks=watch)
            except Exception as error:
                if not _is_gone(error):
                    raise
                raise TrainingError(_lost(host, hosts, Path(run_dir), error)) from error
    return run


@contextmanager
def _folder_of(host: int, run_dir: Path) -> Iterator[RunFolder]:
    """Host 0's run directory is the real one; the others write into a copy, which nobody needs afterwards."""
    if host == 0:
        yield RunFolder(run_dir)
        return
    with tempfile.TemporaryDirectory() as own:
        if run_dir.is_dir():
            shutil.copytree(run_dir, own, dirs_exist_ok=True)
        yield RunFolder(own)


def _is_gone(error: BaseException) -> bool:
    return any(word in str(error) for word in GONE)


def _lost(host: int, hosts: int, run_dir: Path, error: BaseException) -> str:
    kept = max(RunFolder(run_dir).saved(), default=0)
    reason = str(error).splitlines()[0][:200]
    back = f"they go on after epoch {kept}" if kept else "there is no checkpoint yet, so they begin anew"
    how = "resume=True (--resume)" if kept else "an empty run directory"
    return (
        f"Host {host} of {hosts} has lost another host and cannot go on, since every step needs the gradients of all "
        f"({reason}). What was finished is safe: start all hosts again with {how}, and {back}."
    )


# --- A rehearsal on one machine ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class HostEnd:
    """How a host's process ended.

    Args:
        host: which one.
        code: 0 if it finished, 3 if it lost another host, negative if it was killed by that signal.
        message: the last line that it printed.

    >>> str(HostEnd(1, -9, ""))
    'host 1 was killed (signal 9)'
    """

    host: int
    code: int
    message: str

    def __str__(self) -> str:
        """In words."""
        if self.code < 0:
            return f"host {self.host} was killed (signal {-self.code})"
        how = "finished" if self.code == 0 else f"ended with code {self.code}"
        return f"host {self.host} {how}: {self.message}"


class Hosts:
    """Running host processes on this machine; as a context manager it ends what still runs.

    Args:
        processes: one for each host.
        folder: where their output goes.
        run_dir: their run directory.

    >>> with launch_hosts(2, pairs, "runs/two", epochs=4) as hosts:  # doctest: +SKIP
    ...     hosts.wait_for_epoch(2)
    ...     hosts.kill(1)
    ...     ends = hosts.wait()
    """

    def __init__(self, processes: list[subprocess.Popen], folder: Path, run_dir: Path) -> None:
        self.processes, self._folder, self.run_dir = processes, folder, run_dir

    def __enter__(self) -> Hosts:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """End what still runs, and remove the temporary files."""
        for process in self.processes:
            if process.poll() is None:
                process.kill()
            process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)

    def kill(self, host: int) -> None:
        """End a host as a power cut would: it cannot say goodbye (SIGKILL)."""
        self.processes[host].kill()

    def wait_for_epoch(self, epoch: int, timeout: float = 600) -> None:
        """Wait until the checkpoint of an epoch is written.

        Raises:
            TrainingError: the hosts have ended before, or time is up.
        """
        end = time.monotonic() + timeout
        while epoch not in RunFolder(self.run_dir).saved():
            ended = [host for host, process in enumerate(self.processes) if process.poll() is not None]
            if ended or time.monotonic() > end:
                why = "; ".join(str(self._end(host)) for host in ended) or f"{timeout:g} seconds have passed"
                raise TrainingError(f"There is no checkpoint of epoch {epoch} in {self.run_dir}: {why}.")
            time.sleep(POLL_SECONDS)

    def wait(self, timeout: float = 600) -> list[HostEnd]:
        """Wait until all have ended. Once one has failed, the others get a minute to notice it, and are then killed.

        Raises:
            TrainingError: time is up; all of them have been killed.
        """
        end, alone = time.monotonic() + timeout, None
        while any(process.poll() is None for process in self.processes):
            if alone is None and any(process.poll() for process in self.processes):  # ended, and not with 0
                alone = time.monotonic() + GRACE_SECONDS
            if time.monotonic() > min(end, alone or end):
                running = [str(host) for host, process in enumerate(self.processes) if process.poll() is None]
                for process in self.processes:
                    process.kill()
                allowed = f"{timeout:g} seconds" if alone is None else f"{GRACE_SECONDS} seconds after another"
                raise TrainingError(f"Host {', '.join(running)} did not end within {allowed}, and was killed.")
            time.sleep(POLL_SECONDS)
        return [self._end(host) for host in range(len(self.processes))]

    def output(self, host: int) -> str:
        """Everything that a host has printed so far, errors included."""
        return (self._folder / f"host-{host}.log").read_text(errors="replace")

    def _end(self, host: int) -> HostEnd:
        said = [line for line in self.output(host).splitlines() if line.startswith("host ")]
        message = said[-1].partition(": ")[2] if said else self.output(host).strip()[-500:]
        return HostEnd(host, self.processes[host].wait(), message)


def launch_hosts(hosts: int, pairs: Pairs | str, run_dir: Path | str, resume: bool = False, **settings: Any) -> Hosts:
    """Rehearse several hosts on this machine: one process for each, which talk over the loopback network.

    Args:
        hosts: how many.
        pairs: what `load_pairs` returned, or a name.
        run_dir: where to.
        resume: go on with the run there.
        settings: `epochs`, `preset`, `seed`, and any other argument of `train_as_host`.

    Returns:
        The running processes. Use it in a `with` statement, and `.wait()` for them.

    Raises:
        UsageError: JAX is not installed, or a number of hosts that does not work.

    >>> with launch_hosts(2, "emoji", "runs/two", preset="tiny") as hosts:  # doctest: +SKIP
    ...     ends = hosts.wait()
    """
    import importlib.util

    check_count("hosts", hosts)
    if importlib.util.find_spec("jax") is None:
        raise UsageError("Several hosts need JAX, which is not installed here: pip install 'pix2pix-edu[jax]'.")
    folder = Path(tempfile.mkdtemp(prefix="pix2pix-hosts-"))
    data = str(pairs)
    if isinstance(pairs, Pairs):
        data = str(folder / "pairs.npz")
        _write_pairs(pairs, Path(data))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    command = [sys.executable, "-m", "pix2pix_edu.scaling", f"--address={address}", f"--hosts={hosts}"]
    command += [f"--data={data}", f"--run-dir={run_dir}", f"--settings={json.dumps(settings)}"]
    command += [f"--parent={os.getpid()}", *(["--resume"] if resume else [])]
    processes = []
    for host in range(hosts):
        with (folder / f"host-{host}.log").open("wb") as log:
            whole = [*command, f"--host={host}"]
            processes.append(subprocess.Popen(whole, env=_loopback(), stdout=log, stderr=log, stdin=subprocess.DEVNULL))
    return Hosts(processes, folder, Path(run_dir))


def _end_with(parent: int) -> None:
    """End this process soon after its parent: a rehearsal whose notebook was killed must not train on unseen.

    JAX catches the polite signals of hosts, so that those would not be enough.
    """

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(POLL_SECONDS)
        os._exit(LOST_A_HOST)

    threading.Thread(target=watch, daemon=True).start()


def _loopback() -> dict[str, str]:
    """The environment of a rehearsing host: JAX on the CPU, compiled in a hurry, since it will not run for long."""
    chosen = {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu", "JAX_CPU_COLLECTIVES_IMPLEMENTATION": "gloo"}
    return {**os.environ, **chosen, "JAX_DISABLE_MOST_OPTIMIZATIONS": "1", "PYTHONUNBUFFERED": "1"}


def _write_pairs(pairs: Pairs, path: Path) -> None:
    splits = {name: getattr(pairs, name) for name in ("train", "val", "test")}
    arrays = {
        f"{name}_{kind}": getattr(split, kind) for name, split in splits.items() for kind in ("sources", "targets")
    }
    np.savez(path, about=np.array([pairs.name, pairs.direction]), **arrays)


def _read_pairs(path: Path) -> Pairs:
    with np.load(path, allow_pickle=False) as file:
        train, val, test = (
            Split(file[f"{name}_sources"], file[f"{name}_targets"]) for name in ("train", "val", "test")
        )
        name, direction = (str(word) for word in file["about"])
    return Pairs(name, train, val, test, direction=direction)


def main(arguments: Sequence[str] | None = None) -> int:
    """The program of one host: `python -m pix2pix_edu.scaling --help`.

    >>> main(["--host=0", "--hosts=2", "--address=here:1", "--data=emoji", "--run-dir=runs/two"])  # doctest: +SKIP
    """
    parser = argparse.ArgumentParser(prog="python -m pix2pix_edu.scaling", description="Be one of several hosts.")
    parser.add_argument("--host", type=int, required=True, help="which host this is, from 0")
    parser.add_argument("--hosts", type=int, required=True, help="how many there are")
    parser.add_argument("--address", required=True, help="of host 0, such as 10.0.0.1:1234")
    parser.add_argument("--data", required=True, help="a data set's name, a folder, or a file of pairs (.npz)")
    parser.add_argument("--run-dir", required=True, help="where host 0 writes, and where all resume from")
    parser.add_argument("--resume", action="store_true", help="go on with the run there")
    parser.add_argument("--settings", type=json.loads, default={}, help="JSON, such as '{\"epochs\": 5}'")
    parser.add_argument("--parent", type=int, help="a process, by number, that started this one: end when it does")
    options = parser.parse_args(arguments)
    if options.parent is not None:
        _end_with(options.parent)
    pairs = _read_pairs(Path(options.data)) if options.data.endswith(".npz") else options.data
    where = {"host": options.host, "hosts": options.hosts, "address": options.address, "resume": options.resume}
    try:
        run = train_as_host(pairs, options.run_dir, **where, **options.settings)
    except Pix2PixEduError as error:
        print(f"host {options.host}: {error}", flush=True)
        os._exit(LOST_A_HOST if isinstance(error, TrainingError) else 2)  # at once: no farewell to hosts that are gone
    print(f"host {options.host}: {len(run.history.get('epoch', []))} epochs are done", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
