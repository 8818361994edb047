'''The exercise engine: `q1.check(answer)`, `q1.hint()`, `q1.solution()`, after the manner of Kaggle's learntools.

**For learners.** A cell leaves something out (`...`); the next line checks it:

    def brightest(image):
        return ...

    q1.check(brightest)

There are four outcomes. *Correct*. *Not yet*: what was received, what was expected, and the likely cause. *Error*: the
learner's code raised, and the message points at the learner's own line. *Not attempted*: a placeholder is still there,
which stops nothing, so that an unsolved notebook runs from top to bottom.

**Why the answer is an argument.** learntools reads the answer from the notebook's global variables. Here notebooks pass
it: the reader sees what is checked, a function may have any name, and nothing has to be bound first. `q1.check()` with
empty brackets works too: it looks for variables with the names that the question uses, where it is called.

**For authors.** A checker is a function. Its docstring is the question, its parameters are the names of the answers,
and the parameter `rng` brings random inputs that the learner has not seen. It calls the learner's function as if it
were safe (exceptions, placeholders and noisy prints are taken care of) and compares with the functions of
`pix2pix_edu.exercises.compare`. To return is to accept.

    @exercise(
        hints=["`image.max()` is the largest number of an array."],
        solution="""
            def brightest(image):
                return image.max()
        """,
        why="Eight-bit pictures reach 255 only where something is as bright as it can be.",
    )
    def q1(brightest: Function, rng: np.random.Generator) -> None:
        """Write `brightest(image)`: the largest value of a picture."""
        for size in (3, 8):
            image = rng.integers(0, 200, (size, size, 3), dtype=np.uint8)
            same(brightest(image), image.max(), f"a {size} x {size} picture", suspects={
                "The smallest value came back.": image.min(),
                "255 is what a picture can hold, not what this one holds.": 255,
            })
'''

from __future__ import annotations

import contextlib
import html
import inspect
import io
import re
import sys
import sysconfig
import textwrap
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_type_hints

import numpy as np

from pix2pix_edu.errors import UsageError
from pix2pix_edu.exercises.compare import Wrong, describe
from pix2pix_edu.widgets import style

Function = Callable[..., Any]  # annotate a checker's parameter with it: the answer is a function
Value = Any  # the answer is a number, a word, a tuple, an array

TRIES_BEFORE_SOLUTION = 3
LINE_WIDTH = 100
PRINTED_LINES = 3  # of what the learner's code prints while it is checked
_UNDEFINED = object()
PLACEHOLDER_TEXTS = {"", "...", "____"}
# `x = ...` or `return ...` in the source: the learner has not filled it in. `image[..., 0]` is something else.
PLACEHOLDER_LINE = re.compile(r"^[^#\n]*(?:=|\breturn)\s*(?:\.\.\.|____)\s*(?:#.*)?$", re.MULTILINE)

COLOURS = {
    "correct": style.GREEN,
    "incorrect": style.VERMILLION,
    "error": style.PURPLE,
    "not attempted": style.GREY,
}


# --- What the learner reads -------------------------------------------------------------------------------------------


@dataclass(frozen=True, repr=False)
class Feedback:
    """What a check, a hint or a solution says: the same words as plain text and as HTML.

    Args:
        kind: "correct", "incorrect", "error", "not attempted", "hint", "solution" or "question".
        title: the first line.
        details: label -> text, in the order in which they are shown.
        code: Python code to show below.

    >>> print(Feedback("hint", "q1: hint 1 of 2", {"": "Halve the width."}))
    q1: hint 1 of 2
      Halve the width.
    """

    kind: str
    title: str
    details: Mapping[str, str] = field(default_factory=dict)
    code: str = ""

    def __str__(self) -> str:
        labels = max((len(label) for label in self.details), default=0)
        lines = [self.title]
        for label, text in self.details.items():
            start = "  " + (label + ":").ljust(labels + 2) if label else "  "
            lines += textwrap.wrap(text, LINE_WIDTH, initial_indent=start, subsequent_indent=" " * len(start))
        if self.code:
            lines += ["", textwrap.indent(self.code, "    ")]
        return "\n".join(lines)

    __repr__ = __str__

    def html(self) -> str:
        """The same words in HTML: readable on a light and on a dark background, and without any styles."""
        colour = COLOURS.get(self.kind, style.BLUE)
        rows = [f"<div><b>{_inline(self.title)}</b></div>"]
        for label, text in self.details.items():
            rows.append(f"<div>{f'<i>{html.escape(label)}:</i> ' if label else ''}{_inline(text)}</div>")
        if self.code:
            rows.append(f"<pre>{html.escape(self.code)}</pre>")
        return f'<div style="border-left: 5px solid {colour}; padding: 2px 12px; max-width: 60em">{"".join(rows)}</div>'

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"text/plain": str(self), "text/html": self.html()}


def _inline(text: str) -> str:
    """Escape text for HTML; words between backquotes become code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(text))


def show(thing: Any) -> None:
    """Display a thing richly in a notebook, or print it where there is no IPython.

    >>> show("plain")
    plain
    """
    ipython = sys.modules.get("IPython")
    if ipython is not None and ipython.get_ipython() is not None:
        from IPython.display import display

        display(thing)
    else:
        print(thing)


# --- The learner's code, made safe to call ----------------------------------------------------------------------------


class _NotAttempted(Exception):
    """A placeholder is still where the answer should be."""


class _LearnerError(Exception):
    """The learner's code raised; `__cause__` is what it raised."""

    def __init__(self, call: str) -> None:
        super().__init__(call)
        self.call = call


class _Guarded:
    """The learner's function in a shape that a checker can call without care.

    Arrays and lists are handed over as copies, so that code which changes its input cannot spoil the comparison.
    """

    def __init__(self, function: Function, name: str) -> None:
        self._function, self._name = function, name
        self._unfinished = _placeholder_line(function)

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        if self._unfinished:
            raise _NotAttempted(f"`{self._name}` still has a placeholder: `{self._unfinished}`.")
        arguments = tuple(_copy(argument) for argument in arguments)
        keywords = {name: _copy(argument) for name, argument in keywords.items()}
        try:
            result = self._function(*arguments, **keywords)
        except NotImplementedError as error:
            raise _NotAttempted(f"`{self._name}` is not written yet.") from error
        except Exception as error:
            if "'ellipsis'" in str(error):  # the type's name; NumPy's complaint about an index has the bare word
                raise _NotAttempted(f"`{self._name}` still has a placeholder (`...`).") from error
            call = [describe(argument) for argument in arguments]
            call += [f"{name}={describe(argument)}" for name, argument in keywords.items()]
            raise _LearnerError(f"{self._name}({', '.join(call)})") from error
        if _is_placeholder(result):
            raise _NotAttempted(
                f"`{self._name}` gave back {result!r}. If you have written it: does it end with `return`?"
            )
        return result

    @property
    def __name__(self) -> str:
        return self._name


def _copy(argument: Any) -> Any:
    """A copy of arrays, and of lists, tuples and dictionaries with all that is in them; anything else as it is."""
    if isinstance(argument, np.ndarray):
        return argument.copy()
    if type(argument) in (list, tuple):
        return type(argument)(_copy(item) for item in argument)
    if type(argument) is dict:
        return {name: _copy(item) for name, item in argument.items()}
    return argument


def _is_placeholder(value: Any) -> bool:
    if isinstance(value, str):
        return value.strip() in PLACEHOLDER_TEXTS
    if isinstance(value, (tuple, list)):
        return any(item is Ellipsis for item in value)
    return value is None or value is Ellipsis


def _placeholder_line(function: Function) -> str:
    """The line of a function's source that still has a placeholder, or nothing."""
    try:
        source = inspect.getsource(inspect.unwrap(function))
    except (OSError, TypeError):  # typed at a prompt without a file, or written in C
        return ""
    found = PLACEHOLDER_LINE.search(source)
    return found.group().split("#")[0].strip() if found else ""


def _own_line(error: BaseException) -> str:
    """Where in the learner's code an exception came from: the innermost line that is in no library."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if not _is_library(frame.filename)]
    if not own:
        return ""
    where = f"line {own[-1].lineno} of {own[-1].name}"
    return f"{where}:  `{own[-1].line}`" if own[-1].line else where


_LIBRARIES = [
    Path(__file__).resolve().parent.parent,
    *(Path(sysconfig.get_path(name)).resolve() for name in ("stdlib", "platstdlib", "purelib", "platlib")),
]


def _is_library(filename: str) -> bool:
    if filename.startswith(("<frozen", "<__array_function__")):
        return True
    return any(Path(filename).is_relative_to(folder) for folder in _LIBRARIES)


# --- The exercise -----------------------------------------------------------------------------------------------------


class Exercise:
    """One question with its checker, hints and solution; made by the decorator `exercise`.

    Args:
        checker: judges the answers; returns if they are right, raises `compare.Wrong` if not.
        hints: from a nudge to nearly everything.
        solution: Python code that solves it; the tests run it.
        why: what to take away, one or two sentences; shown with success and with the solution.

    Attributes:
        name: what the exercise is called, such as "q1".
        question: what to do.
        answers: the names of the learner's variables or functions.
        tries: checks so far that found an attempt which was not right.
        solved: whether a check has found it right.
        feedback: what the last check said, or None.
    """

    def __init__(self, checker: Callable[..., None], *, hints: Sequence[str], solution: str, why: str) -> None:
        parameters = list(inspect.signature(checker).parameters)
        self.name = checker.__name__
        self.question = " ".join((inspect.getdoc(checker) or "").split())
        self.answers = [name for name in parameters if name != "rng"]
        self.hints, self.solution_code, self.why = list(hints), inspect.cleandoc(solution), why
        self.tries, self.solved, self.hints_shown = 0, False, 0
        self.feedback: Feedback | None = None
        self._checker, self._wants_rng = checker, "rng" in parameters
        types = get_type_hints(checker)
        self._wants_function = {name: types.get(name) == Function for name in self.answers}

    def check(self, *answers: Any) -> None:
        """Check the answers and show the outcome; nothing is raised, whatever the answers are.

        Args:
            answers: one for each name in `self.answers`, in this order. Without any, variables with these names are
                looked up where `check` is called.
        """
        if not answers:
            caller = inspect.currentframe()
            scope = caller.f_back if caller is not None else None
            variables = {**scope.f_globals, **scope.f_locals} if scope is not None else {}
            answers = tuple(variables.get(name, _UNDEFINED) for name in self.answers)
        try:
            feedback = self.grade(*answers)
        except UsageError as error:
            show(Feedback("error", f"{self.name}: this cannot be checked", {"": str(error), "question": self.question}))
            return
        self.tries += feedback.kind in ("incorrect", "error")
        self.solved |= feedback.kind == "correct"
        if feedback.kind != "correct":
            again = "" if "question" in feedback.details else f", `{self.name}` for the question"
            following = {"next": f"`{self.name}.hint()`{again}; {self._when_solution_opens()}."}
            feedback = Feedback(feedback.kind, feedback.title, {**feedback.details, **following}, feedback.code)
        self.feedback = feedback
        show(feedback)

    def grade(self, *answers: Any, seed: int = 0) -> Feedback:
        """Judge the answers and return the outcome; shows nothing, counts nothing.

        Args:
            answers: one for each name in `self.answers`.
            seed: chooses the random inputs. The same answer gets the same verdict in the same words.

        Raises:
            UsageError: fewer or more answers than the question has.
        """
        if len(answers) != len(self.answers):
            asked = ", ".join(self.answers)
            raise UsageError(f"{self.name}.check takes {len(self.answers)} answer(s): {self.name}.check({asked}).")
        printed = io.StringIO()
        try:
            with contextlib.redirect_stdout(printed):
                prepared = [self._prepare(name, answer) for name, answer in zip(self.answers, answers, strict=True)]
                rng = {"rng": np.random.default_rng(seed)} if self._wants_rng else {}
                self._checker(*prepared, **rng)
        except _NotAttempted as reason:
            details = {"": str(reason), "question": self.question}
            return Feedback("not attempted", f"{self.name}: not attempted yet", details)
        except _LearnerError as error:
            return self._feedback_on_error(error, printed.getvalue())
        except Wrong as wrong:
            return self._feedback_on_wrong(wrong, printed.getvalue())
        except Exception as error:  # the checker stumbled over an answer of a kind that nobody foresaw
            cause = f"The answer does not have the form that the question asks for ({type(error).__name__}: {error})."
            unforeseen = Wrong("the form of the answer", received=", ".join(map(describe, answers)), cause=cause)
            return self._feedback_on_wrong(unforeseen, printed.getvalue())
        return Feedback("correct", f"{self.name}: correct", {"": self.why} if self.why else {})

    def hint(self) -> None:
        """Show the next hint; after the last one, the last one again."""
        self.hints_shown = min(self.hints_shown + 1, len(self.hints))
        if not self.hints:
            show(Feedback("hint", f"{self.name}: there is no hint; {self._when_solution_opens()}."))
            return
        text = self.hints[self.hints_shown - 1]
        show(Feedback("hint", f"{self.name}: hint {self.hints_shown} of {len(self.hints)}", {"": text}))

    def solution(self, now: bool = False) -> None:
        """Show a solution: after success, after three tries, or at once with `now=True`."""
        if not (now or self._solution_is_open()):
            show(Feedback("hint", f"{self.name}: have a try first; {self._when_solution_opens()}."))
            return
        details = {"": self.why} if self.why else {}
        show(Feedback("solution", f"{self.name}: a solution (there are others)", details, self.solution_code))

    def reset(self) -> None:
        """Forget tries, hints and success."""
        self.tries, self.solved, self.hints_shown, self.feedback = 0, False, 0, None

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return self._as_feedback()._repr_mimebundle_()

    def __repr__(self) -> str:
        return str(self._as_feedback())

    def _as_feedback(self) -> Feedback:
        usage = f"`{self.name}.check({', '.join(self.answers)})`, `{self.name}.hint()`, `{self.name}.solution()`"
        return Feedback("question", self.name, {"question": self.question, "then": usage})

    def _solution_is_open(self) -> bool:
        return self.solved or self.tries >= TRIES_BEFORE_SOLUTION

    def _when_solution_opens(self) -> str:
        if self._solution_is_open():
            return f"`{self.name}.solution()` is open"
        left = TRIES_BEFORE_SOLUTION - self.tries
        tries = f"{left} more tries" if left > 1 else "1 more try"
        return f"the solution opens after {tries}, or with `{self.name}.solution(now=True)`"

    def _prepare(self, name: str, answer: Any) -> Any:
        """Sort out placeholders and mixed-up kinds of answers before the checker sees them."""
        if answer is _UNDEFINED:
            raise _NotAttempted(f"There is no `{name}` yet. Run the cell that defines it.")
        if _is_placeholder(answer):
            raise _NotAttempted(f"Fill in `{name}`, run the cell again, and this line will check it.")
        if self._wants_function[name]:
            if not callable(answer):
                cause = f"Pass the function itself, without calling it: `{self.name}.check({', '.join(self.answers)})`."
                raise Wrong(name, received=describe(answer), expected="a function", cause=cause)
            return _Guarded(answer, name)
        if inspect.isroutine(answer):
            cause = "Call the function, and pass what it returns."
            raise Wrong(name, received=describe(answer), expected="a value", cause=cause)
        return answer

    def _feedback_on_wrong(self, wrong: Wrong, printed: str) -> Feedback:
        details = {
            "checked": wrong.checked,
            "received": wrong.received,
            "expected": wrong.expected,
            "likely cause": wrong.cause,
            "printed": _first_lines(printed),
        }
        details = {label: text for label, text in details.items() if text}
        return Feedback("incorrect", f"{self.name}: not yet", details)

    def _feedback_on_error(self, error: _LearnerError, printed: str) -> Feedback:
        raised = error.__cause__
        assert raised is not None
        reason = " ".join(str(raised).split())
        details = {
            "error": f"{type(raised).__name__}: {reason[:300]}" if reason else type(raised).__name__,
            "your code": _own_line(raised),
            "called as": error.call,
            "printed": _first_lines(printed),
        }
        details = {label: text for label, text in details.items() if text}
        return Feedback("error", f"{self.name}: your code raised an error", details)


def exercise(*, hints: Sequence[str], solution: str, why: str = "") -> Callable[[Callable[..., None]], Exercise]:
    """Turn a checker into an `Exercise`; see the top of this module for a whole example.

    >>> @exercise(hints=["Count on your fingers."], solution="total = 4")
    ... def q1(total: Value) -> None:
    ...     '''Set `total` to two plus two.'''
    ...     same(total, 4, "the total")
    >>> from pix2pix_edu.exercises.compare import same
    >>> q1.grade(4).kind, q1.grade(5).kind, q1.grade(...).kind
    ('correct', 'incorrect', 'not attempted')
    """

    def decorate(checker: Callable[..., None]) -> Exercise:
        return Exercise(checker, hints=hints, solution=solution, why=why)

    return decorate


def _first_lines(text: str) -> str:
    lines = text.strip().splitlines()
    more = f" (and {len(lines) - PRINTED_LINES} more lines)" if len(lines) > PRINTED_LINES else ""
    return " / ".join(lines[:PRINTED_LINES]) + more
