"""The benchmarks run, and what they write is what they say; how fast anything is, no test asks."""

from __future__ import annotations

import functools
import json
import math
import multiprocessing
import subprocess
import sys
import tarfile
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from benchmarks import cpu_training, machine, maps_training
from benchmarks.contestants import Task, apart, has_torch, take_turns, torch_patchgan, torch_unet
from benchmarks.table import frames_in_words, gpu_rows, maps_rows
from pix2pix_edu.cost import step_work
from pix2pix_edu.errors import UsageError
from pix2pix_edu.unet import count_parameters

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def race():
    """All of them in this process, which is no fair race and a short one."""

    def here(make, *arguments, **options):
        return make(*arguments, **options)

    return cpu_training.race(Task(64, 4, 2, steps=2), rounds=1, start=here)


def test_the_race_measures_everyone_and_compares_with_the_faster_loop(race):
    speed, ratio = race["images_per_second"], race["ratio_to_the_faster_loop"]
    assert {cpu_training.PLAIN, "pix2pix_edu, float32, alternating"} <= speed.keys() == ratio.keys()
    assert (cpu_training.TORCH in speed) == has_torch()
    assert max(ratio[name] for name in (cpu_training.PLAIN, cpu_training.TORCH) if name in ratio) == 1
    assert min(speed.values()) > 0


def test_a_contestant_works_in_a_process_of_its_own_and_tells_what_went_wrong_there():
    make = functools.partial  # called there with what it is given, it returns something to call: an epoch
    before = len(multiprocessing.active_children())
    sleeper, broken = apart(make, time.sleep, 0.2), apart(make, divmod, 1, 0)
    assert len(multiprocessing.active_children()) == before + 2
    assert take_turns({"sleeper": sleeper}, rounds=1)["sleeper"] >= 0.2
    for _ in range(2):  # it goes on after an error
        with pytest.raises(RuntimeError, match="ZeroDivisionError"):
            broken()


def test_a_contestant_that_died_is_no_riddle():
    with pytest.raises(RuntimeError, match="process of this contestant has ended"):
        apart(functools.partial, sys.exit, "enough")()


def test_the_share_of_the_peak_is_counted_operations_over_measured_ones(race):
    once_less = (cpu_training.PLAIN, cpu_training.SIMULTANEOUS)  # these ask D seven times, the others eight times
    for name, speed in race["images_per_second"].items():
        update = "simultaneous" if name in once_less else "alternating"
        operations = step_work(image_size=64, filters=4, batch_size=2, update=update).operations // 2
        assert race["operations_per_image"][name] == operations
        expected = speed * operations / (race["measured_fp32_peak"] * 1e9)
        assert race["share_of_fp32_peak"][name] == pytest.approx(expected, abs=2e-3)
        assert 0 < race["share_of_fp32_peak"][name] < 1


def test_the_gpu_benchmark_runs_at_toy_size_and_refuses_to_measure_without_a_gpu(tmp_path):
    command = [sys.executable, "-m", "benchmarks.gpu_training", "--rounds", "1", "--out", str(tmp_path)]
    done = subprocess.run([*command, "--tiny"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    record = json.loads((tmp_path / "gpu_training_tiny.json").read_text())
    assert [task["what"] for task in record["tasks"]] == ["32 px, 4 filters, batch 1", "32 px, 4 filters, batch 2"]
    for task in record["tasks"]:
        assert len(task["steps_per_second"]) == 3 + has_torch() and min(task["steps_per_second"].values()) > 0
        assert set(task["least_milliseconds_per_step"]) == {"operations_float32", "operations_bfloat16", "bytes"}
    if "none" in record["device"][0]:
        refused = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        assert refused.returncode != 0 and "There is no GPU" in refused.stderr


def test_the_table_says_not_measured_until_there_is_a_result_and_then_shows_it(tmp_path):
    path = tmp_path / "gpu_training.json"
    assert "not measured yet" in gpu_rows(path)[0]
    task = {"what": "256 px", "steps_per_second": {"a": 10.0, "b": 20.0}, "images_per_second": {"a": 10.0, "b": 20.0}}
    machine = {"date": "2030-01-01", "command": "python -m x"}
    record = {"device": ["gpu:0"], "backend": "jax", "machine": machine}
    path.write_text(json.dumps({**record, "tasks": [{**task, "ratio_to_pytorch": {"a": 1.0, "b": 2.0}}]}))
    assert "| b | 20 | 20 | 2.0 |" in gpu_rows(path)


def test_a_record_names_the_module_that_made_it_and_no_folder_of_the_machine():
    assert machine.command(["/somewhere/benchmarks/__main__.py", "--rounds", "7"]) == "python -m benchmarks --rounds 7"
    made = machine.command(["benchmarks/gpu_training.py", "../mine/maps.tar.gz", "--out", "/tmp/x"])
    assert made == "python -m benchmarks.gpu_training maps.tar.gz --out x"


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """Thirty toy pairs in the layout of the paper's archives: the map is the inverted photo."""
    root = tmp_path_factory.mktemp("archive")
    rng = np.random.default_rng(0)
    for split, count in (("train", 20), ("val", 10)):
        folder = root / "maps" / split
        folder.mkdir(parents=True)
        for index in range(count):
            photo = rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)
            Image.fromarray(np.concatenate([photo, 255 - photo], axis=1)).save(folder / f"{index}.png")
    path = root / "maps.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        tar.add(root / "maps", "maps")
    return path


def test_the_maps_benchmark_trains_both_directions_and_keeps_pictures_out_of_the_repository(archive, tmp_path):
    command = [sys.executable, "-m", "benchmarks.maps_training", str(archive), "--out", str(tmp_path)]
    tiny = [*command, "--tiny", "--presets", "fast", "--sheets"]
    done = subprocess.run([*tiny, str(tmp_path / "sheets")], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    record = json.loads((tmp_path / "maps_training_tiny.json").read_text())
    told = [row["what"] for row in record["trainings"]]
    assert told == ["aerial to map, 32 px, preset fast", "map to aerial, 32 px, preset fast"]
    for row in record["trainings"]:
        assert (row["training_pairs"], row["epochs"]) == (20, 3)
        assert row["steps"] == 3 * math.ceil(20 / row["batch_size"])
        assert 0 < row["test"]["l1"] < 2 and -1 < row["test"]["ssim"] < 1 and row["minutes"] > 0
        assert row["without_a_network"].keys() == {"copy of the source", "mean picture"}
    assert len(list((tmp_path / "sheets").glob("*.png"))) == 2
    refused = subprocess.run([*tiny, str(ROOT / "sheets")], cwd=ROOT, capture_output=True, text=True)
    assert refused.returncode != 0 and "must not get into it" in refused.stderr


def test_the_maps_benchmark_refuses_the_papers_size_without_a_gpu(archive, tmp_path, monkeypatch):
    monkeypatch.setattr(maps_training, "gpu_names", list)
    monkeypatch.setattr(sys, "argv", ["maps_training", str(archive), "--out", str(tmp_path)])
    with pytest.raises(UsageError, match="There is no GPU"):
        maps_training.main()


def test_a_training_ends_before_the_epoch_that_would_not_fit(monkeypatch):
    clock = iter([0.0, 0.0, 25.0, 25.0, 50.0])
    monkeypatch.setattr(maps_training.time, "perf_counter", lambda: next(clock))
    budget, model = maps_training.Budget(minutes=1), SimpleNamespace(stop_training=False)
    budget.set_model(model)
    budget.on_train_begin()
    budget.on_epoch_begin(0)
    budget.on_epoch_end(0)
    assert not model.stop_training  # 25 s are gone, and the next epoch ends at 50 s
    budget.on_epoch_begin(1)
    budget.on_epoch_end(1)
    assert model.stop_training and budget.taken == 50  # a third would end at 75 s


def test_the_table_shows_what_the_maps_gave_and_what_was_not_measured(tmp_path):
    assert ["not measured yet" in line for line in maps_rows(tmp_path)] == [True]
    scores = {"l1": 0.1, "psnr": 20.0, "ssim": 0.5}
    row = {"what": "aerial to map, 64 px, preset small", "minutes": 20.04, "epochs": 30, "test": scores}
    machine = {"cores": 2, "processor": "x", "date": "2030-01-01", "command": "python -m benchmarks.maps_training"}
    record = {"device": ["no GPU"], "backend": "tensorflow", "machine": machine}
    rows = {**record, "trainings": [{**row, "without_a_network": {"mean picture": {**scores, "l1": 0.2}}}]}
    (tmp_path / "maps_training_cpu.json").write_text(json.dumps(rows))
    lines = maps_rows(tmp_path)
    assert "| aerial to map, 64 px, preset small | 20.0 | 30 | 0.100 | 20.0 dB | 0.500 |" in lines
    assert "| aerial to map: mean picture |  |  | 0.200 | 20.0 dB | 0.500 |" in lines
    assert sum("not measured yet" in line for line in lines) == 1


@pytest.mark.skipif(not has_torch(), reason="torch is not installed")
def test_the_pytorch_loop_trains_the_same_networks():
    assert sum(p.numel() for p in torch_unet(64, 8).parameters()) == count_parameters(64, 8).total
    d = step_work(image_size=64, filters=8).discriminator_parameters
    assert sum(p.numel() for p in torch_patchgan(8).parameters()) == d


def test_the_drawing_widgets_are_in_the_table_once_they_were_measured():
    assert frames_in_words({}) == ""
    said = frames_in_words({"SketchPad": {"changes": 40, "median": 51.6, "worst": 80.2}})
    assert said == " While a stroke grows, the next picture is there after 52 ms in SketchPad (at most 80)."
