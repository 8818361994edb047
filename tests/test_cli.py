"""The command line, run for real: what it writes, what it says, and which exit code it ends with."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import runpy
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

import pix2pix_edu as p2p
from pix2pix_edu.cli import build_parsers, main
from pix2pix_edu.evaluation import real_score
from pix2pix_edu.experiments import EXPERIMENTS, ROWS, SCALES
from pix2pix_edu.presets import PRESETS

COMMANDS = ["doctor", "data", "estimate", "train", "translate", "evaluate", "reproduce", "export"]
SIZE = 32


def draw_pairs(folder: Path, count: int = 20) -> Path:
    """Outlines in A, the same shapes filled with orange in B."""
    rng = np.random.default_rng(0)
    for side in "AB":
        (folder / side).mkdir(parents=True)
    for number in range(count):
        x, y, width, height = (int(value) for value in rng.integers(4, 14, 4))
        box = (x, y, x + width, y + height)
        for side, fill in (("A", None), ("B", "orange")):
            picture = Image.new("RGB", (SIZE, SIZE), "white")
            ImageDraw.Draw(picture).rectangle(box, outline="black", fill=fill)
            picture.save(folder / side / f"{number:02d}.png")
    return folder


@pytest.fixture(scope="module")
def pairs_folder(tmp_path_factory) -> Path:
    return draw_pairs(tmp_path_factory.mktemp("data") / "boxes")


@pytest.fixture(scope="module")
def trained(tmp_path_factory, pairs_folder) -> tuple[Path, str]:
    """A run that the command line has trained for one epoch, and what it printed."""
    run_dir = tmp_path_factory.mktemp("runs") / "boxes"
    printed = io.StringIO()
    tiny = ["--preset", "tiny", "--epochs", "1", "--filters", "4"]
    with contextlib.redirect_stdout(printed):
        code = main(["train", "--data", str(pairs_folder), *tiny, "--run-dir", str(run_dir)])
    assert code == 0
    return run_dir, printed.getvalue()


@pytest.fixture
def run_dir(trained) -> str:
    return str(trained[0])


@pytest.fixture
def run(capsys):
    """Run a command in this process: exit code, standard output and standard error."""

    def call(*arguments: object) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


def one_line(text: str) -> str:
    """Wrapped text without its line breaks, so that tests need not know where they fall."""
    return " ".join(text.split())


# --- Help -------------------------------------------------------------------------------------------------------------


def test_help_maps_the_commands_in_the_order_in_which_a_newcomer_needs_them(run):
    code, out, _ = run("--help")
    listed = re.findall(r"^  (\w+) +[A-Z].*\.$", out, flags=re.MULTILINE)
    assert (code, listed) == (0, COMMANDS)


def test_no_command_at_all_shows_the_map(run):
    assert run() == run("--help")


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_a_command_explains_every_option_and_shows_an_example(run, command):
    code, out, _ = run(command, "--help")
    assert code == 0
    for action in build_parsers()[1][command]._actions:
        for option in action.option_strings:
            assert option in out
        assert action.help, f"{command} {action.dest} has no explanation"
        takes_a_value = action.option_strings and action.nargs != 0
        if takes_a_value and not action.required and action.dest not in ("set", "out", "json"):
            assert "(default: " in action.help, f"{command} --{action.dest} does not say its default"
    explanation = out.split("\n\n")[1]
    assert len(explanation.splitlines()) == 2
    assert f"  pix2pix-edu {command}" in out.split("examples:")[1]


def test_help_names_every_model_that_ships():
    from pix2pix_edu.cli.model import MODELS
    from pix2pix_edu.translation import EXAMPLES

    assert set(EXAMPLES) <= set(re.findall(r"[a-z-]+", MODELS))


@pytest.mark.parametrize("command", COMMANDS)
def test_examples_in_the_help_are_valid_commands(command):
    parser, parsers = build_parsers()
    text = parsers[command].epilog.split("examples:\n")[1].split("\n\n")[0].replace("\\\n", " ")
    for line in text.splitlines():
        assert parser.parse_args(line.split()[1:]).command == command


def test_help_of_train_lists_every_preset_and_every_setting(run):
    _, out, _ = run("train", "--help")
    for preset in PRESETS.values():
        assert preset.about in out
    for setting in PRESETS["small"].settings():
        assert setting in out or f"--{setting.replace('_', '-')}" in out


@pytest.mark.parametrize("arguments", [["--help"], *([command, "--help"] for command in COMMANDS), ["data"]])
def test_no_line_is_wider_than_a_terminal(run, arguments):
    _, out, _ = run(*arguments)
    assert [line for line in out.splitlines() if len(line) > 80] == []


def test_version(run):
    assert run("--version")[:2] == (0, f"pix2pix-edu {p2p.__version__}\n")


# --- Wrong usage ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["trian"], "There is no command 'trian'. Did you mean 'train'?"),
        (["train", "--epoch", "3"], "There is no option '--epoch'. Did you mean --epochs?"),
        (["train", "--epochs", "many"], "Argument --epochs: 'many' is not a whole number."),
        (["train", "--lambda-l1", "much"], "Argument --lambda-l1: 'much' is not a number."),
        (["train", "--set", "norm"], "Argument --set: 'norm' is not of the form KEY=VALUE."),
        (["train", "--preset", "tinny"], "Did you mean 'tiny'?"),
        (["train", "--preset", "tiny", "--set", "filter=3"], "Did you mean 'filters'?"),
        (["train", "--preset", "tiny", "--set", "skips=maybe"], "skips is yes or no"),
        (["train", "--preset", "tiny", "--set", "save_every=x"], "save_every is a whole number, such as 1"),
        (["train", "--preset", "tiny", "--set", "epochs=3"], "this setting has an option, --epochs 3"),
        (["train", "--preset", "tiny", "--image-size", "0"], "image_size=0 does not work"),
        (["train", "--resume"], "--resume needs to know which run: add --run-dir FOLDER."),
        (["data", "emojis"], "Did you mean 'emoji'?"),
        (["data", "emoji", "--split", "tset"], "--split tset does not exist. Did you mean 'test'?"),
        (["data", "emoji", "--out", "x.png", "--count", "0"], "--count 0 does not work"),
        (["data", "emoji", "--out", "x.pdf"], "--out x.pdf should end with .png"),
        (["data", "facades", "--option", "them=simple"], "Did you mean 'theme'?"),
        (["data", "more", "than", "one"], "There is no argument 'than'."),
        (["translate", "--input", "x.png"], "The following arguments are required: --output."),
        (["evaluate", "--model", "emoji", "--split", "tset"], "--split tset does not exist. Did you mean 'test'?"),
        (["evaluate", "--model", "emoji", "--limit", "0"], "--limit 0 does not work"),
    ],
)
def test_wrong_usage_is_one_paragraph_that_names_the_value_and_the_way_out(run, arguments, message):
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert message in one_line(err)
    assert "\n\n" not in err
    assert "Traceback" not in err


def test_the_debug_variable_shows_where_an_error_arose(run, monkeypatch):
    monkeypatch.setenv("PIX2PIX_EDU_DEBUG", "1")
    code, _, err = run("data", "emojis")
    assert code == 2
    assert "Traceback" in err
    assert "Did you mean 'emoji'?" in one_line(err)


def test_a_process_ends_with_the_exit_code_and_keeps_errors_out_of_the_output():
    done = subprocess.run([sys.executable, "-m", "pix2pix_edu", "data", "emojis"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("Error: There is no data set 'emojis'.")


def test_python_m_runs_the_command_line(capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["pix2pix_edu", "--version"])
    with pytest.raises(SystemExit) as stop:
        runpy.run_module("pix2pix_edu", run_name="__main__")
    assert (stop.value.code, capsys.readouterr().out) == (0, f"pix2pix-edu {p2p.__version__}\n")


def test_help_and_data_load_no_keras(pairs_folder):
    code = (
        "import sys; from pix2pix_edu.cli import main; "
        f"codes = [main(a) for a in (['--help'], ['data'], ['data', {str(pairs_folder)!r}])]; "
        "print(codes, [name for name in ('tensorflow', 'keras') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "[0, 0, 0] []", done.stderr


# --- doctor -----------------------------------------------------------------------------------------------------------


def test_doctor_ends_with_1_if_something_must_be_mended(run, monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "abacus")
    code, out, _ = run("doctor")
    assert code == 1
    assert "✓ ok    Python" in out
    assert "✗ fail  Keras backend" in out


# --- data -------------------------------------------------------------------------------------------------------------


def test_data_lists_every_data_set_and_whether_it_is_at_hand(run, tmp_path, monkeypatch):
    monkeypatch.setenv("PIX2PIX_EDU_CACHE", str(tmp_path))
    (tmp_path / "archives" / "maps").mkdir(parents=True)
    (tmp_path / "archives" / "maps" / ".pix2pix_edu.json").write_text('{"sha256": "1", "archive": "maps.tar.gz"}')
    (tmp_path / "pairs").mkdir()
    for size in (128, 64):
        (tmp_path / "pairs" / f"emoji-{size}-0123456789abcdef.npz").touch()
    code, out, _ = run("data")
    from pix2pix_edu.pairs import REGISTRY

    assert code == 0
    names = re.findall(r"^  (\S+)  ", out, flags=re.MULTILINE)
    states = dict(zip(names, re.findall(r"(?:no|needs a) .*|downloaded", out), strict=True))
    assert list(states) == list(REGISTRY)
    assert states["emoji"] == "no download; cached at 64, 128 px"
    assert states["facades"] == "no download; drawn at first use"
    assert states["maps"] == "downloaded"
    assert states["cityscapes"] == "needs a download; not at hand"


def test_data_says_what_a_folder_of_pairs_holds(run, pairs_folder):
    code, out, err = run("data", pairs_folder, "--image-size", SIZE, "--direction", "BtoA")
    assert (code, err) == (0, "")
    assert "16 to train, 2 to validate, 2 to test" in out
    assert "32 x 32 px, RGB to RGB" in out
    assert "BtoA: picture B to picture A" in out
    assert "20 pairs are few" in one_line(out)


def test_data_hands_options_to_the_loader_and_lists_them(run, tmp_path, monkeypatch):
    monkeypatch.setenv("PIX2PIX_EDU_CACHE", str(tmp_path))
    few = ["--option", "train=3", "--option", "val=1", "--option", "test=2", "--option", "kind=night"]
    code, out, _ = run("data", "facades", "--image-size", SIZE, *few)
    assert code == 0
    assert "3 to train, 1 to validate, 2 to test" in out
    assert "house front by day to house front by night" in one_line(out)
    assert "theme=full, kind=labels, look=0, train=400" in out


def test_data_draws_a_sheet_of_the_pairs_that_were_asked_for(run, pairs_folder, tmp_path):
    sheet = tmp_path / "new" / "sheet.png"
    code, out, _ = run("data", pairs_folder, "--image-size", SIZE, "--out", sheet, "--split", "test", "--count", "5")
    assert code == 0
    assert "2 pairs of test: picture A left, picture B right" in one_line(out)
    pairs = p2p.load_pairs(pairs_folder, image_size=SIZE)
    drawn = np.asarray(Image.open(sheet))
    first = pairs.test.take(2, seed=0).sources[0].repeat(4, axis=0).repeat(4, axis=1)  # enlarged from 32 to 128 px
    assert np.array_equal(drawn[16:144, 16:144], first)


# --- train ------------------------------------------------------------------------------------------------------------


def test_estimate_measures_on_the_pairs_and_leaves_nothing_behind(run, pairs_folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tiny = ["--preset", "tiny", "--filters", 2, "--batch-size", 4, "--steps", 2, "--image-size", SIZE]
    code, out, _ = run("estimate", "--data", pairs_folder, "--epochs", 3, *tiny)
    assert code == 0 and "one step" in out and f"{SIZE} px, 2 filters, batch 4" in out
    assert re.search(r"^16 pairs, 3 epochs: 12 steps, about ", out, flags=re.MULTILINE)
    assert list(tmp_path.iterdir()) == []
    code, out, _ = run("estimate", "--pairs", 1096, *tiny)
    assert code == 0 and "1,096 pairs, 2 epochs: 548 steps" in out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--pairs", 10, "--data", "emoji"), "not allowed with"),
        (("--pairs", 10, "--preset", "tiny", "--steps", 0), "--steps 0"),
        (("--pairs", 0, "--preset", "tiny"), "pairs=0"),
        (("--pairs", 10, "--preset", "tiny", "--set", "norms=batch"), "norm"),
    ],
)
def test_estimate_explains_what_cannot_be(run, arguments, words):
    code, _, err = run("estimate", *arguments)
    assert code == 2 and words in one_line(err)


def test_train_says_what_it_does_and_what_to_do_next(trained):
    run_dir, out = trained
    text = one_line(out)
    assert "16 to train, 2 to validate" in text
    assert "Done: 1 epoch" in text
    assert re.search(r"best epoch 1 \(by val_ssim\), on validation pairs: SSIM \d\.\d{3}, PSNR \d+\.\d\d dB, L1", text)
    assert f"last sheet {run_dir}/sheets/epoch-0001.png" in text
    assert f"  pix2pix-edu translate --model {run_dir} --input PICTURES --output translated\n" in out
    assert (run_dir / "sheets" / "epoch-0001.png").is_file()
    assert (run_dir / "losses.csv").is_file()


def test_a_run_remembers_where_its_pairs_are(trained, pairs_folder):
    remembered = json.loads((trained[0] / "data.json").read_text())
    assert remembered == {"data": str(pairs_folder.resolve()), "options": {}}


def test_train_does_not_start_over_in_a_folder_that_holds_a_run(run, run_dir, pairs_folder):
    code, _, err = run("train", "--data", pairs_folder, "--preset", "tiny", "--run-dir", run_dir)
    assert code == 2
    assert "already holds a training run. Continue it with --resume" in one_line(err)


def test_resuming_a_finished_run_says_how_to_train_on(run, run_dir):
    code, out, _ = run("train", "--run-dir", run_dir, "--resume")
    assert code == 0
    assert f"{run_dir} has finished all its epochs (1)." in one_line(out)
    assert f"train --run-dir {run_dir} --resume --epochs 2" in out


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (["--lambda-l1", "3"], "lambda_l1: 100.0 before, 3.0 now"),
        (["--seed", "1"], "seed: 0 before, 1 now"),
        (["--direction", "BtoA"], "direction: 'AtoB' before, 'BtoA' now"),
    ],
)
def test_a_run_cannot_be_resumed_with_other_settings(run, run_dir, change, message):
    code, _, err = run("train", "--run-dir", run_dir, "--resume", "--epochs", "2", *change)
    assert code == 2
    assert message in one_line(err)


def test_every_setting_reaches_the_run(run, pairs_folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    named = ["--batch-size", "8", "--filters", "2", "--lambda-l1", "10", "--adversarial", "none", "--seed", "3"]
    named += ["--learning-rate", "0.001", "--monitor", "val_l1", "--direction", "BtoA", "--image-size", SIZE]
    others = ["--set", "norm=instance", "--set", "skips=no", "--set", "dropout=0", "--option", "resize=fit"]
    code, out, _ = run("train", "--data", pairs_folder, "--preset", "tiny", "--epochs", "1", *named, *others)
    assert code == 0
    assert "Run: runs/boxes-tiny-001" in one_line(out)
    config = json.loads(Path("runs/boxes-tiny-001/config.json").read_text())
    asked = {
        "batch_size": 8, "filters": 2, "lambda_l1": 10.0, "adversarial": None, "learning_rate": 0.001, "seed": 3,
        "monitor": "val_l1", "direction": "BtoA", "image_size": SIZE, "norm": "instance", "skips": False, "dropout": 0,
    }  # fmt: skip
    assert {name: config[name] for name in asked} == asked
    assert json.loads(Path("runs/boxes-tiny-001/data.json").read_text())["options"] == {"resize": "fit"}
    assert run("train", "--resume")[2].endswith("there are: runs/boxes-tiny-001.\n")  # helps to find it again


@pytest.fixture
def ctrl_c_is_heard():
    """pytest's parallel workers ignore Ctrl-C and leave it to the process that started them."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("ctrl_c_is_heard")
def test_ctrl_c_ends_with_130_and_the_command_that_continues(run, pairs_folder, tmp_path):
    run_dir = tmp_path / "stopped"

    def interrupt_after_one_epoch() -> None:
        while not list(run_dir.glob("checkpoints/epoch-*.npz")):
            time.sleep(0.02)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt_after_one_epoch, daemon=True).start()
    tiny = ["--preset", "tiny", "--filters", "2", "--adversarial", "none", "--epochs", "300"]
    code, _, err = run("train", "--data", pairs_folder, *tiny, "--run-dir", run_dir)
    assert code == 130
    command = f"pix2pix-edu train --run-dir {run_dir} --resume"
    assert f"  {command}\n" in err

    before = p2p.load_run(run_dir, which="last").history["epoch"][-1]
    code, out, _ = run(*command.split()[1:], "--epochs", before + 1)
    assert code == 0
    assert f"going on from epoch {before} to {before + 1}" in one_line(out)
    assert p2p.load_run(run_dir, which="last").history["epoch"] == list(range(1, before + 2))


def test_pairs_that_have_moved_can_be_pointed_to(run, trained, pairs_folder, tmp_path):
    copy = tmp_path / "run"
    copy.mkdir()
    (copy / "config.json").write_text((trained[0] / "config.json").read_text())
    code, _, err = run("train", "--run-dir", copy, "--resume")
    assert code == 2
    assert "trained on pictures of your own. Say where they are: --data FOLDER" in one_line(err)

    (copy / "data.json").write_text("{")
    code, _, err = run("train", "--run-dir", copy, "--resume")
    assert code == 2
    assert "data.json is damaged" in one_line(err)

    (copy / "data.json").write_text(json.dumps({"data": str(tmp_path / "gone"), "options": {}}))
    code, _, err = run("train", "--run-dir", copy, "--resume")
    assert code == 2
    assert f"There is no folder {tmp_path / 'gone'}" in one_line(err)

    wrong = ["--option", "resize=crop", "--filters", "5"]  # found, and read: now only the settings are wrong
    code, _, err = run("train", "--run-dir", copy, "--resume", "--data", pairs_folder, *wrong)
    assert code == 2
    assert "filters: 4 before, 5 now" in one_line(err)


# --- translate --------------------------------------------------------------------------------------------------------


def translated_by(run_dir: str, picture: np.ndarray) -> np.ndarray:
    return p2p.translate(p2p.load_model(run_dir), picture)


def test_a_picture_of_any_size_becomes_the_file_that_was_asked_for(run, run_dir, tmp_path):
    picture = np.random.default_rng(0).integers(0, 256, (21, 50, 3), np.uint8)
    Image.fromarray(picture).save(tmp_path / "in.png")
    code, out, _ = run("translate", "--model", run_dir, "--input", tmp_path / "in.png", "--output", tmp_path / "o.png")
    assert code == 0
    assert f"Translated with {run_dir}: {tmp_path}/o.png" in one_line(out)
    assert np.array_equal(np.asarray(Image.open(tmp_path / "o.png")), translated_by(run_dir, picture))


def test_a_folder_is_translated_but_for_what_cannot_be_read(run, run_dir, tmp_path):
    folder, out_folder = tmp_path / "pictures", tmp_path / "new" / "translated"
    folder.mkdir()
    turned = Image.new("RGB", (20, 10), "orange")
    turned.putpixel((0, 0), (0, 0, 0))
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera lay on its side
    turned.save(folder / "turned.png", exif=exif)
    Image.new("RGBA", (24, 24), (0, 0, 0, 0)).save(folder / "see_through.png")
    Image.new("L", (30, 16), 90).save(folder / "grey.jpg")
    Image.new("P", (16, 16)).save(folder / "grey.gif")
    (folder / "broken.png").write_bytes(b"not a picture")
    (folder / "notes.txt").write_text("no picture at all")
    code, out, err = run("translate", "--model", run_dir, "--input", folder, "--output", out_folder)
    assert code == 1
    assert f"4 pictures in {out_folder}" in one_line(out)
    assert f"1 of 5 pictures could not be translated: {folder}/broken.png cannot be read" in one_line(err)
    sizes = {path.name: Image.open(path).size for path in out_folder.iterdir()}
    assert sizes == {
        "turned.png": (10, 20), "see_through.png": (24, 24), "grey.jpg.png": (30, 16), "grey.gif.png": (16, 16)
    }  # fmt: skip
    white = np.full((24, 24, 3), 255, np.uint8)
    assert np.array_equal(np.asarray(Image.open(out_folder / "see_through.png")), translated_by(run_dir, white))


def test_when_nothing_can_be_read_it_is_an_error(run, run_dir, tmp_path):
    (tmp_path / "broken.png").write_bytes(b"")
    code, out, err = run(
        "translate", "--model", run_dir, "--input", tmp_path / "broken.png", "--output", tmp_path / "o"
    )
    assert (code, out) == (2, "")
    assert "1 of 1 picture could not be translated" in one_line(err)
    assert "the file is empty" in one_line(err)


def test_source_and_translation_side_by_side(run, run_dir, pairs_folder, tmp_path):
    source = pairs_folder / "A" / "00.png"
    run("translate", "--model", run_dir, "--input", source, "--output", tmp_path / "both.png", "--compare")
    both, picture = np.asarray(Image.open(tmp_path / "both.png")), np.asarray(Image.open(source))
    left, right = both[4:36, 4:36], both[4:36, 40:72]
    assert np.array_equal(left, picture)
    assert np.array_equal(right, translated_by(run_dir, picture))


def test_options_of_the_translation_reach_the_model(run, run_dir, pairs_folder, tmp_path):
    source = pairs_folder / "A" / "00.png"
    options = ["--statistics", "batch", "--dropout", "--seed", "7"]
    run("translate", "--model", run_dir, "--input", source, "--output", tmp_path / "x.png", *options)
    wanted = p2p.translate(p2p.load_model(run_dir), np.asarray(Image.open(source)), "batch", dropout=True, seed=7)
    assert np.array_equal(np.asarray(Image.open(tmp_path / "x.png")), wanted)
    code, _, err = run("translate", "--model", run_dir, "--input", source, "--output", tmp_path, "--statistics", "mean")
    assert code == 2
    assert "statistics" in err


def test_large_pictures_get_a_remark_and_can_be_made_smaller(run, run_dir, tmp_path):
    Image.new("RGB", (120, 60), "white").save(tmp_path / "large.png")
    command = ["translate", "--model", run_dir, "--input", tmp_path / "large.png", "--output", tmp_path / "out.jpg"]
    code, out, _ = run(*command)
    assert code == 0
    assert "learned from pictures of 32 px" in one_line(out)
    assert "Try --resize 32 or --resize 64" in one_line(out)
    assert Image.open(tmp_path / "out.jpg").size == (120, 60)
    code, out, _ = run(*command, "--resize", "40")
    assert "--resize" not in out
    assert Image.open(tmp_path / "out.jpg").size == (40, 20)
    assert Image.open(tmp_path / "out.jpg").format == "JPEG"
    assert run(*command, "--resize", "0")[0] == 2


def test_an_input_is_never_overwritten(run, run_dir, tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    Image.new("RGB", (16, 16), "red").save(folder / "a.png")
    os.link(folder / "a.png", tmp_path / "hard_link.png")
    os.symlink(folder, tmp_path / "soft_link")
    before = (folder / "a.png").read_bytes()
    for source, output in [
        (folder / "a.png", folder / "a.png"),
        (folder / "a.png", folder),
        (folder / "a.png", tmp_path / "hard_link.png"),
        (folder, folder),
        (folder, tmp_path / "soft_link"),
    ]:
        code, _, err = run("translate", "--model", run_dir, "--input", source, "--output", output)
        assert code == 2
        assert "Choose another" in one_line(err)
    assert (folder / "a.png").read_bytes() == before
    assert sorted(path.name for path in folder.iterdir()) == ["a.png"]


@pytest.mark.parametrize(
    ("source", "output", "message"),
    [
        ("a.png", "a.txt", "no pictures are written as .txt"),
        (".", "out.png", "is a folder, so --output must be a folder too"),
        ("b.png", "out", "Did you mean {here}/a.png?"),
        ("nowhere/b.png", "out", "Check the path."),
        ("empty", "out", "There are no pictures in {here}/empty"),
    ],
)
def test_inputs_and_outputs_that_do_not_fit(run, tmp_path, source, output, message):
    Image.new("RGB", (16, 16)).save(tmp_path / "a.png")
    (tmp_path / "empty").mkdir()
    code, _, err = run("translate", "--input", tmp_path / source, "--output", tmp_path / output)
    assert code == 2
    assert message.format(here=tmp_path) in one_line(err)


def test_an_unknown_model_is_named_with_the_nearest_one(run, run_dir, pairs_folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs").mkdir()
    os.symlink(run_dir, tmp_path / "runs" / "boxes-tiny-001")
    command = ["translate", "--input", pairs_folder, "--output", "out", "--model"]
    command[2] = pairs_folder / "A"
    code, _, err = run(*command, "runs/boxes-tiny-002")
    assert code == 2
    assert "Did you mean 'runs/boxes-tiny-001'?" in one_line(err)
    code, _, err = run(*command, pairs_folder)  # a folder, but no run
    assert code == 2
    assert "no training run" in one_line(err)


def save_untrained(path: Path, channels: int, about: dict | None = None) -> Path:
    from pix2pix_edu.translation import Translator, save_generator

    generator = p2p.generator_model(SIZE, 2, source_channels=channels, target_channels=channels)
    return save_generator(Translator(generator), path, about)


def test_pictures_become_grey_for_a_model_that_takes_grey(run, tmp_path):
    model = save_untrained(tmp_path / "grey.p2p", channels=1)
    Image.new("RGB", (40, 20), "orange").save(tmp_path / "a.png")
    code, _, _ = run("translate", "--model", model, "--input", tmp_path / "a.png", "--output", tmp_path / "out")
    assert code == 0
    result = Image.open(tmp_path / "out" / "a.png")
    assert (result.mode, result.size) == ("L", (40, 20))


def test_a_model_of_four_channels_takes_no_picture_files(run, tmp_path):
    model = save_untrained(tmp_path / "four.p2p", channels=4)
    Image.new("RGB", (40, 20)).save(tmp_path / "a.png")
    code, _, err = run("translate", "--model", model, "--input", tmp_path / "a.png", "--output", tmp_path / "out")
    assert code == 2
    assert "takes 4 channels" in one_line(err)


# --- evaluate ---------------------------------------------------------------------------------------------------------


def test_evaluate_measures_a_run_on_its_own_test_pairs(run, run_dir, pairs_folder, tmp_path):
    code, out, err = run("evaluate", "--model", run_dir, "--json", tmp_path / "test.json")
    assert (code, err) == (0, "")
    wanted = p2p.evaluate(p2p.load_model(run_dir), p2p.load_pairs(pairs_folder, SIZE).test)
    facts = json.loads((tmp_path / "test.json").read_text())
    assert facts["measures"] == pytest.approx(wanted)
    assert (facts["split"], facts["pairs"], facts["image_size"], facts["direction"]) == ("test", 2, SIZE, "AtoB")
    assert f"PSNR         {wanted['psnr']:6.2f} dB   high is good" in out
    assert f"SSIM         {wanted['ssim']:9.4f}   high is good" in out
    assert f"L1           {wanted['l1']:9.4f}   low is good" in out
    assert f"perceptual   {wanted['perceptual']:9.4f}   low is good" in out
    assert f"Lab: b       {wanted['lab_b']:9.4f}   " in out
    assert "FCN" not in out  # these pairs have no label maps


def test_evaluate_says_what_real_house_fronts_score(run, tmp_path):
    model = p2p.Pix2Pix(p2p.generator_model(64, 2, seed=0), p2p.discriminator_model(64, 2))
    path = p2p.save_generator(model, tmp_path / "houses.p2p")
    options = ["--data", "facades", "--option", "train=1", "--option", "val=1", "--option", "test=3"]
    code, out, _ = run("evaluate", "--model", path, *options)
    assert code == 0
    test = p2p.load_pairs("facades", 64, train=1, val=1, test=3).test
    assert f"FCN: IoU     {p2p.evaluate(p2p.load_model(path), test)['fcn_class_iou']:9.4f}   " in out
    real = real_score(test)
    expected = f"{real.pixel_accuracy:.4f}, {real.class_accuracy:.4f} and {real.class_iou:.4f}"
    assert f"FCN of the targets themselves: {expected}." in one_line(out)


def test_evaluate_measures_other_splits_and_fewer_pairs(run, run_dir):
    _, out, _ = run("evaluate", "--model", run_dir, "--split", "train", "--limit", "3")
    assert "on 3 train pairs of" in one_line(out)


def test_evaluate_warns_when_the_split_is_not_the_one_of_the_training(run, run_dir):
    _, out, _ = run("evaluate", "--model", run_dir, "--seed", "1")
    assert "Careful: seed 1 splits the pairs in another way than the run's seed 0" in one_line(out)
    assert "Careful" not in run("evaluate", "--model", run_dir)[1]


def test_evaluate_needs_to_know_the_pairs_of_a_model_that_does_not_tell(run, tmp_path, pairs_folder):
    model = save_untrained(tmp_path / "untold.p2p", channels=3)
    code, _, err = run("evaluate", "--model", model)
    assert code == 2
    assert "say with --data which pairs to measure" in one_line(err)
    code, out, _ = run("evaluate", "--model", model, "--data", pairs_folder, "--option", "resize=fit")
    assert code == 0
    assert f"on 2 test pairs of {pairs_folder} at 32 px" in one_line(out)


# --- reproduce --------------------------------------------------------------------------------------------------------


def test_reproduce_lists_its_experiments_and_their_rows(run):
    code, out, _ = run("reproduce")
    assert code == 0
    for plan in EXPERIMENTS.values():
        assert re.search(rf"^{plan.name} +{re.escape(plan.title)}", out, flags=re.MULTILINE)
        assert all(f"{key} ({ROWS[key].name})" in one_line(out) for key in plan.rows)


def test_reproduce_prints_the_table_and_writes_it(run, tmp_path, monkeypatch):
    toy = {"name": "facades", "image_size": 64, "train": 4, "val": 2, "test": 3}
    small = {"preset": "small", "filters": 2, "batch_size": 4, "save_every": 1}
    monkeypatch.setitem(SCALES, "quick", replace(SCALES["quick"], data=toy, settings=small, epochs=1))
    options = ["--rows", "l1", "--seeds", "1", "--scale", "quick", "--runs", tmp_path / "runs"]
    code, out, _ = run("reproduce", "table1", *options, "--out", tmp_path / "table1.json")
    assert code == 0 and "which losses (Table 1), 1 seed\n" in out
    assert json.loads((tmp_path / "table1.json").read_text())["values"].keys() == {"l1"}


def test_reproduce_names_the_nearest_experiment(run):
    code, _, err = run("reproduce", "tabel1")
    assert code == 2 and "table1" in err
