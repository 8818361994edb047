"""Lesson 10: choose a task and a test picture or one of your own, and see what the shipped generator makes of it."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import ipywidgets
import numpy as np
from PIL import Image, ImageOps

from pix2pix_edu.applications import IMAGE_SIZE, TASKS, Task, l1_where
from pix2pix_edu.errors import DataError
from pix2pix_edu.pairs import Split
from pix2pix_edu.pairs.pictures import Unreadable, decode
from pix2pix_edu.widgets.base import Explorer
from pix2pix_edu.widgets.pictures import at_size, row

SIZE = 192  # of each picture
HOLES = 20
EXPLAIN = (
    "What all these tasks share: source and target lie on each other, pixel by pixel, and the source says nearly "
    "everything about the target. Where it does not, the generator guesses: which windows are lit, whether a wall is "
    "brick or cream. With a picture of your own you leave "
    "the training behind: the model that fills holes has seen nothing but house fronts."
)


class TaskBrowser(Explorer):
    """Choose a task and a picture; see source, translation and target, and the error where this task is judged.

    Args:
        tasks: names of `pix2pix_edu.applications.TASKS`, in the order of the buttons; default: those for which
            a model ships.
        load_model: task -> what `translate` takes; default: the model that ships.
        load_split: task -> the pairs to look through; default: test pairs of 64 px, loaded when they are first needed.

    Its controls: `task`, `index` (of the pair), `upload` (a picture of your own, for the tasks that make their source
    from a picture: colour and holes) and `hole` (which hole is cut into your own picture).

    Attributes:
        loss: L1 on the judged pixels, from 0 to 2.

    >>> import pix2pix_edu as p2p
    >>> pictures = np.zeros((2, 32, 32, 3), np.uint8)
    >>> split = Split(pictures, pictures)
    >>> browser = TaskBrowser(["night"], lambda task: p2p.generator_model(32, 2), lambda task: split)
    >>> browser.set(index=1)
    >>> browser.text.split(":")[0]
    'Pair 1, 0001'
    """

    def __init__(
        self,
        tasks: list[str] | None = None,
        load_model: Callable[[Task], Any] | None = None,
        load_split: Callable[[Task], Split] | None = None,
    ) -> None:
        names = [name for name, task in TASKS.items() if task.model] if tasks is None else tasks
        self._load_model, self._load_split = load_model or _example_model, load_split or _test_pairs
        self._models: dict[str, Any] = {}
        self._splits: dict[str, Split] = {}
        self.loss = 0.0
        super().__init__(
            {
                "task": ipywidgets.ToggleButtons(
                    options=[(TASKS[name].title, name) for name in names],
                    description="Task",
                    style={"button_width": "auto"},
                    layout=ipywidgets.Layout(width="auto"),
                ),
                "index": ipywidgets.IntSlider(value=0, min=0, max=1, description="Pair"),
                "upload": ipywidgets.FileUpload(accept="image/*", multiple=False, description="Your own picture"),
                "hole": ipywidgets.IntSlider(value=0, min=0, max=HOLES - 1, description="Hole", disabled=True),
            },
            title="One network, many tasks",
            predict="Look at the source alone. What is fixed by it, and what will the generator have to guess?",
            explain=EXPLAIN,
        )

    def adjust(self, *, task: str, upload: Any, **others: Any) -> None:
        """Fit the slider to the pairs; a picture of one's own counts where its source can be made."""
        own = TASKS[task].make is not None
        self.controls["index"].max = len(self.split(task)) - 1
        self.controls["upload"].disabled = not own
        self.controls["index"].disabled = own and bool(upload)
        self.controls["hole"].disabled = not (own and upload and TASKS[task].judged == "the hole")

    def split(self, task: str) -> Split:
        """The pairs to look through, loaded once."""
        if task not in self._splits:
            self._splits[task] = self._load_split(TASKS[task])
        return self._splits[task]

    def model(self, task: str) -> Any:
        """The generator of a task, loaded once."""
        if task not in self._models:
            self._models[task] = self._load_model(TASKS[task])
        return self._models[task]

    def pair(self, *, task: str, index: int, upload: Any, hole: int) -> Split:
        """The one pair that is shown."""
        make = TASKS[task].make
        if make is None or not upload:
            return self.split(task)[index : index + 1]
        name, content = uploaded(upload)
        sources, targets = make(read_upload(name, content, self.split(task).sources.shape[1])[None], hole)
        return Split(sources, targets, [name])

    def draw(self, **values: Any) -> np.ndarray:
        """Source, translation and target as people see them."""
        from pix2pix_edu.translation import translate

        chosen, pair = TASKS[values["task"]], self.pair(**values)
        drawn = chosen.seen(pair.sources, translate(self.model(chosen.name), pair.sources))
        right = chosen.as_seen(pair).targets
        self.loss = l1_where(right, drawn, chosen.where(pair.sources))
        self._name = pair.names[0]
        return row(
            [at_size(pictures[0], SIZE) for pictures in (pair.sources, drawn, right)],
            ["source", "translation", "target"],
        )

    def caption(self, *, task: str, index: int, upload: Any, hole: int) -> str:
        """Which picture this is, and the error."""
        own = TASKS[task].make is not None and bool(upload)
        which = f"Your picture {self._name}" if own else f"Pair {index}, {self._name}"
        return f"{which}: {TASKS[task].title}. L1 over {TASKS[task].judged} {self.loss:.2f}."


def uploaded(value: Any) -> tuple[str, bytes]:
    """Name and content of the one uploaded file, from what ipywidgets 8 (a tuple) or 7 (a dictionary) holds.

    >>> uploaded(({"name": "a.png", "content": memoryview(b"12")},))
    ('a.png', b'12')
    >>> uploaded({"a.png": {"metadata": {"name": "a.png"}, "content": b"12"}})
    ('a.png', b'12')
    """
    if isinstance(value, dict):
        name, file = next(reversed(value.items()))
        return name, bytes(file["content"])
    return value[-1]["name"], bytes(value[-1]["content"])


def read_upload(name: str, content: bytes, image_size: int = IMAGE_SIZE) -> np.ndarray:
    """An uploaded picture as the networks take it: upright, its middle square, uint8 (image_size, image_size, 3).

    Raises:
        DataError: the file is no picture, or smaller than that.

    >>> read_upload("notes.txt", b"words")
    Traceback (most recent call last):
    ...
    pix2pix_edu.errors.DataError: notes.txt cannot be read as a picture. Upload a .png, .jpg or .webp file.
    """
    try:
        picture, _ = decode(io.BytesIO(content))
    except Unreadable as error:
        raise DataError(f"{name} cannot be read as a picture. Upload a .png, .jpg or .webp file.") from error
    if min(picture.size) < image_size:
        raise DataError(
            f"{name} is {picture.width} x {picture.height}, smaller than {image_size} px. Upload a larger picture."
        )
    return np.asarray(ImageOps.fit(picture, (image_size, image_size), Image.Resampling.LANCZOS))


def _example_model(task: Task) -> Any:
    from pix2pix_edu.translation import load_example_model

    return load_example_model(task.model)


def _test_pairs(task: Task) -> Split:
    return task.pairs(quick=True).test
