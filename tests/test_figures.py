"""Figures, checked in numbers: which pictures stand where, which values the curves have, what the texts say."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

import pix2pix_edu as p2p
from pix2pix_edu.errors import CheckpointError, DataError, UsageError
from pix2pix_edu.figures import alt_text, plot_history, show_pairs, show_sheet, show_translations
from pix2pix_edu.pairs import About, Pairs, Split
from pix2pix_edu.sheets import make_sheet, save_picture

NAN = math.nan


def some_split(count: int = 8, size: int = 32, channels: tuple[int, int] = (3, 3)) -> Split:
    rng = np.random.default_rng(count)
    sources, targets = (rng.integers(0, 256, (count, size, size, number), np.uint8) for number in channels)
    return Split(sources, targets, [f"pair {number}" for number in range(count)])


def some_pairs() -> Pairs:
    about = About("Leaves of the garden", source="outline", target="photo")
    return Pairs("leaves", some_split(8), some_split(7), some_split(6), about=about)


def pictures(figure: Figure) -> list[np.ndarray]:
    """The arrays that a figure shows, in the order of its axes."""
    return [np.asarray(axes.images[0].get_array()) for axes in figure.axes]


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.texts]


def png(figure: Figure, folder: Path) -> np.ndarray:
    figure.savefig(folder / "figure.png")
    return np.asarray(Image.open(folder / "figure.png").convert("RGB"))


# --- Pictures side by side --------------------------------------------------------------------------------------------


def test_pairs_stand_side_by_side_in_their_order():
    split = some_split()
    figure = show_pairs(split, n=4)
    shown = pictures(figure)
    assert len(shown) == 8
    for number in range(4):
        assert np.array_equal(shown[2 * number], split.sources[number])
        assert np.array_equal(shown[2 * number + 1], split.targets[number])
    assert [name for name in texts(figure) if name.startswith("pair")] == ["pair 0", "pair 1", "pair 2", "pair 3"]


def test_the_target_lies_right_of_its_source_and_the_next_row_below():
    boxes = [axes.get_position() for axes in show_pairs(some_split(), n=6, columns=3).axes]
    assert boxes[1].x0 > boxes[0].x1
    assert boxes[2].x0 - boxes[1].x1 > boxes[1].x0 - boxes[0].x1  # the gap between pairs is the wider one
    assert boxes[6].y1 < boxes[0].y0
    assert boxes[6].x0 == pytest.approx(boxes[0].x0)
    assert all(0 < edge < 1 for box in boxes for edge in (box.x0, box.x1, box.y0, box.y1))


def test_pictures_keep_their_shape():
    wide = np.zeros((2, 32, 64, 3), np.uint8)
    figure = show_pairs(Split(wide, wide), n=2)
    box, (width, height) = figure.axes[0].get_position(), figure.get_size_inches()
    assert box.width * width == pytest.approx(2 * box.height * height)


def test_columns_have_titles_in_the_first_row_only():
    figure = show_pairs(some_split(), n=4, columns=2, titles=("before", "after"))
    assert [axes.get_title() for axes in figure.axes] == ["before", "after"] * 2 + [""] * 4


def test_a_data_set_says_itself_what_its_pictures_show():
    pairs = some_pairs()
    figure = show_pairs(pairs, n=1)
    assert np.array_equal(pictures(figure)[0], pairs.train.sources[0])
    assert [axes.get_title() for axes in figure.axes] == ["outline", "photo"]
    assert figure.get_suptitle() == "Leaves of the garden"
    expected = "1 pair of Leaves of the garden, each with outline on the left and photo on the right: pair 0."
    assert alt_text(figure) == expected


def test_a_seed_chooses_the_same_pairs_each_time():
    split = some_split(50)
    first, again, other = (show_pairs(split, n=3, seed=seed) for seed in (1, 1, 2))
    assert alt_text(first) == alt_text(again) != alt_text(other)
    assert np.array_equal(pictures(first)[0], split.take(3, seed=1).sources[0])


def test_asking_for_more_pairs_than_there_are_shows_all():
    assert len(show_pairs(some_split(2), n=99).axes) == 4


def test_grey_pictures_are_shown_in_grey_and_further_channels_left_out():
    split = some_split(1, channels=(1, 5))
    grey, colours = show_pairs(split).axes
    assert np.array_equal(grey.images[0].get_array(), split.sources[0, ..., 0])
    assert (grey.images[0].get_cmap().name, grey.images[0].get_clim()) == ("gray", (0, 255))
    assert np.array_equal(colours.images[0].get_array(), split.targets[0, ..., :3])


def test_long_names_and_titles_stay_inside_their_pictures():
    split = some_split(6)
    split = Split(split.sources, split.targets, ["a very long name " * 5] * 6)
    figure = show_pairs(split, n=6, titles=("outlines of a house front in the rain", "incomprehensibilities"))
    renderer = figure.canvas.get_renderer() if hasattr(figure.canvas, "get_renderer") else figure._get_renderer()
    width = figure.axes[0].get_window_extent(renderer).width
    for axes in figure.axes[:2]:
        assert axes.title.get_window_extent(renderer).width <= 1.15 * width
    for text in figure.texts:
        assert text.get_window_extent(renderer).width <= 2.2 * width
        assert text.get_text().endswith("…")


def test_translations_stand_between_source_and_target():
    split, generator = some_split(), p2p.generator_model(32, 2)
    figure = show_translations(generator, split, n=3)
    translated = p2p.translate(generator, split.sources[:3])
    shown = pictures(figure)
    assert len(shown) == 9
    for number in range(3):
        source, translation, target = shown[3 * number : 3 * number + 3]
        assert np.array_equal(source, split.sources[number])
        assert np.array_equal(translation, translated[number])
        assert np.array_equal(target, split.targets[number])
    assert [axes.get_title() for axes in figure.axes[:3]] == ["source", "translation", "target"]
    assert alt_text(figure).startswith(
        "3 examples, each with source, translation and target from left to right: pair 0"
    )


def test_options_of_the_translation_reach_it():
    split, generator = some_split(1), p2p.generator_model(32, 2)
    figure = show_translations(generator, split, statistics="batch", dropout=True)
    assert np.array_equal(pictures(figure)[1], p2p.translate(generator, split.sources[0], "batch", dropout=True))


def test_of_a_data_set_the_validation_pairs_are_translated():
    pairs = some_pairs()
    figure = show_translations(p2p.generator_model(32, 2), pairs, n=1)
    assert np.array_equal(pictures(figure)[0], pairs.val.sources[0])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"pairs": np.zeros((2, 32, 32, 3), np.uint8)}, "show_pairs cannot show ndarray: give a Split"),
        ({"n": 0}, "n=0 does not work: use a whole number from 1 up"),
        ({"n": 2.5}, "n=2.5 does not work"),
        ({"columns": -1}, "columns=-1 does not work"),
        ({"titles": "drawing"}, "titles='drawing' does not work: give 2 words"),
        ({"titles": ["one"]}, "give 2 words, such as ['source', 'target']"),
        ({"seed": -1}, "seed=-1 does not work"),
        ({"pairs": some_split()[:0]}, "There is nothing to show: this split holds no pairs"),
    ],
)
def test_wrong_arguments_say_what_would_work(arguments, message):
    with pytest.raises(UsageError) as error:
        show_pairs(**{"pairs": some_split(), **arguments})
    assert message in str(error.value)


# --- Curves -----------------------------------------------------------------------------------------------------------

HISTORY = {
    "epoch": [1, 2, 3, 4],
    "g_loss": [9.0, 8.0, 7.0, 6.0],
    "d_loss": [0.69, 0.6, 0.5, 0.4],
    "g_gan": [0.7, 0.9, 1.1, 1.3],
    "l1": [0.3, 0.2, 0.15, 0.1],
    "val_l1": [0.31, NAN, 0.2, 0.25],
    "val_ssim": [0.4, NAN, 0.7, 0.6],
    "val_psnr": [10.0, NAN, 14.0, 15.0],
    "seconds": [2.0, 1.0, 1.0, 1.0],
}


def lines(figure: Figure) -> dict[str, tuple[list[float], list[float]]]:
    """What is drawn, by its name in the legend: x and y."""
    found = {}
    for axes in figure.axes:
        for line in axes.get_lines():
            found[line.get_label()] = (list(line.get_xdata()), list(line.get_ydata()))
    return found


def test_curves_have_the_values_of_the_history():
    figure = plot_history(HISTORY)
    drawn = lines(figure)
    assert len(figure.axes) == 4
    assert drawn["discriminator (d_loss)"] == (HISTORY["epoch"], HISTORY["d_loss"])
    assert drawn["generator (g_gan)"] == (HISTORY["epoch"], HISTORY["g_gan"])
    assert drawn["training (l1)"] == (HISTORY["epoch"], HISTORY["l1"])


def test_epochs_without_a_measurement_leave_no_hole():
    drawn = lines(plot_history(HISTORY))
    assert drawn["validation (val_l1)"] == ([1, 3, 4], [0.31, 0.2, 0.25])
    assert drawn["val_psnr"] == ([1, 3, 4], [10.0, 14.0, 15.0])


def test_the_chance_level_is_log_2():
    x, y = lines(plot_history(HISTORY))["chance level, log 2 = 0.69"]
    assert (x, y) == ([0, 1], [math.log(2)] * 2)
    in_the_legend = [text.get_text() for text in plot_history(HISTORY).axes[0].get_legend().get_texts()]
    assert "chance level, log 2 = 0.69" in in_the_legend


def test_other_adversarial_losses_have_no_such_level():
    run = SimpleNamespace(history=HISTORY, config={"adversarial": "lsgan", "monitor": "val_ssim"}, run_dir="runs/x")
    assert not any("chance" in name for name in lines(plot_history(run)))


@pytest.mark.parametrize(
    ("monitor", "best", "value"), [("val_ssim", 3, "0.700"), ("val_l1", 3, "0.200"), ("val_psnr", 4, "15.000")]
)
def test_the_best_epoch_has_a_star_in_its_panel_and_a_line_in_all(monitor, best, value):
    figure = plot_history(HISTORY, monitor=monitor)
    assert lines(figure)[f"best epoch: {best} ({value})"] == ([best], [float(value)])
    for axes in figure.axes:
        assert [best, best] in [list(line.get_xdata()) for line in axes.get_lines()]
    assert alt_text(figure).endswith(f"Epoch {best} is best by {monitor}.")


def test_curves_and_their_names_do_not_cover_each_other():
    figure = plot_history(HISTORY)
    figure.canvas.draw()
    game = figure.axes[0]
    legend = game.get_legend().get_window_extent()
    highest = game.transData.transform((0, max(HISTORY["g_gan"])))[1]
    assert legend.y0 > highest


def test_a_run_is_named_with_its_progress(tmp_path):
    run = SimpleNamespace(history=HISTORY, config={"epochs": 30, "monitor": "val_ssim"}, run_dir=tmp_path / "emoji-001")
    assert plot_history(run).get_suptitle() == "emoji-001: 4 of 30 epochs"
    assert plot_history({"l1": [0.3]}).get_suptitle() == "Training: 1 epoch"


def test_what_fit_returns_can_be_plotted_as_well():
    keras_history = SimpleNamespace(history={"d_loss": [0.6, 0.5], "l1": [0.3, 0.2]}, epoch=[4, 5])  # a resumed fit
    drawn = lines(plot_history(keras_history))
    assert drawn["training (l1)"] == ([5, 6], [0.3, 0.2])


def test_a_run_without_an_adversary_has_no_game():
    figure = plot_history({"l1": [0.3, 0.2], "val_l1": [0.3, 0.2]})
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["Distance to the target, L1 (low is good)"]


def test_a_real_run_can_be_plotted_from_its_directory(tmp_path):
    split = some_split(8)
    pairs = Pairs("tiny", split, split[:2], split[2:4])
    settings = {"preset": "tiny", "filters": 2, "adversarial": None, "save_every": 2, "show_progress": False}
    run = p2p.train(pairs, epochs=2, run_dir=tmp_path / "run", **settings)
    from_folder, from_run = plot_history(str(tmp_path / "run")), plot_history(run)
    assert lines(from_folder)["training (l1)"] == ([1, 2], run.history["l1"])
    assert lines(from_folder)["validation (val_l1)"] == ([2], run.history["val_l1"][1:])
    assert lines(from_folder) == lines(from_run)
    assert from_folder.get_suptitle() == "run: 2 epochs"
    newest = np.asarray(Image.open(run.sheets[-1]))
    assert np.array_equal(pictures(show_sheet(run))[0], newest)


@pytest.mark.parametrize(
    ("run", "monitor", "message"),
    [
        (3, None, "plot_history cannot read int: give a Run"),
        ({}, None, "There is nothing to plot"),
        ({"seconds": [1.0]}, None, "The history has epoch, seconds"),
        ({"l1": [NAN]}, None, "There is nothing to plot"),
        ({"l1": [0.1], "d_loss": []}, None, "these differ: {'l1': 1, 'd_loss': 0}"),
        (HISTORY, "val_sim", "monitor='val_sim' is not in this history. Did you mean 'val_ssim'?"),
    ],
)
def test_what_cannot_be_plotted_is_explained(run, monitor, message):
    with pytest.raises(UsageError) as error:
        plot_history(run, monitor)
    assert message in str(error.value)


def test_a_folder_without_a_run_is_named(tmp_path):
    with pytest.raises(CheckpointError, match="holds no training run"):
        plot_history(tmp_path)


# --- Sheets -----------------------------------------------------------------------------------------------------------


def test_a_sheet_is_shown_pixel_by_pixel(tmp_path):
    split = some_split(3)
    sheet = make_sheet(split.sources, split.targets)
    path = save_picture(sheet, tmp_path / "sheet.png")
    for figure in (show_sheet(path), show_sheet(str(path)), show_sheet(sheet)):
        assert np.array_equal(pictures(figure)[0], sheet)
        assert np.array_equal(png(figure, tmp_path), sheet.repeat(4, axis=0).repeat(4, axis=1))


def test_the_name_of_a_sheet_tells_the_epoch(tmp_path):
    path = save_picture(np.zeros((100, 400, 3), np.uint8), tmp_path / "epoch-0012.png")
    assert show_sheet(path).get_suptitle().startswith("After epoch 12: source, translation and target")
    assert "After epoch 12" in alt_text(show_sheet(path))
    assert show_sheet(path, title="The last one").get_suptitle() == "The last one"


def test_a_wide_sheet_is_reduced_to_half_a_screen():
    figure = show_sheet(np.zeros((600, 3000, 3), np.uint8))
    assert figure.get_size_inches() * figure.dpi == pytest.approx((900, 180))


@pytest.mark.parametrize(("shape", "shown"), [((9, 7), (9, 7)), ((9, 7, 1), (9, 7)), ((9, 7, 4), (9, 7, 3))])
def test_sheets_may_be_grey_or_have_more_channels(shape, shown):
    assert pictures(show_sheet(np.ones(shape, np.uint8)))[0].shape == shown


def test_what_is_not_a_sheet_is_refused(tmp_path):
    save_picture(np.zeros((9, 9, 3), np.uint8), tmp_path / "epoch-0001.png")
    (tmp_path / "broken.png").write_bytes(b"not a picture")
    with pytest.raises(DataError, match=r"no picture .*epoch-0002\.png\. Did you mean 'epoch-0001\.png'\?"):
        show_sheet(tmp_path / "epoch-0002.png")
    with pytest.raises(DataError, match=r"broken\.png cannot be shown: it cannot be read"):
        show_sheet(tmp_path / "broken.png")
    with pytest.raises(UsageError, match=r"this is float64 \(9, 9, 3\)"):
        show_sheet(np.zeros((9, 9, 3)))
    with pytest.raises(UsageError, match=r"this is uint8 \(2, 9, 9, 3\)"):
        show_sheet(np.zeros((2, 9, 9, 3), np.uint8))
    with pytest.raises(UsageError, match="runs/x has no sample sheet yet"):
        show_sheet(SimpleNamespace(sheets=[], run_dir="runs/x"))


# --- Figures themselves -----------------------------------------------------------------------------------------------


def test_figures_do_not_pile_up_in_pyplot():
    plt.close("all")
    show_pairs(some_split())
    plot_history(HISTORY)
    assert plt.get_fignums() == []


def test_a_notebook_shows_the_picture_once_with_its_description():
    from IPython.core.interactiveshell import InteractiveShell
    from IPython.utils.capture import capture_output
    from traitlets.config import Config

    figure = show_pairs(some_split(1))
    shell = InteractiveShell.instance(config=Config(HistoryManager={"enabled": False}))
    try:
        with capture_output() as captured:
            shell.displayhook(figure)
    finally:
        InteractiveShell.clear_instance()
    (output,) = captured.outputs
    assert output.data["text/plain"] == alt_text(figure)
    assert output.metadata == {"image/png": {"alt": alt_text(figure)}}
    assert output.data["image/png"].startswith("iVBORw0KGgo")  # a PNG in base64


def test_a_foreign_figure_has_no_description():
    with pytest.raises(UsageError, match="This Figure has no description"):
        alt_text(Figure())


def test_figures_load_without_keras_until_a_model_is_shown():
    code = (
        "import sys, numpy as np, pix2pix_edu as p2p; from pix2pix_edu.figures import *; "
        "picture = np.zeros((1, 32, 32, 3), np.uint8); show_pairs(p2p.Split(picture, picture)); "
        "print([name for name in ('tensorflow', 'keras', 'matplotlib.pyplot') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "[]\n", done.stderr
