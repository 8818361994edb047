"""Lesson 08: go through a training run epoch by epoch, and watch one that is still going on."""

from __future__ import annotations

import html
import math
from typing import Any

import ipywidgets
import numpy as np

from pix2pix_edu.errors import UsageError
from pix2pix_edu.pairs.pictures import decode
from pix2pix_edu.widgets.base import CSS, Explorer, is_baking, show_view
from pix2pix_edu.widgets.picture_view import PictureView
from pix2pix_edu.widgets.pictures import to_png

EXPLAIN = (
    "First come the lines, since L1 punishes every wrong pixel; then pale average colours; then the discriminator's "
    "demand that pictures look real makes the colours bold. From epoch to epoch the colours of a drawing still change "
    "a good deal: there is no loss that settles, only a game that goes on."
)


class RunBrowser(Explorer):
    """A slider over the epochs of a run: the sample sheet of each, with its losses and validation measures.

    Args:
        run: a `Run`, as `train` and `load_run` return it.

    Its control: `epoch`, among those that have a sheet.

    Raises:
        UsageError: the run has no sheets yet.
    """

    def __init__(self, run: Any) -> None:
        self.run = run
        self._sheets = {int(path.stem.removeprefix("epoch-")): path for path in run.sheets}
        if not self._sheets:
            raise UsageError(f"{run.run_dir} has no sample sheets yet: no epoch has been finished.")
        epochs = sorted(self._sheets)
        super().__init__(
            {"epoch": ipywidgets.SelectionSlider(options=epochs, value=epochs[-1], description="Epoch")},
            title="One sheet for each epoch: source, translation, target",
            predict="Which comes first, lines or colours? And does every epoch look better than the one before?",
            explain=EXPLAIN,
        )

    def draw(self, *, epoch: int) -> np.ndarray:
        """The sheet of that epoch."""
        return np.asarray(decode(self._sheets[epoch])[0])

    def caption(self, *, epoch: int) -> str:
        """Losses and validation measures of that epoch."""
        best = " By the validation pairs it is the best." if epoch == self.run.best_epoch else ""
        return f"Epoch {epoch}: {measures(self.run.history, epoch)}.{best}"


class LiveTraining:
    """Shows, while training goes on, the newest sheet and how the losses stand; give it to `train` as `on_epoch`.

    Example:
        p2p.train(pairs, on_epoch=LiveTraining())
    """

    def __init__(self) -> None:
        self._image = PictureView()
        self._image.add_class("p2p-picture")
        self._status = ipywidgets.HTML()
        self.view = ipywidgets.VBox([self._status, self._image])
        self.view.add_class("p2p-widget")
        self.view.add_class("p2p-livetraining")
        self.text = ""
        self._is_shown = False

    def __call__(self, run: Any) -> None:
        """Called after each epoch: show its losses, and the newest sheet."""
        epoch = int(run.history["epoch"][-1])
        self.text = f"Epoch {epoch} of {run.config['epochs']}: {measures(run.history, epoch)}."
        self._status.value = CSS + html.escape(self.text)
        if run.sheets:
            self._image.value = to_png(np.asarray(decode(run.sheets[-1])[0]))
            self._image.alt = f"Source, translation and target of the same validation pairs. {self.text}"
        if is_baking():
            if epoch == run.config["epochs"]:  # a picture cannot change any more: one is enough
                show_view(self.view, text=self.text, png=self.png)
        elif not self._is_shown:
            show_view(self.view, text=self.text)
            self._is_shown = True

    @property
    def png(self) -> bytes:
        """The sheet as it is displayed, PNG bytes."""
        return bytes(self._image.value)


NAMES = {
    "d_loss": "discriminator {:.2f} (chance 0.69)",
    "g_gan": "generator caught {:.2f}",
    "l1": "L1 {:.3f}",
    "val_psnr": "validation PSNR {:.1f} dB",
    "val_ssim": "SSIM {:.3f}",
}


def measures(history: dict[str, list[float]], epoch: int) -> str:
    """What an epoch's row of the history says, in words.

    >>> measures({"epoch": [1, 2], "l1": [0.4, 0.2], "val_ssim": [float("nan"), 0.5]}, 2)
    'L1 0.200, SSIM 0.500'
    """
    row = history["epoch"].index(epoch)
    known = [(words, history[name][row]) for name, words in NAMES.items() if name in history]
    return ", ".join(words.format(value) for words, value in known if not math.isnan(value))
