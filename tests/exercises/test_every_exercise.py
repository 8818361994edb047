"""What holds for every exercise and every quiz of the course; later lessons are found by themselves."""

import importlib
import pkgutil
import re

import numpy as np
import pytest

import pix2pix_edu.exercises
from pix2pix_edu.exercises.engine import Exercise
from pix2pix_edu.exercises.quiz import Quiz

LESSONS = [
    importlib.import_module(f"pix2pix_edu.exercises.{module.name}")
    for module in pkgutil.iter_modules(pix2pix_edu.exercises.__path__)
    if module.name.startswith("lesson_")
]
EXERCISES = [
    pytest.param(value, name, id=f"{lesson.__name__[-9:]}-{name}")
    for lesson in LESSONS
    for name, value in vars(lesson).items()
    if isinstance(value, Exercise)
]
SILLY_ANSWERS = [
    7,
    -1.5,
    "text",
    [],
    {"a": 1},
    (1, "two", np.zeros(3)),
    np.zeros((4, 6, 3)),
    np.array(["a"]),
    float("nan"),
    len,
    lambda *args, **kwargs: 0,
    lambda *args, **kwargs: "text",
    lambda *args, **kwargs: args[0] if args else kwargs,
    lambda *args, **kwargs: (args[0], args[0]),
    lambda *args, **kwargs: args,
    lambda *args, **kwargs: np.zeros(np.shape(args[0])),
    lambda *args, **kwargs: np.random.default_rng(0).normal(size=np.shape(args[0])),
    lambda *args, **kwargs: float("nan"),
    lambda *args, **kwargs: [],
    lambda *args, **kwargs: {},
]


def test_all_lessons_are_found():
    assert {"lesson_00", "lesson_01", "lesson_08"} <= {lesson.__name__[-9:] for lesson in LESSONS}


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.__name__[-9:])
def test_a_lesson_has_a_quiz_and_one_to_four_exercises_in_order(lesson):
    names = [name for name, value in vars(lesson).items() if isinstance(value, Exercise)]
    assert 1 <= len(names) <= 4 and names == [f"q{number}" for number in range(1, len(names) + 1)]
    assert isinstance(lesson.quiz, Quiz) and lesson.quiz.title in ("Lesson " + lesson.__name__[-2:],)
    assert 3 <= len(lesson.quiz.questions) <= 5


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.__name__[-9:])
def test_quizzes_cannot_be_won_by_position_or_length(lesson):
    places = {question.right_index for question in lesson.quiz.questions}
    assert len(places) > 1, "the right answer is always in the same place"
    longest = [
        max(question.options, key=lambda option: len(option.text)).is_right for question in lesson.quiz.questions
    ]
    assert not all(longest), "the right answer is always the longest"
    for question in lesson.quiz.questions:
        assert len(question.options) >= 3
        words = question.text + "".join(option.text + option.feedback for option in question.options)
        assert not set("`*_$") & set(words), "radio buttons show plain text"
        assert all(re.search(r"[.!?]$", option.feedback) for option in question.options), question.text


@pytest.mark.parametrize(("exercise", "name"), EXERCISES)
@pytest.mark.parametrize("seed", range(5))
def test_the_printed_solution_is_accepted_whatever_the_random_inputs(exercise, name, seed):
    namespace = {"np": np}
    exec(exercise.solution_code, namespace)
    feedback = exercise.grade(*(namespace[answer] for answer in exercise.answers), seed=seed)
    assert feedback.kind == "correct", feedback


@pytest.mark.parametrize(("exercise", "name"), EXERCISES)
@pytest.mark.parametrize("number", range(len(SILLY_ANSWERS)))
def test_silly_answers_are_rejected_with_words_and_never_raise(exercise, name, number):
    feedback = exercise.grade(*[SILLY_ANSWERS[number]] * len(exercise.answers))
    assert feedback.kind in ("incorrect", "error"), feedback
    assert feedback.details.get("likely cause") or feedback.details.get("error"), feedback
    assert feedback.details.get("checked") != "the form of the answer", "the checker itself stumbled over it"


@pytest.mark.parametrize(("exercise", "name"), EXERCISES)
def test_an_unattempted_exercise_prints_the_same_text_each_time(exercise, name, capsys):
    exercise.reset()
    texts = set()
    for _ in range(2):
        exercise.check(*[...] * len(exercise.answers))
        texts.add(capsys.readouterr().out)
    assert len(texts) == 1 and texts.pop().startswith(f"{name}: not attempted yet")


@pytest.mark.parametrize(("exercise", "name"), EXERCISES)
def test_an_exercise_is_complete(exercise, name):
    assert exercise.name == name and len(exercise.question) > 20 and len(exercise.hints) >= 2 and exercise.why
    for answer in exercise.answers:
        assert f"`{answer}" in exercise.question, "the question names what to write"
        assert answer in exercise.solution_code
