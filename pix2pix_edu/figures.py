"""Figures of the course: pairs, translations, the curves of a training run, and its sample sheets.

Each function returns a matplotlib `Figure`. It shows itself in a notebook, with a text for those who cannot see it;
`figure.savefig("name.png")` stores it, and `alt_text(figure)` is that text. Nothing here touches pyplot, so figures do
not pile up in memory, and none of yours is drawn into.
"""

from __future__ import annotations

import io
import math
import os
import re
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from pix2pix_edu.errors import DataError, UsageError, nearest
from pix2pix_edu.pairs import Pairs, Split
from pix2pix_edu.pairs.pictures import Unreadable, decode
from pix2pix_edu.widgets.alt import alt_of, bundle, counted, describe, register
from pix2pix_edu.widgets.style import DISCRIMINATOR, FAKE, GENERATOR, GREEN, GREY

__all__ = ["CourseFigure", "alt_text", "describe", "plot_history", "show_pairs", "show_sheet", "show_translations"]
register()  # from now on the figures of this notebook have descriptions, also those that are made by hand

CHANCE = math.log(2)  # what cross-entropy costs a player who can only toss a coin
DPI = 100
WIDTH = 8.8  # inches, which fits half of an ordinary screen
LARGEST_PICTURE = 2.4  # inches
INNER_GAP, OUTER_GAP, MARGIN = 0.06, 0.28, 0.12  # inches: within an example, between examples, around all
LINE = 0.19  # inches that a line of text takes
TITLE_SIZE, HEAD_SIZE, NAME_SIZE = 12, 10, 9
CHARACTERS_PER_INCH = 12.5  # of the small font, about
SHEET_WIDTH = 900  # pixels that a sheet is enlarged to, at most


class CourseFigure(Figure):
    """A matplotlib figure that shows itself in a notebook and carries a description in words, `.alt`.

    >>> figure = CourseFigure(figsize=(2, 1))
    >>> figure.alt = "An empty figure."
    """

    alt: str = ""

    def png(self) -> bytes:
        r"""The figure as the bytes of a PNG file.

        >>> CourseFigure(figsize=(1, 1)).png()[:4]
        b'\x89PNG'
        """
        buffer = io.BytesIO()
        self.savefig(buffer, format="png", dpi=DPI)
        return buffer.getvalue()

    def _ipython_display_(self) -> None:
        # A figure that pyplot has not made is shown by notebooks as bare text, or twice; and neither way has a place
        # for the description. So we hand over the picture ourselves.
        from IPython.display import display

        data, metadata = bundle(self.png(), alt_of(self))
        display(data, metadata=metadata, raw=True)


def alt_text(figure: Figure) -> str:
    """What a figure of this module shows, in words: for screen readers, and for `alt` in Markdown.

    >>> picture = np.zeros((2, 32, 32, 3), np.uint8)
    >>> alt_text(show_pairs(Split(picture, picture)))
    '2 pairs of pictures, each with source on the left and target on the right: 0000; 0001.'

    Raises:
        UsageError: the figure was made by something else and has no description.
    """
    alt = getattr(figure, "alt", "")
    if not alt:
        raise UsageError(
            f"This {type(figure).__name__} has no description. Figures of pix2pix_edu have one; to others you can give "
            'one yourself: figure.alt = "What it shows."'
        )
    return alt


# --- Pictures side by side --------------------------------------------------------------------------------------------


def show_pairs(
    pairs: Split | Pairs,
    n: int = 6,
    columns: int = 3,
    titles: Sequence[str] | None = None,
    seed: int | None = None,
) -> CourseFigure:
    """Show pairs: each source with its target to the right, and its name below.

    Args:
        pairs: a `Split` such as `pairs.train`, or `Pairs`, of which the training pairs are shown.
        n: how many.
        columns: how many pairs stand in one row.
        titles: what to write over source and target; default: what the data set says that they are.
        seed: choose the pairs at random, the same ones for the same seed; default: the first ones.

    Returns:
        A figure with 2 * n axes, in the order source, target, source, ...

    Raises:
        UsageError: something that is not a split, is empty, or numbers below 1.

    >>> picture = np.zeros((8, 32, 32, 3), np.uint8)
    >>> len(show_pairs(Split(picture, picture), n=4).axes)
    8
    """
    split, about = _split_of("show_pairs", pairs, "train")
    split = _choose(split, n, seed)
    heads = _heads(titles, (about.source, about.target) if about else ("source", "target"))
    figure = _gallery([list(pair) for pair in split], heads, split.names, columns, about.title if about else None)
    subject = f"{counted(len(split), 'pair')} of {about.title if about else 'pictures'}"
    figure.alt = f"{subject}, each with {heads[0]} on the left and {heads[1]} on the right: {'; '.join(split.names)}."
    return figure


def show_translations(
    model: Any,
    split: Split | Pairs,
    n: int = 6,
    columns: int = 2,
    titles: Sequence[str] | None = None,
    seed: int | None = None,
    **options: Any,
) -> CourseFigure:
    """Show what a model makes of pairs: source, translation and target side by side, and the pair's name below.

    Args:
        model: anything that `translate` takes, such as a `Run` or `load_example_model()`.
        split: a `Split` such as `pairs.val`, or `Pairs`, of which the validation pairs are shown.
        n: how many.
        columns: how many examples stand in one row.
        titles: what to write over source, translation and target.
        seed: choose the pairs at random, the same ones for the same seed; default: the first ones.
        options: of `translate`: `statistics`, `dropout`.

    Returns:
        A figure with 3 * n axes, in the order source, translation, target, source, ...

    Raises:
        UsageError: a split that is empty or not a split, a model that does not fit it, or numbers below 1.

    >>> import pix2pix_edu as p2p
    >>> picture = np.zeros((8, 32, 32, 3), np.uint8)
    >>> len(show_translations(p2p.generator_model(32, 2), Split(picture, picture), n=2).axes)
    6
    """
    from pix2pix_edu.translation import translate  # loads Keras

    split, about = _split_of("show_translations", split, "val")
    split = _choose(split, n, seed)
    heads = _heads(titles, ("source", "translation", "target"))
    translated = translate(model, split.sources, **options)
    examples = [list(pictures) for pictures in zip(split.sources, translated, split.targets, strict=True)]
    figure = _gallery(examples, heads, split.names, columns, about.title if about else None)
    subject = f"{counted(len(split), 'example')}, each with {heads[0]}, {heads[1]} and {heads[2]} from left to right"
    figure.alt = f"{subject}: {'; '.join(split.names)}."
    return figure


def _split_of(function: str, pairs: Any, part: str) -> tuple[Split, Any]:
    """The split to show, and what it shows where that is known."""
    if isinstance(pairs, Pairs):
        return getattr(pairs, part), pairs.about
    if isinstance(pairs, Split):
        return pairs, None
    raise UsageError(
        f"{function} cannot show {type(pairs).__name__}: give a Split such as `pairs.{part}`, or what `load_pairs` "
        "returned. Two arrays become a Split with p2p.Split(sources, targets)."
    )


def _choose(split: Split, n: int, seed: int | None) -> Split:
    _check_positive("n", n)
    if len(split) == 0:
        raise UsageError("There is nothing to show: this split holds no pairs.")
    return split.take(n, seed)


def _check_positive(name: str, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
        raise UsageError(f"{name}={value!r} does not work: use a whole number from 1 up, such as {name}=3.")


def _heads(titles: Sequence[str] | None, default: tuple[str, ...]) -> tuple[str, ...]:
    if titles is None:
        return default
    if isinstance(titles, str) or len(titles) != len(default):
        raise UsageError(f"titles={titles!r} does not work: give {len(default)} words, such as {list(default)}.")
    return tuple(str(title) for title in titles)


def _gallery(
    examples: list[list[np.ndarray]], heads: tuple[str, ...], names: list[str], columns: int, title: str | None
) -> CourseFigure:
    """Examples in rows: the pictures of one example touch nearly, heads stand over the first row, names below each.

    Everything is placed in inches, from the top left.
    """
    _check_positive("columns", columns)
    columns, kinds = min(columns, len(examples)), len(heads)
    rows = -(-len(examples) // columns)
    free = WIDTH - 2 * MARGIN - columns * (kinds - 1) * INNER_GAP - (columns - 1) * OUTER_GAP
    width = min(LARGEST_PICTURE, free / (columns * kinds))
    picture = examples[0][0]
    height = width * picture.shape[0] / picture.shape[1]
    span = kinds * width + (kinds - 1) * INNER_GAP  # of one example
    wrapped = [textwrap.fill(head, max(4, int(width * CHARACTERS_PER_INCH)), break_long_words=False) for head in heads]
    longest = max(len(line) for head in wrapped for line in head.split("\n"))
    head_size = min(HEAD_SIZE, HEAD_SIZE * width * CHARACTERS_PER_INCH / longest)  # one long word may have to shrink
    top = MARGIN + (1.6 * LINE if title else 0) + LINE * (1 + max(head.count("\n") for head in wrapped))
    step = height + 1.7 * LINE
    size = (2 * MARGIN + columns * span + (columns - 1) * OUTER_GAP, top + rows * step)
    figure = CourseFigure(figsize=size, dpi=DPI)

    if title:
        figure.suptitle(title, x=MARGIN / size[0], y=1 - MARGIN / size[1], ha="left", va="top", fontsize=TITLE_SIZE)
    for number, (pictures, name) in enumerate(zip(examples, names, strict=True)):
        x = MARGIN + (number % columns) * (span + OUTER_GAP)
        y = top + (number // columns) * step
        for kind, picture in enumerate(pictures):
            left = x + kind * (width + INNER_GAP)
            axes = figure.add_axes((left / size[0], 1 - (y + height) / size[1], width / size[0], height / size[1]))
            _draw_picture(axes, picture)
            if number < columns:
                axes.set_title(wrapped[kind], fontsize=head_size, pad=4)
        short = _shorten(name, int(span * CHARACTERS_PER_INCH))
        figure.text((x + span / 2) / size[0], 1 - (y + height + 0.06) / size[1], short, ha="center", va="top",
                    fontsize=NAME_SIZE, color="#444444")  # fmt: skip
    return figure


def _draw_picture(axes: Axes, picture: np.ndarray) -> None:
    """One picture without ticks, in a thin frame: many are white at the edge, like the page."""
    shown = picture[..., 0] if picture.shape[-1] < 3 else picture[..., :3]
    axes.imshow(shown, cmap="gray", vmin=0, vmax=255)
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set(color="#cccccc", linewidth=0.8)


def _shorten(name: str, length: int) -> str:
    return name if len(name) <= length else name[: max(length - 1, 1)].rstrip() + "…"


# --- Curves -----------------------------------------------------------------------------------------------------------


class _Curve(NamedTuple):
    """How one column of a history is drawn."""

    name: str
    label: str
    colour: str
    style: str = "-"


class _Panel(NamedTuple):
    """One coordinate system and what may stand in it."""

    title: str
    curves: tuple[_Curve, ...]


_PANELS = (
    _Panel(
        "The game: losses of both networks",
        (
            _Curve("d_loss", "discriminator (d_loss)", DISCRIMINATOR),
            _Curve("g_gan", "generator (g_gan)", GENERATOR, "-."),
        ),
    ),
    _Panel(
        "Distance to the target, L1 (low is good)",
        (_Curve("l1", "training (l1)", GENERATOR), _Curve("val_l1", "validation (val_l1)", FAKE, "--")),
    ),
    _Panel("SSIM on validation pairs (high is good)", (_Curve("val_ssim", "val_ssim", GREEN),)),
    _Panel("PSNR on validation pairs, in dB (high is good)", (_Curve("val_psnr", "val_psnr", GREEN),)),
)
_FEW = 40  # epochs up to which each value gets a dot


def plot_history(run: Any, monitor: str | None = None) -> CourseFigure:
    """Plot a training run: the game between the networks, and how near the translations come to the targets.

    Epochs in which a value was not measured (NaN) are left out of its curve, and the dots beside them are joined. With
    the cross-entropy loss a dashed line shows the chance level: above it, a network does worse than tossing a coin.

    Args:
        run: a `Run` (also a resumed one), a run directory, what `fit` returned, or a history: name -> list of numbers,
            one for each epoch.
        monitor: the column that decides which epoch is best; default: the run's, else `val_ssim`.

    Returns:
        A figure with one axes for each group of columns that the history has.

    Raises:
        UsageError: something that has no history, or one without any known column.
        CheckpointError: a folder that holds no training run.

    >>> figure = plot_history({"epoch": [1, 2], "d_loss": [0.7, 0.6], "val_ssim": [0.5, 0.6]})
    >>> len(figure.axes)
    2
    """
    history, config, name = _read_run(run)
    monitor = monitor or config.get("monitor", "val_ssim")
    panels = [panel for panel in _PANELS if any(_finite(history, curve.name)[0] for curve in panel.curves)]
    if not panels:
        columns = [curve.name for panel in _PANELS for curve in panel.curves]
        raise UsageError(
            f"There is nothing to plot: no finished epoch with any of {', '.join(columns)}. The history has "
            f"{', '.join(map(str, history)) or 'nothing'}."
        )
    best = _best(history, monitor)
    across = min(2, len(panels))
    down = -(-len(panels) // across)
    figure = CourseFigure(
        figsize=(WIDTH if across == 2 else WIDTH / 1.6, 0.4 + 2.75 * down), dpi=DPI, layout="constrained"
    )
    epochs = history["epoch"]
    figure.suptitle(_run_title(name, epochs, config), x=0.01, ha="left", fontsize=TITLE_SIZE)
    for number, panel in enumerate(panels):
        axes = figure.add_subplot(down, across, number + 1)
        _draw_panel(axes, panel, history, chance=config.get("adversarial", "bce") == "bce")
        _mark_best(axes, panel, history, monitor, best)
        _add_legend(axes, panel)
        axes.set_xlim(*_limits(epochs))
        if number >= len(panels) - across:
            axes.set_xlabel("epoch")
    figure.alt = _describe(panels, history, monitor, best)
    return figure


def _read_run(run: Any) -> tuple[dict[str, list[float]], dict[str, Any], str]:
    """History, settings (as far as they are known) and name of whatever was given."""
    config: dict[str, Any] = {}
    name = ""
    if isinstance(run, (str, os.PathLike)):
        from dataclasses import asdict

        from pix2pix_edu.checkpoints import RunFolder  # loads Keras

        folder = RunFolder(Path(run))
        config, name, history = asdict(folder.read_config()), folder.path.name, folder.read_history()
    elif isinstance(run, Mapping):
        history = dict(run)
    elif isinstance(getattr(run, "history", None), Mapping):
        history = dict(run.history)
        config = dict(getattr(run, "config", {}))
        name = Path(getattr(run, "run_dir", "")).name
        if "epoch" not in history and hasattr(run, "epoch"):  # Keras' History, which counts from 0
            history["epoch"] = [epoch + 1 for epoch in run.epoch]
    else:
        raise UsageError(
            f"plot_history cannot read {type(run).__name__}: give a Run, a run directory, what `fit` returned, or a "
            'dictionary such as {"d_loss": [0.7, 0.6]}.'
        )
    return _with_epochs(history), config, name


def _with_epochs(history: dict[str, Any]) -> dict[str, list[float]]:
    lengths = {name: len(values) for name, values in history.items()}
    if len(set(lengths.values())) > 1:
        raise UsageError(f"The columns of a history have one number for each epoch, but these differ: {lengths}.")
    count = max(lengths.values(), default=0)
    return {"epoch": list(range(1, count + 1)), **history}


def _finite(history: Mapping[str, Sequence[float]], name: str) -> tuple[list[float], list[float]]:
    """Epochs and values of a column, without those that were not measured."""
    rows = zip(history["epoch"], history.get(name, []), strict=False)
    kept = [(epoch, float(value)) for epoch, value in rows if math.isfinite(float(value))]
    return [epoch for epoch, _ in kept], [value for _, value in kept]


def _best(history: dict[str, list[float]], monitor: str) -> int | None:
    if monitor not in history:
        known = [name for name in history if name.startswith("val_")]
        if known and monitor != "val_ssim":
            raise UsageError(f"monitor={monitor!r} is not in this history. {nearest(monitor, known)}")
        return None
    from pix2pix_edu.checkpoints import best_epoch  # loads Keras

    return best_epoch(history, monitor)


def _draw_panel(axes: Axes, panel: _Panel, history: dict[str, list[float]], chance: bool) -> None:
    for curve in panel.curves:
        epochs, values = _finite(history, curve.name)
        if epochs:
            dots = "o" if len(epochs) <= _FEW else None
            axes.plot(epochs, values, curve.style, color=curve.colour, marker=dots, markersize=3.5, label=curve.label)
    if chance and any(curve.name == "d_loss" for curve in panel.curves):
        axes.axhline(CHANCE, color=GREY, linestyle=(0, (4, 3)), linewidth=1.2, label="chance level, log 2 = 0.69")
    axes.set_title(panel.title, fontsize=HEAD_SIZE, loc="left")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8, min_n_ticks=1))
    axes.tick_params(labelsize=NAME_SIZE)
    axes.grid(color="#e6e6e6", linewidth=0.8)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def _add_legend(axes: Axes, panel: _Panel) -> None:
    """The game's legend gets room of its own above the curves, which go anywhere; elsewhere there is a free corner."""
    game = panel is _PANELS[0]
    if game:
        bottom, top = axes.get_ylim()
        bottom = min(bottom, 0.0)
        axes.set_ylim(bottom, top + 0.5 * (top - bottom))
    axes.legend(fontsize=8.5, loc="upper right" if game else "best", framealpha=0.85, edgecolor="none")


def _mark_best(axes: Axes, panel: _Panel, history: dict[str, list[float]], monitor: str, best: int | None) -> None:
    """A dotted line through the best epoch in every panel, and in the panel that decided it a star and the value."""
    if best is None:
        return
    axes.axvline(best, color="black", linestyle=":", linewidth=1.2)
    if any(curve.name == monitor for curve in panel.curves):
        epochs, values = _finite(history, monitor)
        value = values[epochs.index(best)]
        label = f"best epoch: {best} ({value:.3f})"
        axes.plot([best], [value], "*:", color="black", linewidth=1.2, markersize=11, zorder=5, label=label)


def _limits(epochs: Sequence[float]) -> tuple[float, float]:
    first, last = min(epochs), max(epochs)
    room = 0.03 * (last - first) or 0.5
    return first - room, last + room


def _run_title(name: str, epochs: Sequence[float], config: dict[str, Any]) -> str:
    planned = config.get("epochs")
    done = f"{len(epochs)} of {planned}" if planned and planned != len(epochs) else f"{len(epochs)}"
    return f"{name or 'Training'}: {done} epoch{'s' if done != '1' else ''}"


def _describe(panels: list[_Panel], history: dict[str, list[float]], monitor: str, best: int | None) -> str:
    sentences = [f"Curves of a training run, epochs {history['epoch'][0]} to {history['epoch'][-1]}."]
    for curve in (curve for panel in panels for curve in panel.curves):
        epochs, values = _finite(history, curve.name)
        if epochs:
            sentences.append(f"{curve.name} goes from {values[0]:.3g} to {values[-1]:.3g}.")
    if best is not None:
        sentences.append(f"Epoch {best} is best by {monitor}.")
    return " ".join(sentences)


# --- Sample sheets ----------------------------------------------------------------------------------------------------


def show_sheet(sheet: Any, title: str | None = None) -> CourseFigure:
    """Show a sample sheet pixel by pixel: enlarged by a whole factor where it is small, reduced where it is wide.

    Args:
        sheet: the path of a picture, a uint8 array (H, W) or (H, W, C) such as `make_sheet` returns, or a `Run`, whose
            newest sheet is shown.
        title: a line above it; default: the epoch, where the file's name tells it.

    Returns:
        A figure with one axes.

    Raises:
        UsageError: something that is not a picture, or a run that has no sheet yet.
        DataError: a file that is missing or cannot be read.

    >>> show_sheet(np.zeros((40, 90, 3), np.uint8)).axes[0].images[0].get_array().shape
    (40, 90, 3)
    """
    picture, path = _read_sheet(sheet)
    if title is None and path is not None and (match := re.fullmatch(r"epoch-(\d+)", path.stem)):
        title = f"After epoch {int(match[1])}: source, translation and target of the same validation pairs"
    height, width = picture.shape[:2]
    scale: float = max(1, SHEET_WIDTH // width) if width < SHEET_WIDTH else SHEET_WIDTH / width
    scale = min(scale, 4)
    text = textwrap.fill(title, max(12, int(width * scale / DPI * CHARACTERS_PER_INCH))) if title else ""
    strip = 0.1 + 0.22 * (text.count("\n") + 1) if text else 0.0
    size = (width * scale / DPI, height * scale / DPI + strip)
    figure = CourseFigure(figsize=size, dpi=DPI)
    axes = figure.add_axes((0, 0, 1, 1 - strip / size[1]))
    axes.imshow(picture, cmap="gray", vmin=0, vmax=255, interpolation="nearest" if scale >= 1 else "antialiased")
    axes.set_axis_off()
    if text:
        figure.suptitle(text, x=0.06 / size[0], y=1 - 0.05 / size[1], ha="left", va="top", fontsize=HEAD_SIZE)
    subject = title or "Source, translation and target of the same pairs"
    figure.alt = f"A sample sheet of {width} x {height} pixels. {subject}."
    return figure


def _read_sheet(sheet: Any) -> tuple[np.ndarray, Path | None]:
    if hasattr(sheet, "sheets"):
        if not sheet.sheets:
            raise UsageError(f"{sheet.run_dir} has no sample sheet yet: the first is drawn when an epoch is validated.")
        sheet = sheet.sheets[-1]
    if isinstance(sheet, (str, os.PathLike)):
        path = Path(sheet)
        return _read_picture(path), path
    picture = np.asarray(sheet)
    if picture.dtype != np.uint8 or picture.ndim not in (2, 3) or 0 in picture.shape:
        raise UsageError(
            f"show_sheet shows one picture, uint8 (H, W) or (H, W, C); this is {picture.dtype} {picture.shape}. Give "
            "the path of a PNG, what `make_sheet` returned, or a Run."
        )
    if picture.ndim == 3:
        picture = picture[..., 0] if picture.shape[-1] < 3 else picture[..., :3]
    return picture, None


def _read_picture(path: Path) -> np.ndarray:
    if not path.is_file():
        there = sorted(child.name for child in path.parent.glob("*.png")) if path.parent.is_dir() else []
        raise DataError(f"There is no picture {path}. {nearest(path.name, there[-10:]) if there else ''}".rstrip())
    try:
        return np.asarray(decode(path)[0])
    except Unreadable as error:
        raise DataError(f"{path} cannot be shown: it {error}. Train on, or make the sheet again.") from error
