"""Training runs: what they write, that they can be killed at any moment, and what they say when something is wrong."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest
from jupyter_client.manager import start_new_kernel
from PIL import Image

import pix2pix_edu as p2p
from pix2pix_edu.backend import keras
from pix2pix_edu.checkpoints import RunFolder, best_epoch
from pix2pix_edu.errors import CheckpointError, DataError, StorageError, TrainingError, UsageError
from pix2pix_edu.evaluation.perceptual import vgg16_weights
from pix2pix_edu.pairs.jitter import Jitter, order, rng_for
from pix2pix_edu.training import TrainingBatches, load_run, out_of_memory_explained, plan_run, train
from pix2pix_edu.translation import to_float

SMALL = {"preset": "tiny", "show_progress": False, "filters": 4, "batch_size": 4}


def make_pairs(train_count=12, channels=(3, 3)):
    """Filled squares in random colours; the target is the negative."""
    rng = np.random.default_rng(0)
    counts = {"train": train_count, "val": 3, "test": 2}
    splits = {}
    for name, count in counts.items():
        sources = np.zeros((count, 32, 32, channels[0]), "uint8")
        sources[:, 8:24, 8:24] = rng.integers(0, 256, (count, 1, 1, channels[0]))
        targets = np.repeat(255 - sources[..., :1], channels[1], axis=-1)
        splits[name] = p2p.Split(sources, targets)
    return p2p.Pairs("squares", **splits)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return train(make_pairs(), epochs=3, run_dir=tmp_path_factory.mktemp("runs") / "a", **SMALL)


def weights_of(run):
    states = [*run.model.variables, *run.model.optimizer.variables]
    return [np.array(keras.ops.convert_to_numpy(variable.value)) for variable in states]


def assert_same_run(one, other):
    for a, b in zip(weights_of(one), weights_of(other), strict=True):
        np.testing.assert_array_equal(a, b)
    for name in ("epoch", "val_psnr", "val_ssim", "val_l1"):
        assert one.history[name] == other.history[name]


# --- what a run leaves behind -----------------------------------------------------------------------------------------


def test_run_directory_holds_everything_it_promises(run):
    files = {str(path.relative_to(run.run_dir)) for path in run.run_dir.rglob("*") if path.is_file()}
    assert {"config.json", "losses.csv", "sheets/epoch-0001.png", "sheets/epoch-0003.png"} <= files
    assert {"checkpoints/epoch-0002.npz", "checkpoints/epoch-0003.npz"} <= files
    assert "checkpoints/epoch-0001.npz" not in files  # the last two are kept
    assert [name for name in files if name.startswith("checkpoints/best")] == [
        f"checkpoints/best-{run.best_epoch:04d}.npz"
    ]
    assert [name for name in files if "tfevents" in name]
    assert not [name for name in files if "tmp" in name]


def test_losses_csv_is_the_history(run):
    assert RunFolder(run.run_dir).read_history() == run.history
    assert run.history["epoch"] == [1, 2, 3]
    header = (run.run_dir / "losses.csv").read_text().splitlines()[0].split(",")
    assert {"g_loss", "g_gan", "l1", "d_loss", "d_real", "d_fake", "val_psnr", "val_ssim", "val_l1"} <= set(header)


def test_validation_measures_are_those_of_evaluate(run):
    again = p2p.evaluate(run, make_pairs().val)
    assert again["ssim"] == pytest.approx(run.history["val_ssim"][-1])
    assert again["l1"] == pytest.approx(run.history["val_l1"][-1])


def test_sheet_shows_source_translation_and_target(run):
    sheet = np.asarray(Image.open(run.sheets[-1]))
    pairs = make_pairs()
    np.testing.assert_array_equal(sheet[4:36, 4:36], pairs.val.sources[0])
    np.testing.assert_array_equal(sheet[4:36, 40:72], p2p.translate(run, pairs.val.sources)[0])
    np.testing.assert_array_equal(sheet[4:36, 76:108], pairs.val.targets[0])


def test_best_checkpoint_can_be_loaded_and_scores_what_the_history_says(run):
    best = load_run(run.run_dir)
    measured = p2p.evaluate(best, make_pairs().val)
    assert measured["ssim"] == pytest.approx(max(run.history["val_ssim"]))
    last = load_run(run.run_dir, which="last")
    assert p2p.evaluate(last, make_pairs().val)["ssim"] == pytest.approx(run.history["val_ssim"][-1])
    model = p2p.load_model(run.run_dir)
    assert p2p.evaluate(model, make_pairs().val) == measured


def test_training_is_a_function_of_the_seed(run, tmp_path):
    same = train(make_pairs(), epochs=3, run_dir=tmp_path / "same", **SMALL)
    assert_same_run(run, same)
    other = train(make_pairs(), epochs=1, run_dir=tmp_path / "other", seed=1, **SMALL)
    assert other.history["val_l1"][0] != run.history["val_l1"][0]


def test_config_is_readable_and_names_versions(run):
    config = json.loads((run.run_dir / "config.json").read_text())
    assert config["filters"] == 4 and config["data"] == "squares" and config["seed"] == 0
    assert set(config["versions"]) == {"pix2pix_edu", "python", "keras", "backend"}


def test_other_channels_and_a_batch_larger_than_the_data(tmp_path):
    pairs = make_pairs(train_count=2, channels=(1, 3))
    run = train(pairs, epochs=1, run_dir=tmp_path / "r", **{**SMALL, "batch_size": 64})
    assert run.config["batch_size"] == 2
    assert p2p.translate(run, pairs.test.sources).shape == pairs.test.targets.shape


def test_batch_size_1_uses_the_papers_statistics_at_test_time(tmp_path):
    run = train(make_pairs(2), epochs=1, run_dir=tmp_path / "r", **{**SMALL, "batch_size": 1})
    assert run.model.statistics == "batch"


def test_save_every_leaves_gaps_that_are_not_numbers(tmp_path):
    run = train(make_pairs(4), epochs=3, save_every=2, run_dir=tmp_path / "r", **SMALL)
    assert [bool(np.isnan(value)) for value in run.history["val_ssim"]] == [True, False, False]
    assert [path.name for path in run.sheets] == ["epoch-0002.png", "epoch-0003.png"]
    assert RunFolder(run.run_dir).read_history()["epoch"] == [1, 2, 3]


# --- batches ----------------------------------------------------------------------------------------------------------


def test_batches_are_the_jittered_pairs_in_the_order_of_seed_and_epoch():
    split = make_pairs(10).train
    batches = TrainingBatches(split, batch_size=4, seed=3)
    batches.epoch = 5
    sources, targets = batches[1]
    expected = Jitter(split.sources, split.targets, resize_to=36)(order(3, 5, 10)[4:8], rng_for(3, 5, 1))
    np.testing.assert_array_equal(sources, to_float(expected[0]))
    np.testing.assert_array_equal(targets, to_float(expected[1]))
    assert len(batches) == 2  # two pairs are left over, others in each epoch
    batches.epoch = 6
    assert not np.array_equal(batches[1][0], sources)


def test_without_jitter_and_mirror_each_epoch_is_a_permutation():
    split = make_pairs(8).train
    batches = TrainingBatches(split, batch_size=4, jitter=False, mirror=False)
    seen = np.concatenate([batches[i][0] for i in range(2)])
    original = to_float(split.sources)
    matches = [int(np.flatnonzero([np.array_equal(picture, o) for o in original])[0]) for picture in seen]
    assert sorted(matches) == list(range(8))


# --- killed and resumed -----------------------------------------------------------------------------------------------

KILLED = """
import os, sys, time
sys.path.insert(0, {tests!r})
from test_training import SMALL, make_pairs, train
flush = os.fsync
os.fsync = lambda file: (flush(file), time.sleep(0.2))  # a slow disk: there is time to kill it in the middle of writing
train(make_pairs(), epochs=3, run_dir={run_dir!r}, resume={resume}, **SMALL)
"""


def start_training(run_dir, resume=False):
    code = KILLED.format(tests=os.path.dirname(__file__), run_dir=str(run_dir), resume=resume)
    return subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)


def wait_for(condition, process):
    while not condition():
        assert process.poll() is None, "the run ended before it could be killed"
        time.sleep(0.002)


@pytest.mark.parametrize("moment", ["after the first checkpoint", "while the second is being written"])
def test_a_run_killed_and_resumed_equals_one_that_was_never_killed(run, tmp_path, moment):
    folder = tmp_path / "killed"
    process = start_training(folder)
    if moment == "after the first checkpoint":
        wait_for((folder / "checkpoints/epoch-0001.npz").exists, process)
        time.sleep(random.Random(0).uniform(0, 0.1))
    else:
        wait_for(lambda: list(folder.glob("checkpoints/.epoch-0002.npz.*")), process)
    process.send_signal(signal.SIGKILL)
    process.wait()
    resumed = train(make_pairs(), epochs=3, run_dir=folder, resume=True, **SMALL)
    assert_same_run(run, resumed)
    assert not list(folder.rglob("*.tmp"))


def test_resuming_a_finished_run_changes_nothing_and_more_epochs_go_on(run, tmp_path):
    first = train(make_pairs(), epochs=2, run_dir=tmp_path / "r", **SMALL)
    assert len(first.history["epoch"]) == 2
    again = train(make_pairs(), epochs=2, run_dir=tmp_path / "r", resume=True, **SMALL)
    assert_same_run(first, again)
    longer = train(make_pairs(), epochs=3, run_dir=tmp_path / "r", resume=True, **SMALL)
    assert_same_run(run, longer)


AFTER = {
    "feature_matching": 10.0,
    "perceptual": 5.0,
    "perceptual_features": "emoji",
    "spectral_norm": True,
    "ema": 0.9,
    "diffaugment": "colour,translation,cutout",
    "levels": 3,
}


def test_a_run_with_everything_that_came_later_can_be_resumed(tmp_path):
    whole = train(make_pairs(), epochs=2, run_dir=tmp_path / "whole", **SMALL, **AFTER)
    assert {"features", "perceptual"} <= whole.history.keys()
    train(make_pairs(), epochs=1, run_dir=tmp_path / "stopped", **SMALL, **AFTER)
    resumed = train(make_pairs(), epochs=2, run_dir=tmp_path / "stopped", resume=True, **SMALL, **AFTER)
    assert_same_run(whole, resumed)
    assert p2p.evaluate(whole, make_pairs().val)["ssim"] == pytest.approx(whole.history["val_ssim"][-1])
    loaded = p2p.load_model(whole.run_dir)  # the best epoch's average
    assert p2p.evaluate(loaded, make_pairs().val)["ssim"] == pytest.approx(max(whole.history["val_ssim"]))
    with pytest.raises(CheckpointError, match=r"ema: 0\.9 before, 0\.5 now"):
        train(make_pairs(), epochs=3, run_dir=whole.run_dir, resume=True, **SMALL, **{**AFTER, "ema": 0.5})


def test_whose_features_are_compared_is_decided_once_and_kept(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))  # where no weights of VGG16 are
    settings = {**SMALL, "perceptual": 1.0}
    run = train(make_pairs(4), epochs=1, run_dir=tmp_path / "r", **settings)
    assert RunFolder(run.run_dir).read_config().perceptual_features == "emoji"
    with pytest.raises(CheckpointError, match="perceptual_features: 'emoji' before, 'course' now"):
        train(make_pairs(4), run_dir=run.run_dir, resume=True, **settings, perceptual_features="course")
    (tmp_path / "models").mkdir()
    vgg16_weights().write_bytes(b"now they are here")
    again = train(make_pairs(4), epochs=1, run_dir=run.run_dir, resume=True, **settings)
    assert again.config["perceptual_features"] == "emoji" and again.history["epoch"] == [1]


def test_a_damaged_newest_checkpoint_falls_back_to_the_one_before(run, tmp_path):
    first = train(make_pairs(), epochs=2, run_dir=tmp_path / "r", **SMALL)
    newest = RunFolder(first.run_dir).saved()[2]
    newest.write_bytes(newest.read_bytes()[:1000])
    resumed = train(make_pairs(), epochs=3, run_dir=first.run_dir, resume=True, **SMALL)
    assert_same_run(run, resumed)


def test_stopping_by_hand_keeps_the_run(tmp_path, capsys):
    class PressStop(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 1:
                raise KeyboardInterrupt

    run = train(make_pairs(), epochs=3, run_dir=tmp_path / "r", callbacks=[PressStop()], **SMALL)
    assert run.interrupted and run.history["epoch"] == [1]
    assert "up to epoch 1" in capsys.readouterr().out


IN_A_NOTEBOOK = """
import sys
sys.path.insert(0, {tests!r})
from test_training import SMALL, make_pairs, train
run = train(make_pairs(), epochs=100_000, run_dir={run_dir!r}, **SMALL)
print("stopped:", run.interrupted, "kept:", run.run_dir)
"""


def test_the_stop_button_of_a_notebook_keeps_the_run(tmp_path):
    """In a kernel of its own: the cell ends as if the training were over, and the run can be resumed."""
    manager, client = start_new_kernel(kernel_name="python3")
    try:
        answer = client.execute(IN_A_NOTEBOOK.format(tests=os.path.dirname(__file__), run_dir=str(tmp_path / "r")))
        until = time.monotonic() + 120
        while not list(tmp_path.glob("r/checkpoints/epoch-*.npz")):
            assert time.monotonic() < until and client.is_alive(), "no epoch has ended"
            time.sleep(0.05)
        manager.interrupt_kernel()
        reply = client.get_shell_msg(timeout=60)
        assert reply["parent_header"]["msg_id"] == answer and reply["content"]["status"] == "ok"
        said = ""
        while "stopped:" not in said:
            said += client.get_iopub_msg(timeout=10)["content"].get("text", "")
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    assert "Stopped by hand. Everything up to epoch" in said and f"stopped: True kept: {tmp_path / 'r'}" in said
    folder = RunFolder(tmp_path / "r")
    done = max(folder.saved())
    again = train(make_pairs(), epochs=done, run_dir=folder.path, resume=True, **SMALL)
    assert again.history["epoch"] == list(range(1, done + 1))


# --- what can go wrong ------------------------------------------------------------------------------------------------


def test_not_a_number_stops_the_run_and_keeps_the_good_checkpoint(tmp_path):
    class Poison(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 1:
                kernel = self.model.generator.get_layer("to_picture").kernel
                kernel.assign(np.full(kernel.shape, np.nan, "float32"))

    with pytest.raises(TrainingError, match=r"epoch 2, step 1.*no longer a finite number.*learning_rate.*epoch 1"):
        train(make_pairs(), epochs=3, run_dir=tmp_path / "r", callbacks=[Poison()], **SMALL)
    assert list(RunFolder(tmp_path / "r").saved()) == [1]
    assert np.isfinite(load_run(tmp_path / "r").history["l1"]).all()


def test_a_second_run_in_the_same_folder_is_refused(run):
    with pytest.raises(UsageError, match="already holds a training run"):
        train(make_pairs(), run_dir=run.run_dir, **SMALL)


def test_resuming_with_other_settings_is_refused_and_names_them(run):
    with pytest.raises(CheckpointError, match=r"filters: 4 before, 8 now"):
        train(make_pairs(), epochs=4, run_dir=run.run_dir, resume=True, **{**SMALL, "filters": 8})


def test_resuming_nothing_is_refused(tmp_path):
    with pytest.raises(CheckpointError, match="holds no training run"):
        train(make_pairs(), run_dir=tmp_path / "none", resume=True, **SMALL)


@pytest.mark.parametrize(
    "other", [{"filters": 6}, {"norm": "instance"}, {"image_size": 64}, {"norm": "none"}, {"upsample": "resize"}]
)
def test_checkpoint_of_another_architecture_is_explained(run, tmp_path, other):
    copy = tmp_path / "copy"
    RunFolder(copy).write_config(replace(RunFolder(run.run_dir).read_config(), **other))
    (copy / "checkpoints").mkdir()
    source = RunFolder(run.run_dir).saved()[3]
    (copy / "checkpoints" / source.name).write_bytes(source.read_bytes())
    with pytest.raises(CheckpointError, match=r"epoch-0003\.npz does not fit.*made with other settings"):
        load_run(copy)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"surprise": 1}', "[" * 100_000, "\xff"])
def test_damaged_config_is_explained(tmp_path, content):
    (tmp_path / "config.json").write_text(content, encoding="latin-1")
    with pytest.raises(CheckpointError, match=r"config\.json cannot be used"):
        load_run(tmp_path)


def test_settings_of_another_kind_in_a_config_are_explained(run, tmp_path):
    settings = json.loads((run.run_dir / "config.json").read_text())
    for name, value in (("filters", "4"), ("batch_size", 2.5), ("skips", "yes"), ("versions", []), ("norm", 3)):
        (tmp_path / "config.json").write_text(json.dumps({**settings, name: value}))
        with pytest.raises(CheckpointError, match=rf"config\.json cannot be used \({name}=.* does not work: give"):
            RunFolder(tmp_path).read_config()


def test_a_config_of_a_newer_version_is_explained(run, tmp_path):
    settings = json.loads((run.run_dir / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**settings, "attention": True}))
    with pytest.raises(CheckpointError, match="'attention'.*written by another version of pix2pix_edu"):
        load_run(tmp_path)


@pytest.mark.parametrize("content", ["epoch,l1\n1,oops\n", "", "l1\n0.5\n", "epoch,l1\n1\n", "epoch\n1e400\n", "\xff"])
def test_damaged_history_is_explained(tmp_path, content):
    (tmp_path / "losses.csv").write_text(content, encoding="latin-1")
    with pytest.raises(CheckpointError, match=r"losses\.csv is damaged"):
        RunFolder(tmp_path).read_history()


@pytest.mark.parametrize("content", [np.array([print], object), np.array(["words"]), np.array([1j])])
def test_a_checkpoint_that_holds_no_numbers_is_refused_and_runs_nothing(run, tmp_path, content):
    folder = RunFolder(run.run_dir)
    path = tmp_path / "epoch-0003.npz"
    with np.load(folder.saved()[3]) as whole:
        name = whole.files[0]
        arrays = {**whole, name: np.broadcast_to(content, whole[name].shape)}
    np.savez(path, **arrays)
    said = "it holds Python objects, which could run code|holds .* and no real numbers"
    with pytest.raises(CheckpointError, match=said):
        folder.load_weights(run.model, path)


def test_a_checkpoint_cut_off_anywhere_is_explained_and_changes_nothing(run, tmp_path):
    folder, before = RunFolder(run.run_dir), weights_of(run)
    whole = folder.saved()[3].read_bytes()
    path = tmp_path / "epoch-0003.npz"
    for share in (0, 0.01, 0.5, 0.999):
        path.write_bytes(whole[: int(share * len(whole))])
        with pytest.raises(CheckpointError, match=r"epoch-0003\.npz is damaged.*Use another one: epoch-0002\.npz"):
            folder.load_weights(run.model, path)
    for one, other in zip(before, weights_of(run), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_run_without_a_checkpoint_is_explained(run, tmp_path):
    RunFolder(tmp_path).write_config(RunFolder(run.run_dir).read_config())
    with pytest.raises(CheckpointError, match="no checkpoint yet"):
        load_run(tmp_path)


FULL_DISK = """
import resource, signal, sys
sys.path.insert(0, {tests!r})
from test_training import SMALL, StorageError, make_pairs, train
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))  # no file may grow beyond: a checkpoint does not fit
try:
    train(make_pairs(), epochs=1, run_dir={run_dir!r}, **SMALL)
except StorageError as error:
    print(error)
"""


@pytest.mark.skipif(os.name != "posix", reason="limits the size of files with setrlimit")
def test_a_disk_that_takes_no_checkpoint_is_explained(tmp_path):
    code = FULL_DISK.format(tests=os.path.dirname(__file__), run_dir=str(tmp_path / "r"))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert f"Could not write {tmp_path / 'r' / 'checkpoints' / 'best-0001.npz'}" in done.stdout, done.stderr[-2000:]
    assert "Nothing that was there before was changed" in done.stdout
    assert not list((tmp_path / "r" / "checkpoints").iterdir())


def test_a_name_too_long_for_a_folder_is_explained(tmp_path):
    with pytest.raises(StorageError, match="Names end at 255 bytes"):
        train(make_pairs(), epochs=1, run_dir=tmp_path / ("n" * 256), **SMALL)
    with pytest.raises(CheckpointError, match="holds no training run"):
        load_run(tmp_path / ("n" * 256))


def test_a_file_where_the_folder_should_be_is_explained(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError, match="choose another folder"):
        train(make_pairs(), epochs=1, run_dir=tmp_path / "file" / "run", **SMALL)


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"filter": 8}, "Did you mean 'filters'"),
        ({"epochs": 0}, "epochs=0"),
        ({"monitor": "val_fid"}, "val_fid"),
        ({"preset": "smal"}, "Did you mean 'small'"),
        ({"batch_size": -1}, "batch_size=-1"),
        ({"ema": 1.0}, "ema=1.0"),
        ({"diffaugment": "color"}, "Did you mean 'colour'"),
        ({"perceptual": 1.0, "perceptual_features": "vgg19"}, "Did you mean 'vgg16'"),
        ({"filters": "8"}, "filters='8' does not work: give a whole number"),
        ({"filters": True}, "filters=True does not work: give a whole number"),
        ({"skips": 1}, "skips=1 does not work: give True or False"),
        ({"norm": None}, "norm=None does not work: give a word"),
        ({"lambda_l1": "many"}, "lambda_l1='many' does not work: give a number"),
        ({"dropout": float("nan")}, "dropout=nan does not work: give a finite number"),
        ({"learning_rate": 0}, "learning_rate=0 does not work: give a number above 0"),
        ({"d_learning_rate": -1e-4}, "d_learning_rate=-0.0001 does not work: give a number above 0"),
        ({"beta_1": 1.0}, "beta_1=1.0 does not work: give a number from 0 to below 1"),
        ({"seed": -1}, "seed=-1 does not work"),
        ({"norm": "bacth"}, "Did you mean 'batch'"),  # these the networks refuse, not the settings
        ({"levels": 9}, "levels=9 does not work"),
        ({"fills_holes": True}, "fills_holes=True does not work: the source has 3 channels"),
        ({"distance": "l3"}, "distance='l3'"),
    ],
)
def test_settings_that_cannot_work_are_explained(tmp_path, settings, message):
    with pytest.raises(UsageError, match=message):
        train(make_pairs(), run_dir=tmp_path / "r", **{**SMALL, **settings})
    assert not (tmp_path / "r").exists()


def test_numbers_of_numpy_are_numbers_and_a_run_with_them_can_be_read_again(tmp_path):
    numbers = {"filters": np.int64(4), "learning_rate": np.float32(1e-4), "skips": np.bool_(True), "lambda_l1": 100}
    _, config = plan_run(make_pairs(), epochs=np.int32(2), preset="tiny", seed=np.uint8(3), **numbers)
    RunFolder(tmp_path).write_config(config)
    assert RunFolder(tmp_path).read_config() == config
    assert json.loads((tmp_path / "config.json").read_text())["filters"] == 4
    network = p2p.generator_model(32, np.int64(2), levels=np.int32(2))
    assert (
        json.loads(network.to_json()) and network.count_params() == p2p.generator_model(32, 2, levels=2).count_params()
    )


def test_a_run_of_an_older_version_can_be_read(run, tmp_path):
    """Settings that came later have the values that they had before there was a choice; 100.0 may have been 100."""
    settings = json.loads((run.run_dir / "config.json").read_text())
    later = (
        "bottleneck_norm",
        "steps_per_call",
        "d_learning_rate",
        "beta_1",
        "levels",
        "fills_holes",
        "ema",
        "diffaugment",
        "versions",
    )
    old = {name: value for name, value in settings.items() if name not in later}
    (tmp_path / "config.json").write_text(json.dumps({**old, "lambda_l1": 100, "dropout": 0, "adversarial": None}))
    config = RunFolder(tmp_path).read_config()
    assert (config.lambda_l1, config.dropout, config.adversarial, config.beta_1) == (100, 0, None, 0.5)


def test_an_empty_split_is_explained(tmp_path):
    pairs = make_pairs()
    empty = p2p.Pairs("empty", pairs.train, pairs.val[:0], pairs.test)
    with pytest.raises(DataError, match="val split of 'empty' is empty"):
        train(empty, run_dir=tmp_path / "r", **SMALL)


def test_best_epoch_reads_direction_ties_and_gaps():
    nan = float("nan")
    assert best_epoch({"epoch": [1, 2, 3, 4], "val_l1": [0.5, 0.2, nan, 0.2]}, "val_l1") == 2
    assert best_epoch({"epoch": [1, 2, 3], "val_psnr": [nan, 20.0, 22.0]}, "val_psnr") == 3
    assert best_epoch({}, "val_ssim") is None


def test_a_name_instead_of_pairs_is_loaded_and_the_folder_is_numbered(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs" / "emoji-tiny-001").mkdir(parents=True)
    run = train("emoji", epochs=1, **{**SMALL, "batch_size": 256})
    assert str(run.run_dir) == "runs/emoji-tiny-002"
    assert run.config["data"] == "emoji" and run.config["image_size"] == 32


def test_progress_bar_counts_every_step(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("pix2pix_edu.progress.PATIENCE_SECONDS", 0)
    train(make_pairs(), epochs=2, run_dir=tmp_path / "r", **{**SMALL, "show_progress": True})
    assert "6/6" in capsys.readouterr().err


# --- too little memory ------------------------------------------------------------------------------------------------


class Exhausted(keras.callbacks.Callback):
    """Fails after the first epoch, as a backend does when it finds no memory."""

    def __init__(self, error):
        super().__init__()
        self.error = error

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 1:
            self.error()


def ask_tensorflow_for_too_much():
    keras.ops.zeros((10**9, 10**9))


def say_what_jax_says():
    raise RuntimeError("RESOURCE_EXHAUSTED: Out of memory while trying to allocate 17179869184 bytes.")


def say_what_numpy_says():
    raise np._core._exceptions._ArrayMemoryError((10**9, 10**9), np.dtype("float32"))


def say_what_torch_says():
    raise type("OutOfMemoryError", (RuntimeError,), {})("CUDA out of memory. Tried to allocate 2.00 GiB.")


@pytest.mark.parametrize(
    "error", [ask_tensorflow_for_too_much, say_what_jax_says, say_what_numpy_says, say_what_torch_says]
)
def test_too_little_memory_is_explained_and_the_run_can_be_resumed(error, tmp_path):
    with pytest.raises(TrainingError) as caught:
        train(make_pairs(), epochs=2, run_dir=tmp_path / "r", callbacks=[Exhausted(error)], **SMALL)
    message = str(caught.value)
    advice = ["restart the kernel", "batch_size=2 (now 4)", "bfloat16", "image_size=16", "filters=2"]
    assert [message.index(word) for word in advice] == sorted(message.index(word) for word in advice)
    assert "checkpoints up to epoch 1" in message and "\n" not in message
    run = train(make_pairs(), epochs=2, run_dir=tmp_path / "r", resume=True, **SMALL)
    assert run.history["epoch"] == [1, 2]


def test_a_full_disk_is_not_called_a_lack_of_memory(run):
    """TensorBoard's writer is TensorFlow's, which has one error for both."""
    folder = RunFolder(run.run_dir)
    full = type("ResourceExhaustedError", (Exception,), {})("events.out; No space left on device")
    with (
        pytest.raises(StorageError, match=r"Could not write to .* The disk is full: free some space"),
        out_of_memory_explained(folder.read_config(), folder),
    ):
        raise full


def test_what_is_no_lack_of_memory_is_not_called_one(tmp_path):
    def wrong():
        raise ValueError("something else")

    with pytest.raises(ValueError, match="something else"):
        train(make_pairs(), epochs=2, run_dir=tmp_path / "r", callbacks=[Exhausted(wrong)], **SMALL)


def test_at_batch_size_1_no_smaller_batch_is_advised(tmp_path):
    settings = {**SMALL, "batch_size": 1}
    with pytest.raises(TrainingError, match="in turn: precision=") as caught:
        train(make_pairs(2), epochs=2, run_dir=tmp_path / "r", callbacks=[Exhausted(say_what_jax_says)], **settings)
    assert "batch_size=" not in str(caught.value)
