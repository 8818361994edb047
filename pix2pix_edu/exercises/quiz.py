"""Quizzes: a few questions with radio buttons, and a sentence of feedback for every answer, right or wrong.

In a notebook, the name alone shows the quiz:

    from pix2pix_edu.exercises.lesson_01 import quiz

    quiz

It is made of core widgets, so it works in JupyterLab, VS Code and Colab, by mouse and by keyboard (Tab to an
answer, Space to choose it), and without a network. Where there are no widgets, `print(quiz)` shows the questions and
`quiz.choose(1, "b")` answers one.

An author writes:

    quiz = Quiz(
        "Lesson 01",
        [
            Question(
                "What does a pair consist of?",
                wrong("Two pictures of the same size.", "Size is not enough: they must show the same thing."),
                right("A source and the target that belongs to it.", "The target is the answer to this very source."),
            ),
        ],
    )
"""

from __future__ import annotations

import html
import string
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from pix2pix_edu.errors import UsageError
from pix2pix_edu.exercises.engine import LINE_WIDTH
from pix2pix_edu.widgets import style

if TYPE_CHECKING:
    import ipywidgets


class Option(NamedTuple):
    """One possible answer.

    Args:
        text: what the learner chooses.
        feedback: what the learner reads after choosing it.
        is_right: whether it is the right one.
    """

    text: str
    feedback: str
    is_right: bool


def right(text: str, feedback: str) -> Option:
    """The right answer, and why it is right."""
    return Option(text, feedback, True)


def wrong(text: str, feedback: str) -> Option:
    """A wrong answer, and what it overlooks."""
    return Option(text, feedback, False)


class Question:
    """A question with two or more options, of which exactly one is right.

    Args:
        text: the question.
        options: made by `right` and `wrong`, in the order in which they are shown.

    Raises:
        UsageError: no right option, several of them, the same text twice, or an option without feedback.

    >>> Question("1 + 1?", wrong("1", "That is one of them."), right("2", "Both counted.")).right_index
    1
    """

    def __init__(self, text: str, *options: Option) -> None:
        self.text, self.options = text, options
        right_ones = [index for index, option in enumerate(options) if option.is_right]
        if len(right_ones) != 1 or len(options) < 2:
            raise UsageError(f"A question needs two or more options, one of them right: {text!r}.")
        if len({option.text for option in options}) < len(options):
            raise UsageError(f"Two options of this question are the same: {text!r}.")
        if not all(option.feedback for option in options):
            raise UsageError(f"Every option needs a sentence of feedback: {text!r}.")
        self.right_index = right_ones[0]


class Quiz:
    """Questions whose answers can be given in the widget or from code, with the same effect.

    Args:
        title: one line above the questions.
        questions: three to five of them do a lesson good.

    >>> quiz = Quiz("Sums", [Question("1 + 1?", wrong("1", "That is one of them."), right("2", "Both counted."))])
    >>> quiz.choose(1, "a")
    Question 1, a: not quite. That is one of them.
    >>> quiz.answers = [1]
    >>> quiz.feedback(1), quiz.score
    ('Right. Both counted.', 1)
    """

    def __init__(self, title: str, questions: Sequence[Question]) -> None:
        self.title, self.questions = title, list(questions)
        self._answers: list[int | None] = [None] * len(self.questions)
        self._view: _QuizView | None = None

    @property
    def answers(self) -> list[int | None]:
        """The chosen option of each question, counted from 0; None where nothing is chosen. Can be set."""
        return list(self._answers)

    @answers.setter
    def answers(self, answers: Sequence[int | None]) -> None:
        if len(answers) != len(self.questions):
            raise UsageError(f"{self.title} has {len(self.questions)} questions, but {len(answers)} answers came.")
        for index, (question, answer) in enumerate(zip(self.questions, answers, strict=True), start=1):
            if answer is not None and not 0 <= answer < len(question.options):
                raise UsageError(f"Question {index} has options 0 to {len(question.options) - 1}, not {answer!r}.")
        self._answers = list(answers)
        if self._view is not None:
            self._view.update()

    @property
    def score(self) -> int:
        """How many questions are answered right at the moment."""
        return sum(
            answer == question.right_index for question, answer in zip(self.questions, self._answers, strict=True)
        )

    def feedback(self, number: int) -> str:
        """The sentence on the present answer to question `number` (from 1), or nothing if there is none yet."""
        question = self._question(number)
        answer = self._answers[number - 1]
        if answer is None:
            return ""
        return ("Right. " if answer == question.right_index else "Not quite. ") + question.options[answer].feedback

    def choose(self, number: int, letter: str) -> None:
        """Answer question `number` (from 1) with option `letter` ("a", "b", ...), and print the feedback.

        Raises:
            UsageError: there is no such question or option.
        """
        letters = string.ascii_lowercase[: len(self._question(number).options)]
        if len(letter) != 1 or letter.lower() not in letters:
            raise UsageError(f"Question {number} has the options {', '.join(letters)}, not {letter!r}.")
        answers = self.answers
        answers[number - 1] = letters.index(letter.lower())
        self.answers = answers
        feedback = self.feedback(number)
        print(f"Question {number}, {letter.lower()}: {feedback[0].lower()}{feedback[1:]}")

    def reset(self) -> None:
        """Forget all answers."""
        self.answers = [None] * len(self.questions)

    @property
    def view(self) -> ipywidgets.VBox:
        """The quiz as ipywidgets, made when first asked for; it has the CSS class `p2p-quiz`."""
        if self._view is None:
            self._view = _QuizView(self)
        return self._view.box

    def __str__(self) -> str:
        lines = [f"{self.title}: quiz"]
        for number, question in enumerate(self.questions, start=1):
            lines += ["", *_wrap(f"{number}. ", question.text)]
            for letter, option in zip(string.ascii_lowercase, question.options, strict=False):
                lines += _wrap(f"   {letter}) ", option.text)
        return "\n".join([*lines, "", 'To answer without buttons: quiz.choose(1, "a")'])

    __repr__ = __str__

    def html(self) -> str:
        """The questions as HTML, for pages that show notebooks without running them."""
        questions = []
        for question in self.questions:
            options = "".join(f"<li>{html.escape(option.text)}</li>" for option in question.options)
            questions.append(f'<li><b>{html.escape(question.text)}</b><ol type="a">{options}</ol></li>')
        note = "<i>Run the notebook to answer and to read what each answer overlooks.</i>"
        return f"<b>{html.escape(self.title)}: quiz</b><ol>{''.join(questions)}</ol>{note}"

    def _ipython_display_(self) -> None:
        from pix2pix_edu.widgets.base import show_view

        show_view(self.view, text=str(self), markup=self.html())

    def _question(self, number: int) -> Question:
        if not 1 <= number <= len(self.questions):
            raise UsageError(f"{self.title} has the questions 1 to {len(self.questions)}, not {number!r}.")
        return self.questions[number - 1]


class _QuizView:
    """The widgets of a quiz; the quiz holds the answers."""

    def __init__(self, quiz: Quiz) -> None:
        import ipywidgets

        from pix2pix_edu.widgets.base import CSS
        from pix2pix_edu.widgets.names import Names

        self.quiz = quiz
        self.choices: list[ipywidgets.RadioButtons] = []
        self.notes: list[ipywidgets.HTML] = []
        self.score = ipywidgets.HTML()
        parts: list[ipywidgets.Widget] = [ipywidgets.HTML(f"{CSS}<b>{html.escape(quiz.title)}: quiz</b>")]
        for number, question in enumerate(quiz.questions, start=1):
            options = [(option.text, index) for index, option in enumerate(question.options)]
            choice = ipywidgets.RadioButtons(options=options, value=None, layout=ipywidgets.Layout(width="auto"))
            choice.observe(self._on_choice, names="value")
            self.choices.append(choice)
            self.notes.append(ipywidgets.HTML())
            parts += [ipywidgets.HTML(_heading(number, question.text)), choice, self.notes[-1]]
        self.box = ipywidgets.VBox([*parts, self.score, Names()])
        self.box.add_class("p2p-widget")
        self.box.add_class("p2p-quiz")
        self.update()

    def update(self) -> None:
        """Show the answers that the quiz holds."""
        for number, (choice, note) in enumerate(zip(self.choices, self.notes, strict=True), start=1):
            answer = self.quiz.answers[number - 1]
            if choice.value != answer:
                choice.value = answer
            is_right = answer == self.quiz.questions[number - 1].right_index
            note.value = _note(self.quiz.feedback(number), style.GREEN if is_right else style.VERMILLION)
        total = len(self.quiz.questions)
        self.score.value = (
            f'<div role="status">{self.quiz.score} of {total} right.</div>'
            if any(answer is not None for answer in self.quiz.answers)
            else ""
        )

    def _on_choice(self, change: Any) -> None:
        answers = self.quiz.answers
        answers[self.choices.index(change["owner"])] = change["new"]
        if answers != self.quiz.answers:
            self.quiz.answers = answers


def _heading(number: int, text: str) -> str:
    return f'<div style="margin-top: 10px"><b>{number}. {html.escape(text)}</b></div>'


def _note(text: str, colour: str) -> str:
    border = f"border-left: 5px solid {colour}; padding: 2px 12px"
    return f'<div role="status" style="{border}">{html.escape(text)}</div>' if text else ""


def _wrap(start: str, text: str) -> list[str]:
    return textwrap.wrap(text, LINE_WIDTH, initial_indent=start, subsequent_indent=" " * len(start))
