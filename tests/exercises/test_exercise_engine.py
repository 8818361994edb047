"""The engine: four outcomes, hints, when the solution opens, and what a learner sees where."""

import subprocess
import sys

import numpy as np
import pytest

from pix2pix_edu.errors import UsageError
from pix2pix_edu.exercises.compare import same
from pix2pix_edu.exercises.engine import Function, Value, exercise

GAP = ...


@pytest.fixture
def double():
    @exercise(
        hints=["Add it to itself.", "Or multiply by `2`."],
        solution="""
            def twice(x):
                return 2 * x
        """,
        why="Doubling is the simplest gain.",
    )
    def double(twice: Function, rng: np.random.Generator) -> None:
        """Write `twice(x)`: two times `x`."""
        for _ in range(3):
            x = rng.uniform(1, 9, 4)
            same(twice(x), 2 * x, "four numbers", suspects={"The input came back.": x})

    return double


@pytest.fixture
def answer_is_four():
    @exercise(hints=[], solution="total = 4")
    def answer_is_four(total: Value) -> None:
        """Set `total` to two plus two."""
        same(total, 4, "the total")

    return answer_is_four


# --- outcomes


def test_a_right_answer_is_correct_and_says_what_to_take_away(double):
    feedback = double.grade(lambda x: x + x)
    assert feedback.kind == "correct" and "simplest gain" in str(feedback)


def test_a_wrong_answer_names_received_expected_and_likely_cause(double):
    feedback = double.grade(lambda x: x)
    assert feedback.kind == "incorrect"
    assert {"checked", "received", "expected", "likely cause"} <= set(feedback.details)
    assert feedback.details["likely cause"] == "The input came back."


def test_the_same_answer_gets_the_same_words_each_time(double):
    assert str(double.grade(lambda x: x**2)) == str(double.grade(lambda x: x**2))
    assert str(double.grade(lambda x: x**2)) != str(double.grade(lambda x: x**2, seed=1))


def test_an_error_shows_the_learner_s_own_line_and_call_but_not_our_stack(double):
    def helper(x):
        return x.no_such_thing

    def twice(x):
        return helper(x)

    feedback = double.grade(twice)
    assert feedback.kind == "error"
    assert "AttributeError" in feedback.details["error"]
    assert "of helper:  `return x.no_such_thing`" in feedback.details["your code"]
    assert feedback.details["called as"].startswith("twice([")
    assert "engine.py" not in str(feedback)


def test_an_error_inside_a_library_points_at_the_learner_s_line(double):
    def twice(x):
        return np.reshape(x, (2, 3))

    assert "np.reshape(x, (2, 3))" in double.grade(twice).details["your code"]


def test_a_function_with_the_wrong_parameters_is_an_error_with_the_call(double):
    feedback = double.grade(lambda: 3)
    assert feedback.kind == "error" and "positional argument" in feedback.details["error"]
    assert "your code" not in feedback.details


def unfinished_assignment(x):
    two = ...
    return two * x


def unfinished_return(x):
    return ...  # your code


def unfinished_blank(x):
    return ____  # noqa: F821


def unfinished_pass(x):
    pass


def unfinished_raise(x):
    raise NotImplementedError


def ellipsis_inside(x):
    value = [..., 2]
    return value[0] * x


@pytest.mark.parametrize(
    "answer",
    [
        ...,
        None,
        "____",
        (..., 2),
        unfinished_assignment,
        unfinished_return,
        unfinished_blank,
        unfinished_pass,
        unfinished_raise,
        ellipsis_inside,
        lambda x: (..., x),
        eval("lambda x: None"),
    ],
)
def test_placeholders_are_not_attempts_and_never_stop_a_notebook(double, answer, capsys):
    double.check(answer)
    first = capsys.readouterr().out
    double.check(answer)
    assert first == capsys.readouterr().out and first.startswith("double: not attempted yet")
    assert double.tries == 0 and not double.solved


def test_an_index_with_an_ellipsis_is_no_placeholder(double):
    def twice(x):
        every = x[...]
        return every[..., :] * 2

    assert double.grade(twice).kind == "correct"


def test_a_value_in_place_of_a_function_and_the_reverse_are_explained(double, answer_is_four):
    feedback = double.grade(np.ones(4))
    assert feedback.kind == "incorrect" and "without calling it" in feedback.details["likely cause"]
    feedback = answer_is_four.grade(lambda: 4)
    assert feedback.kind == "incorrect" and "Call the function" in feedback.details["likely cause"]


def test_an_answer_of_a_form_that_the_checker_did_not_foresee_is_not_yet_right():
    @exercise(hints=[], solution="")
    def first(pair: Value) -> None:
        """Set `pair`."""
        same(pair["a"], 1, "a")

    feedback = first.grade(7)
    assert feedback.kind == "incorrect" and "form that the question asks for" in feedback.details["likely cause"]


def test_code_that_changes_its_input_cannot_spoil_the_comparison(double):
    def twice(x):
        x *= 2
        return x

    assert double.grade(twice).kind == "correct"


def test_code_that_calls_with_keywords_and_prints_a_lot_is_fine_and_quiet(capsys):
    @exercise(hints=[], solution="")
    def shift(add: Function) -> None:
        """Write `add(x, by)`."""
        for x in np.arange(5.0):
            same(add(x, by=np.array([2.0])), [x + 3], "a sum")

    def add(x, by):
        print("x is", x)
        return x + by

    feedback = shift.grade(add)
    assert capsys.readouterr().out == ""
    assert feedback.details["printed"] == "x is 0.0"

    def loud(x, by):
        for line in range(9):
            print(line)
        raise ValueError

    feedback = shift.grade(loud)
    assert feedback.details["printed"] == "0 / 1 / 2 (and 6 more lines)"
    assert feedback.details["error"] == "ValueError" and "by=[2], float64" in feedback.details["called as"]


def test_code_that_eats_the_list_it_was_given_cannot_spoil_the_comparison_or_the_checker():
    layers = [(4, 2), (4, 1)]
    options = {"widths": [1, 2, 3], "pair": ([4], 5)}

    @exercise(hints=[], solution="")
    def count(total: Function) -> None:
        """Write `total(layers, options)`."""
        same(total(layers, options=options), 2 + 3 + 1, "how many")

    def total(layers, options):
        found = 0
        for queue in (layers, options["widths"], options["pair"][0]):
            while queue:
                queue.pop()
                found += 1
        return found

    for _ in range(2):
        assert count.grade(total).kind == "correct"
    assert layers == [(4, 2), (4, 1)] and options == {"widths": [1, 2, 3], "pair": ([4], 5)}


@pytest.mark.parametrize("index", [1.5, "0", None])
def test_an_index_that_is_no_whole_number_is_an_error_and_no_placeholder(double, index):
    def twice(x):
        return [x[index if index else len(x) / 2]]

    feedback = double.grade(twice)
    assert feedback.kind == "error" and feedback.details["error"].startswith("IndexError")
    assert "len(x) / 2" in feedback.details["your code"]


@pytest.mark.parametrize(
    "unfinished",
    [lambda x: 2 * GAP, lambda x: GAP[0], lambda x: GAP(x), lambda x: GAP.mean(), lambda x: float(GAP)],
)
def test_code_that_works_with_a_placeholder_was_not_attempted(double, unfinished):
    assert double.grade(unfinished).kind == "not attempted"


def test_too_many_answers_show_the_call_and_raise_nothing_in_check(double, capsys):
    with pytest.raises(UsageError, match=r"double\.check\(twice\)"):
        double.grade(1, 2)
    double.check(1, 2)
    said = capsys.readouterr().out
    assert "cannot be checked" in said and "double.check(twice)" in said
    assert double.tries == 0 and double.feedback is None


def test_who_has_not_begun_reads_the_question_and_others_read_where_it_is(double, capsys):
    double.check(...)
    assert double.feedback.details["question"] == "Write `twice(x)`: two times `x`."
    assert "for the question" not in double.feedback.details["next"]
    double.check(lambda x: x)
    assert "question" not in double.feedback.details
    assert double.feedback.details["next"].startswith("`double.hint()`, `double` for the question; the solution opens")


def test_an_address_in_memory_is_shown_to_nobody():
    @exercise(hints=[], solution="")
    def draw(choose: Function, rng: np.random.Generator) -> None:
        """Write `choose(rng)`."""
        choose(rng)

    feedback = draw.grade(lambda rng: rng.nonsense)
    assert feedback.details["called as"] == "choose(Generator(PCG64))"


# --- check without arguments


def test_check_with_empty_brackets_finds_the_names_where_it_is_called(answer_is_four):
    answer_is_four.check()
    assert answer_is_four.feedback.kind == "not attempted"
    assert "no `total` yet" in answer_is_four.feedback.details[""]
    total = 4
    answer_is_four.check()
    assert answer_is_four.solved and total == 4


# --- hints and solution


def test_hints_come_one_by_one_and_the_last_one_stays(double, capsys):
    for _ in range(3):
        double.hint()
    out = capsys.readouterr().out
    assert out.count("hint 1 of 2") == 1 and out.count("hint 2 of 2") == 2 and "Or multiply" in out


def test_an_exercise_without_hints_says_when_the_solution_opens(answer_is_four, capsys):
    answer_is_four.hint()
    assert "no hint; the solution opens after 3 more tries" in capsys.readouterr().out


def test_the_solution_opens_after_three_tries(double, capsys):
    for tries_left in ("3 more tries", "2 more tries", "1 more try"):
        double.solution()
        assert f"opens after {tries_left}" in capsys.readouterr().out
        double.check(lambda x: x)
    assert "`double.solution()` is open" in capsys.readouterr().out
    double.solution()
    assert "    return 2 * x" in capsys.readouterr().out


def test_the_solution_opens_with_success_and_when_asked_for_outright(double, capsys):
    double.solution(now=True)
    assert "def twice" in capsys.readouterr().out
    double.check(lambda x: 2 * x)
    capsys.readouterr()
    double.solution()
    assert "def twice" in capsys.readouterr().out
    double.reset()
    double.solution()
    assert "def twice" not in capsys.readouterr().out


def test_the_exercise_itself_shows_the_question(double):
    assert "two times `x`" in repr(double) and "double.check(twice)" in repr(double)
    assert "<code>x</code>" in double._repr_mimebundle_()["text/html"]


# --- where it is shown


@pytest.fixture
def shell():
    """A notebook's kernel without the kernel: cells run as in Jupyter, displayed things are caught."""
    from IPython.core.interactiveshell import InteractiveShell

    shell = InteractiveShell.instance()
    yield shell
    InteractiveShell.clear_instance()


def outputs_of(shell, cell):
    from IPython.utils.capture import capture_output

    with capture_output() as captured:
        result = shell.run_cell(cell)
    assert result.success, result
    return captured.outputs


def test_a_notebook_gets_html_and_complete_plain_text_and_the_line_of_the_cell(shell, double):
    shell.user_ns["double"] = double
    (output,) = outputs_of(shell, "def twice(x):\n    return x / nothing\n\ndouble.check(twice)")
    plain, rich = output.data["text/plain"], output.data["text/html"]
    assert "line 2 of twice:  `return x / nothing`" in plain
    assert "NameError" in plain and "NameError" in rich and "double.hint()" in plain
    (output,) = outputs_of(shell, "twice = lambda x: 2 * x\ndouble.check()")
    assert output.data["text/plain"].startswith("double: correct")


def test_html_escapes_what_the_learner_s_code_returns(answer_is_four):
    feedback = answer_is_four.grade("<script>")
    assert "&lt;script&gt;" in feedback.html() and "<script>" not in feedback.html()
    assert "'<script>'" in str(feedback)


def test_importing_exercises_loads_neither_keras_nor_widgets():
    code = (
        "import sys; from pix2pix_edu.exercises import lesson_00, lesson_01, lesson_08;"
        "print([m for m in ('tensorflow', 'keras', 'matplotlib', 'ipywidgets', 'IPython') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
