"""Real or fake? A study on yourself, in the manner of the paper's human test (section 4.1; notebook 09).

The paper showed each picture for one second and asked whether it was real: ten trials with feedback for practice, then
forty without. The measure is the *fooling rate*, the share of generated pictures that were called real. This module
deals the pictures, keeps the answers and counts; `pix2pix_edu.widgets.RealOrFakeStudy` shows it to a person. What a
session gives is a file on your own disk, and nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pix2pix_edu.errors import DataError, UsageError, nearest
from pix2pix_edu.gallery import load_gallery
from pix2pix_edu.pairs.core import check_seed
from pix2pix_edu.paths import atomic_file, free_run_folder

EXPOSURE_MS = 1000  # as in the paper
TRIALS = (10, 20, 40)  # test trials to choose from; the paper had 40
ANSWERS = ("real", "generated")
RESULTS = "results.json"
ROUNDS = 2000  # of the bootstrap
BLIND = "blind"  # one of two models, and you learn only afterwards which


class Painter(NamedTuple):
    """A generator whose pictures can be tested.

    Args:
        words: what it is called in the widget.
        gallery: where its pictures ship.
        row: its name there.
    """

    words: str
    gallery: str
    row: str


PAINTERS = {
    "drawings-l1": Painter("drawings: L1", "losses", "l1"),
    "drawings-l1-cgan": Painter("drawings: L1 + cGAN", "losses", "bce-conditional-100"),
    "drawings-cgan": Painter("drawings: cGAN alone", "losses", "bce-conditional-0"),
    "houses-l1": Painter("houses: L1", "patchgan", "l1"),
    "houses-l1-cgan": Painter("houses: L1 + cGAN", "patchgan", "field-70"),
}
BLIND_CHOICES = ("drawings-l1", "drawings-l1-cgan")
# Practice and most test trials. Of the houses only twelve generated pictures ship, and none is shown twice.
SIZES = {"losses": (10, 40), "patchgan": (4, 20)}


@dataclass(frozen=True, eq=False)
class Trial:
    """One picture to judge.

    Args:
        picture: uint8, (H, W, 3).
        is_real: whether it was not made by the generator.
        name: what it shows.
        is_practice: whether the answer is told afterwards, and does not count.
    """

    picture: np.ndarray
    is_real: bool
    name: str
    is_practice: bool


# --- Dealing ----------------------------------------------------------------------------------------------------------


def choose_painter(model: str, seed: int = 0) -> str:
    """The name of a painter; "blind" becomes one of two, by the seed.

    Raises:
        UsageError: no such model.

    >>> choose_painter("houses-l1"), choose_painter("blind", seed=0) in BLIND_CHOICES
    ('houses-l1', True)
    """
    if model == BLIND:
        return BLIND_CHOICES[int(np.random.default_rng((check_seed(seed), 9)).integers(len(BLIND_CHOICES)))]
    if model not in PAINTERS:
        raise UsageError(f"model={model!r} has no pictures for this study. {nearest(str(model), [*PAINTERS, BLIND])}")
    return model


def deal(model: str = "drawings-l1-cgan", trials: int = 40, seed: int = 0) -> list[Trial]:
    """Choose and shuffle the pictures of a session: practice first, then the test.

    Half of the practice and half of the test are real. No subject is shown twice, neither as it is nor as it was drawn:
    who had seen both would know the second.

    Args:
        model: a name in `PAINTERS`, or "blind".
        trials: test trials, an even number; at most 40, and 20 for the houses.
        seed: another seed is another choice and another order.

    Raises:
        UsageError: no such model, or a number of trials that cannot be dealt.

    >>> dealt = deal("drawings-l1", trials=20, seed=1)
    >>> len(dealt), sum(trial.is_practice for trial in dealt), sum(trial.is_real for trial in dealt)
    (30, 10, 15)
    """
    painter = PAINTERS[choose_painter(model, seed)]
    practice, most = SIZES[painter.gallery]
    whole = isinstance(trials, (int, np.integer)) and not isinstance(trials, bool)
    if not whole or trials % 2 or not 2 <= trials <= most:
        raise UsageError(f"trials={trials!r} does not work: choose an even number from 2 to {most} for {model!r}.")
    rng = np.random.default_rng((check_seed(seed), 1))
    drawn, real = _subjects(painter, (practice + trials) // 2, rng)
    dealt: list[Trial] = []
    for is_practice, start, end in ((True, 0, practice // 2), (False, practice // 2, (practice + trials) // 2)):
        part = [Trial(picture, False, name, is_practice) for name, picture in drawn[start:end]]
        part += [Trial(picture, True, name, is_practice) for name, picture in real[start:end]]
        dealt += [part[index] for index in rng.permutation(len(part))]
    return dealt


def _subjects(painter: Painter, count: int, rng: np.random.Generator) -> tuple[list[Any], list[Any]]:
    """(name, picture) of so many generated and as many real pictures, of different subjects."""
    gallery = load_gallery(painter.gallery)
    drawn, names = gallery.pictures(painter.row), gallery.about["shown"]["names"]
    order = rng.permutation(len(names))
    generated = [(names[index], drawn[index]) for index in order[:count]]
    if painter.gallery == "losses":
        targets = gallery.split.targets
        return generated, [(names[index], targets[index]) for index in order[count : 2 * count]]
    return generated, _more_houses(gallery, names, count)


def _more_houses(gallery: Any, names: Sequence[str], count: int) -> list[tuple[str, np.ndarray]]:
    """The next houses of the same street, painted now: real, in so far as no network has made them."""
    from pix2pix_edu.pairs.facades import render_facade

    data, first = gallery.about["data"], max(int(name.split()[-1]) for name in names) + 1
    houses = range(first, first + count)
    return [(f"house {house}", render_facade(house, data["image_size"], theme=data["theme"])) for house in houses]


# --- Answering --------------------------------------------------------------------------------------------------------


@dataclass
class Session:
    """One sitting: trials, and the answers so far.

    Each trial has two moments: `expose` tells that its picture has been shown, and is hidden again; `answer` takes what
    was said about it. Whoever shows pictures (a widget, a test, a program that takes the test) calls both in turn.

    Args:
        model: a name in `PAINTERS`, or "blind".
        trials: test trials.
        seed: chooses the pictures and their order.
        observer: who answers.

    >>> session = Session("drawings-l1", trials=10, seed=3)
    >>> while not session.is_done:
    ...     session.expose()
    ...     _ = session.answer("real" if session.trial.picture.mean() > 200 else "generated")
    >>> result = session.result()
    >>> len(result["answers"]), 0 <= result["fooling_rate"] <= 1
    (10, True)
    """

    model: str = "drawings-l1-cgan"
    trials: int = 40
    seed: int = 0
    observer: str = "you"
    answers: list[bool] = field(default_factory=list, init=False)  # True: called real
    exposures: list[float] = field(default_factory=list, init=False)  # milliseconds

    def __post_init__(self) -> None:
        """Deal the pictures."""
        self.painter = choose_painter(self.model, self.seed)
        self.dealt = deal(self.model, self.trials, self.seed)

    @property
    def number(self) -> int:
        """How many trials have been answered."""
        return len(self.answers)

    @property
    def is_done(self) -> bool:
        """Whether all trials have been answered."""
        return self.number == len(self.dealt)

    @property
    def trial(self) -> Trial:
        """The one to judge now.

        Raises:
            UsageError: all have been judged.
        """
        if self.is_done:
            raise UsageError("This session is over: all pictures have been judged. Begin another one.")
        return self.dealt[self.number]

    @property
    def was_shown(self) -> bool:
        """Whether the picture of this trial has been shown and hidden."""
        return len(self.exposures) > self.number

    def expose(self, milliseconds: float = EXPOSURE_MS) -> None:
        """The picture of this trial has been shown for so long, and is hidden now.

        Raises:
            UsageError: it has been shown before (there is no second look), or the session is over.
        """
        name = self.trial.name
        if self.was_shown:
            raise UsageError(f"Picture {self.number + 1}, {name!r}, has been shown: answer first, nobody looks twice.")
        self.exposures.append(float(milliseconds))

    def answer(self, said: str) -> bool:
        """Take an answer to the picture that was shown.

        Args:
            said: "real" or "generated".

        Returns:
            Whether it was right. Tell it in practice; in the test keep it to yourself.

        Raises:
            UsageError: another word, or a picture that has not been shown yet.
        """
        if said not in ANSWERS:
            raise UsageError(f"said={said!r} is no answer. {nearest(str(said), list(ANSWERS))}")
        trial = self.trial
        if not self.was_shown:
            raise UsageError(f"Picture {self.number + 1} has not been shown yet: show it first.")
        self.answers.append(said == "real")
        return (said == "real") == trial.is_real

    def result(self) -> dict[str, Any]:
        """What came out, ready to be written as JSON.

        Raises:
            UsageError: the session is not over.
        """
        if not self.is_done:
            raise UsageError(f"This session is not over: {self.number} of {len(self.dealt)} pictures are judged.")
        test = [index for index, trial in enumerate(self.dealt) if not trial.is_practice]
        rows = [
            {
                "name": self.dealt[index].name,
                "is_real": self.dealt[index].is_real,
                "called_real": self.answers[index],
                "shown_ms": round(self.exposures[index], 1),
            }
            for index in test
        ]
        return {
            **{name: getattr(self, name) for name in ("model", "painter", "seed", "observer", "trials")},
            "practice": len(self.dealt) - self.trials,
            "finished": datetime.now().astimezone().isoformat(timespec="seconds"),
            "exposure_ms": {"wanted": EXPOSURE_MS, "longest": round(max(self.exposures[index] for index in test), 1)},
            **rates(rows),
            "answers": rows,
        }


# --- Counting ---------------------------------------------------------------------------------------------------------


def rates(answers: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The fooling rate, and how often real pictures were called generated, each with its 95 % bootstrap interval.

    Args:
        answers: dictionaries with `is_real` and `called_real`, of one session or of several.

    Raises:
        UsageError: no generated picture, or no real one.

    >>> said = [(False, True), (False, False), (False, False), (True, True), (True, True), (True, False)]
    >>> found = rates([{"is_real": real, "called_real": called} for real, called in said])
    >>> print(f"{found['fooling_rate']:.2f} {found['mistrust_rate']:.2f}")
    0.33 0.33
    """
    fooled = [answer["called_real"] for answer in answers if not answer["is_real"]]
    mistrusted = [not answer["called_real"] for answer in answers if answer["is_real"]]
    if not fooled or not mistrusted:
        raise UsageError("A fooling rate needs answers to generated pictures, and to real ones to compare with.")
    return {
        "fooling_rate": float(np.mean(fooled)),
        "fooling_interval": list(bootstrap_interval(fooled)),
        "mistrust_rate": float(np.mean(mistrusted)),
        "mistrust_interval": list(bootstrap_interval(mistrusted)),
    }


def bootstrap_interval(
    outcomes: Sequence[float] | np.ndarray, level: float = 0.95, rounds: int = ROUNDS, seed: int = 0
) -> tuple[float, float]:
    """Between which values would the mean lie, if we could ask again?

    We cannot ask again, but we can draw from the answers that we have, with replacement, as many as there are, and take
    the mean; `rounds` times. The interval holds the middle `level` of these means. It knows only the spread of what was
    asked: ten answers that agree give an interval of no width, and that is too sure. (Efron 1979.)

    Args:
        outcomes: N numbers, such as 0 and 1 for wrong and right.
        level: the share of the means that lie inside.
        rounds: how often to draw.
        seed: of the draws.

    Returns:
        (low, high).

    Raises:
        UsageError: no outcomes, NaN among them, or a level outside 0 and 1.

    >>> low, high = bootstrap_interval([0] * 15 + [1] * 5)
    >>> 0.0 < low < 0.25 < high < 0.5
    True
    """
    values = np.asarray(outcomes, dtype="float64")
    if values.ndim != 1 or values.size == 0 or not np.isfinite(values).all():
        raise UsageError(
            f"outcomes must be a row of finite numbers, at least one, not an array of shape {values.shape}."
        )
    if not 0 < level < 1:
        raise UsageError(f"level={level!r} does not work: use a share between 0 and 1, such as 0.95.")
    drawn = np.random.default_rng(seed).choice(values, (rounds, len(values)))
    low, high = np.quantile(drawn.mean(axis=1), [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


# --- Keeping ----------------------------------------------------------------------------------------------------------


def save_session(result: dict[str, Any], folder: Path | str | None = None) -> Path:
    """Write what `Session.result` gave as JSON; it stays on this machine.

    Args:
        result: what to write.
        folder: where to; default: the next free `runs/study-001`, `runs/study-002`, ...

    Returns:
        The file.

    Raises:
        StorageError: the folder cannot be written.

    >>> import tempfile
    >>> save_session({"fooling_rate": 0.5}, tempfile.mkdtemp()).name
    'results.json'
    """
    path = Path(free_run_folder("study") if folder is None else folder) / RESULTS
    with atomic_file(path, "w") as file:
        file.write(json.dumps(result, indent=1) + "\n")
    return path


def load_sessions(runs: Path | str = "runs") -> list[dict[str, Any]]:
    """All sessions that `save_session` kept under a folder, oldest first.

    Raises:
        DataError: a file that holds something else.

    >>> load_sessions("nowhere")
    []
    """
    sessions = []
    for path in sorted(Path(runs).glob(f"study-*/{RESULTS}")):
        try:
            session = json.loads(path.read_text(encoding="utf-8"))
            rates(session["answers"])
            sessions.append({**session, "file": str(path)})
        except (OSError, ValueError, KeyError, TypeError) as error:
            reason = f"{type(error).__name__}: {error}"
            raise DataError(f"{path} is not a session of the study ({reason}). Move it out of the way.") from error
    return sessions


def pooled(sessions: Sequence[dict[str, Any]]) -> dict[tuple[str, str], dict[str, Any]]:
    """Sessions of the same observer and painter taken together: (observer, painter) -> rates, and their number.

    >>> pooled([])
    {}
    """
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for session in sessions:
        groups.setdefault((session["observer"], session["painter"]), []).append(session)
    return {
        group: {
            **rates([answer for session in members for answer in session["answers"]]),
            "sessions": [session["fooling_rate"] for session in members],
        }
        for group, members in groups.items()
    }
