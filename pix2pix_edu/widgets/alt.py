"""Pictures in words: what a screen reader says of a figure, and how a notebook comes to know it.

A description travels in the metadata of an output, `{"image/png": {"alt": ...}}`, where the site of the course takes it
from. JupyterLab 4 has no use for it: its images are without `alt`, whatever the metadata say. So where somebody sits in
front of the notebook, a figure is sent as HTML as well, an `<img>` with its description, which JupyterLab prefers.

Figures of the course say what they show. A figure that a cell makes with Matplotlib is described from its titles, the
labels of its axes and its curves; a picture of Pillow only from its size, so give it a better text:

    describe(Image.fromarray(sheet), "Four drawings in a row; the last one is blurred.")
"""

from __future__ import annotations

import base64
import html
import sys
from collections import Counter
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from matplotlib.axes import Axes

T = TypeVar("T")
PNG = "image/png"
MOST_PANELS = 6  # that are described one by one; of more, the titles are counted
MOST_CURVES = 4  # of one panel


def describe(figure: T, text: str) -> T:
    """Say in words what a figure or a picture shows; it comes back, so that a cell can end with this call.

    Args:
        figure: a figure of Matplotlib, or a picture of Pillow.
        text: one or two sentences.

    >>> from PIL import Image
    >>> alt_of(describe(Image.new("RGB", (2, 2)), "A black square."))
    'A black square.'
    """
    if hasattr(figure, "info"):  # a Pillow image: its attributes are lost in copies, its info is kept
        figure.info["alt"] = text
    else:
        figure.alt = text  # type: ignore[attr-defined]
    return figure


def alt_of(figure: Any) -> str:
    """The description of a figure or a picture: what it was given, else what can be read from it.

    >>> from matplotlib.figure import Figure
    >>> figure = Figure()
    >>> axes = figure.add_subplot(title="Loss", xlabel="step", ylabel="L1")
    >>> _ = axes.plot([0, 1], [3, 2], label="train")
    >>> alt_of(figure)
    'A figure: Loss; L1 over step; train goes from 3 to 2.'
    """
    if hasattr(figure, "info"):
        width, height = figure.size
        return figure.info.get("alt") or f"A picture of {width} x {height} pixels."
    return getattr(figure, "alt", "") or from_axes(figure)


def from_axes(figure: Any) -> str:
    """A description of any figure of Matplotlib from its titles, labels and curves.

    Args:
        figure: a `matplotlib.figure.Figure`.

    >>> from matplotlib.figure import Figure
    >>> from_axes(Figure())
    'An empty figure.'
    """
    panels = [axes for axes in figure.axes if axes.get_label() != "<colorbar>"]
    if not panels:
        return "An empty figure."
    heading = figure.get_suptitle() if hasattr(figure, "get_suptitle") else ""
    start = f"{heading}. " if heading else ""
    if len(panels) == 1:
        return f"{start}A figure: {_panel(panels[0])}."
    if len(panels) <= MOST_PANELS:
        told = ". ".join(f"{number}: {_panel(panel)}" for number, panel in enumerate(panels, start=1))
        return f"{start}A figure with {len(panels)} panels. {told}."
    kinds = Counter("pictures" if panel.images else "panels" for panel in panels)
    inside = " and ".join(f"{count} {kind}" for kind, count in kinds.items())
    titles = list(dict.fromkeys(title for panel in panels if (title := _title(panel))))
    return f"{start}A figure with {inside}{': ' + '; '.join(titles) if titles else ''}."


def _title(axes: Axes) -> str:
    return " ".join(filter(None, (axes.get_title(place) for place in ("left", "center", "right"))))


def _panel(axes: Axes) -> str:
    """One coordinate system: its title, what stands on its axes, and what is in it."""
    across, up = axes.get_xlabel(), axes.get_ylabel()
    labels = f"{up} over {across}" if across and up else across or up
    lines: list[Any] = list(axes.lines)
    curves = [line for line in lines if len(line.get_xdata()) > 1]
    named = [line for line in curves if not str(line.get_label()).startswith("_")]
    parts = [_title(axes), labels, *(_curve(line) for line in named[:MOST_CURVES])]
    if len(curves) > min(len(named), MOST_CURVES):
        parts.append(f"{len(curves)} curves in all" if named else counted(len(curves), "curve"))
    for things, word in ((axes.images, "picture"), (axes.patches, "bar"), (axes.collections, "set")):
        if things:
            parts.append(counted(len(things), word) + (" of points" if word == "set" else ""))
    return "; ".join(filter(None, parts)) or "nothing in it"


def _curve(line: Any) -> str:
    first, last = (float(line.get_ydata()[place]) for place in (0, -1))
    return f"{line.get_label()} goes from {first:.3g} to {last:.3g}"


def counted(count: int, word: str) -> str:
    """A number with its word.

    >>> counted(1, "pair"), counted(2, "pair")
    ('1 pair', '2 pairs')
    """
    return f"{count} {word}{'' if count == 1 else 's'}"


# --- In a notebook ----------------------------------------------------------------------------------------------------


def image_markup(png: str, text: str) -> str:
    """An `<img>` element that holds its picture.

    Args:
        png: the picture in base64.
        text: its description.

    >>> image_markup("iVBO", "A & B")
    '<img alt="A &amp; B" src="data:image/png;base64,iVBO" style="max-width: 100%">'
    """
    return f'<img alt="{html.escape(text)}" src="data:{PNG};base64,{png}" style="max-width: 100%">'


def bundle(png: bytes | str, text: str, plain: str = "") -> tuple[dict[str, Any], dict[str, Any]]:
    """Data and metadata of a picture with its description, as IPython's `display` takes them.

    Args:
        png: the picture, as bytes or in base64.
        text: its description.
        plain: what stands for it where there is only text; default: the description.

    >>> data, metadata = bundle("iVBO", "A square.")
    >>> data, metadata
    ({'text/plain': 'A square.', 'image/png': 'iVBO'}, {'image/png': {'alt': 'A square.'}})
    """
    encoded = base64.b64encode(png).decode() if isinstance(png, bytes) else png
    data = {"text/plain": plain or text, PNG: encoded}
    if is_attended():
        data["text/html"] = image_markup(encoded, text)
    return data, {PNG: {"alt": text}}


def is_attended() -> bool:
    """Whether somebody sits in front of this notebook: its front end can ask questions.

    Programs that run notebooks cannot, and what they record should hold each picture once.
    """
    return bool(getattr(getattr(_shell(), "kernel", None), "_allow_stdin", False))


def register() -> None:
    """Give every figure and every picture that a cell shows its description; nothing happens outside of IPython."""
    shell = _shell()
    formatter = getattr(getattr(shell, "display_formatter", None), "mimebundle_formatter", None)
    if formatter is not None:
        formatter.for_type_by_name("matplotlib.figure", "Figure", _described)
        formatter.for_type_by_name("PIL.Image", "Image", _described)


def _shell() -> Any:
    ipython = sys.modules.get("IPython")  # without it there is nothing to show anything
    return ipython.get_ipython() if ipython is not None else None


def _described(figure: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """What IPython adds to the picture that its own formatters make."""
    text = alt_of(figure)
    metadata = {kind: {"alt": text} for kind in (PNG, "image/jpeg")}
    if not hasattr(figure, "info"):
        del metadata["image/jpeg"]
    elif "alt" not in figure.info:
        metadata = {}  # its size says nothing worth recording: the check of the notebooks asks for a text
    png = _shell().display_formatter.formatters[PNG](figure) if is_attended() else None
    png = png[0] if isinstance(png, tuple) else png  # with its metadata, such as the width on a fine screen
    if png is None:
        return {}, metadata
    encoded = base64.b64encode(png).decode() if isinstance(png, bytes) else png
    return {"text/html": image_markup(encoded, text)}, metadata
