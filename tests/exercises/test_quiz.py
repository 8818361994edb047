"""Quizzes: the same answers from the widget, from code and from text."""

import subprocess
import sys

import pytest

from pix2pix_edu.errors import UsageError
from pix2pix_edu.exercises.quiz import Question, Quiz, right, wrong


@pytest.fixture
def quiz():
    return Quiz(
        "Sums",
        [
            Question("1 + 1?", wrong("1", "One is missing."), right("2", "Both counted.")),
            Question(
                "Is 2 < 3?", right("yes", "By one."), wrong("no", "Count <again>."), wrong("who knows", "You do.")
            ),
        ],
    )


def radios(quiz):
    return [child for child in quiz.view.children if type(child).__name__ == "RadioButtons"]


def shown(quiz):
    return " ".join(child.value for child in quiz.view.children if type(child).__name__ == "HTML")


def test_choosing_in_the_widget_shows_the_sentence_of_that_option(quiz):
    first, second = radios(quiz)
    assert first.value is None and "missing" not in shown(quiz) and "right." not in shown(quiz)
    first.value = 0
    assert "Not quite. One is missing." in shown(quiz) and quiz.answers == [0, None] and quiz.score == 0
    first.value = 1
    assert "Right. Both counted." in shown(quiz) and "missing" not in shown(quiz) and "1 of 2 right" in shown(quiz)
    second.value = 1
    assert "Count &lt;again&gt;." in shown(quiz) and quiz.answers == [1, 1] and quiz.score == 1


def test_a_message_from_the_browser_has_the_same_effect(quiz):
    radios(quiz)[0].set_state({"index": 1})
    assert quiz.answers == [1, None] and quiz.feedback(1) == "Right. Both counted."


def test_answers_set_from_code_move_the_widget(quiz):
    first, second = radios(quiz)
    quiz.answers = [1, 2]
    assert (first.value, second.value) == (1, 2) and "You do." in shown(quiz)
    quiz.reset()
    assert (first.value, second.value) == (None, None) and quiz.score == 0 and "You do." not in shown(quiz)


def test_answers_given_before_the_widget_exists_are_shown_when_it_does(quiz):
    quiz.answers = [None, 0]
    assert [radio.value for radio in radios(quiz)] == [None, 0] and "By one." in shown(quiz)


def test_every_option_can_be_answered_in_plain_text(quiz, capsys):
    for number, question in enumerate(quiz.questions, start=1):
        for letter, option in zip("abc", question.options, strict=False):
            quiz.choose(number, letter)
            out = capsys.readouterr().out
            assert option.feedback in out and out.startswith(f"Question {number}, {letter}: ")
            assert (": right. " in out) == option.is_right


def test_the_plain_text_holds_every_question_and_option_but_no_feedback(quiz):
    text = str(quiz)
    for question in quiz.questions:
        assert question.text in text
        assert all(f") {option.text}" in text and option.feedback not in text for option in question.options)
    assert "Count" not in quiz.html() and "Is 2 &lt; 3?" in quiz.html()


@pytest.mark.parametrize("number, letter", [(0, "a"), (3, "a"), (1, "c"), (1, ""), (1, "ab")])
def test_answers_that_do_not_exist_are_refused(quiz, number, letter):
    with pytest.raises(UsageError):
        quiz.choose(number, letter)
    assert quiz.answers == [None, None]


@pytest.mark.parametrize("answers", [[0], [0, 3], [-1, 0]])
def test_wrong_lists_of_answers_are_refused(quiz, answers):
    with pytest.raises(UsageError):
        quiz.answers = answers


@pytest.mark.parametrize(
    "options",
    [
        [wrong("a", "x"), wrong("b", "x")],
        [right("a", "x"), right("b", "x")],
        [right("a", "x")],
        [right("a", "x"), wrong("a", "x")],
        [right("a", "x"), wrong("b", "")],
    ],
)
def test_a_question_needs_one_right_answer_and_feedback_everywhere(options):
    with pytest.raises(UsageError):
        Question("?", *options)


def test_a_notebook_gets_the_widget_with_the_questions_as_plain_text(quiz, displayed):
    quiz._ipython_display_()
    (data,) = displayed
    assert data["application/vnd.jupyter.widget-view+json"]["model_id"] == quiz.view.model_id
    assert data["text/plain"] == str(quiz)


def test_a_baked_notebook_gets_the_questions_without_a_widget(quiz, displayed, monkeypatch):
    monkeypatch.setenv("PIX2PIX_EDU_BAKE", "1")
    quiz._ipython_display_()
    (data,) = displayed
    assert set(data) == {"text/plain", "text/html"} and "<li>" in data["text/html"]


def test_a_quiz_works_where_ipywidgets_is_not_installed():
    code = (
        "import sys; sys.modules['ipywidgets'] = None\n"
        "from pix2pix_edu.exercises.lesson_01 import quiz\n"
        "print(quiz); quiz.choose(1, 'b'); print(quiz.score)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.rstrip().endswith("1") and "Question 1, b: right." in done.stdout


@pytest.fixture
def displayed(monkeypatch):
    """What reaches the notebook's front end."""
    from IPython.core.displaypub import CapturingDisplayPublisher
    from IPython.core.interactiveshell import InteractiveShell

    shell = InteractiveShell.instance()
    publisher = CapturingDisplayPublisher()
    monkeypatch.setattr(shell, "display_pub", publisher)

    class Data(list):
        def __iter__(self):
            return iter([output["data"] for output in publisher.outputs])

    yield Data()
    InteractiveShell.clear_instance()
