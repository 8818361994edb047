"""Lesson 03's module: the digits, the condition in its three forms, who obeys and who does not, and the notebook's own
definitions against the library's."""

from __future__ import annotations

import json
from pathlib import Path

import nbformat
import numpy as np
import pytest

from pix2pix_edu import cgan
from pix2pix_edu.cgan import ConditionalGan
from pix2pix_edu.errors import CheckpointError, StorageError, UsageError
from pix2pix_edu.exercises import lesson_03
from pix2pix_edu.paths import shipped

NOTEBOOK = Path(__file__).resolve().parent.parent / "notebooks" / "03_cgan.ipynb"
RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def reader():
    return cgan.train_reader()


# --- data


def test_the_digits_are_whole_uint8_pictures_and_split_without_overlap():
    train, test = cgan.digits()
    assert (len(train), len(test)) == (1400, 397)
    for split in (train, test):
        assert split.pictures.dtype == np.uint8 and split.pictures.shape[1:] == (8, 8, 1)
        assert (split.pictures.min(), split.pictures.max()) == (0, 255)
        assert set(split.labels) == set(range(10))
    seen = {picture.tobytes() for picture in train.pictures}
    assert not any(picture.tobytes() in seen for picture in test.pictures)


def test_the_reader_reads_handwriting_that_it_has_not_seen(reader):
    assert 0.93 < reader.accuracy(cgan.digits().test) < 0.97


@pytest.mark.parametrize("colour", cgan.COLOURS)
def test_ink_can_be_read_and_taken_off_again(colour, reader):
    grey = cgan.digits().test.pictures[:40]
    inked = cgan.in_colour(grey, [colour] * 40)
    assert inked.shape == (40, 8, 8, 3)
    np.testing.assert_array_equal(inked.max(axis=-1, keepdims=True), grey)
    assert set(cgan.read_ink(inked)) == {colour}
    np.testing.assert_array_equal(reader.read(inked), reader.read(grey))


def test_half_of_a_picture_is_kept_and_the_original_left_alone():
    pictures = RNG.integers(1, 256, (3, 8, 8, 1)).astype("uint8")
    before = pictures.copy()
    half = cgan.left_half(pictures)
    np.testing.assert_array_equal(half[:, :, :4], pictures[:, :, :4])
    assert half[:, :, 4:].max() == 0
    np.testing.assert_array_equal(pictures, before)


# --- the condition as numbers


def test_one_hot_codes_agree_with_keras():
    from pix2pix_edu.backend import keras

    labels = RNG.integers(0, 10, 20)
    np.testing.assert_array_equal(cgan.one_hot(labels), keras.utils.to_categorical(labels, 10))


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        ([10], "from 0 to 9"),
        ([-1], "-1"),
        ([0.5], "whole numbers"),
        ("seven", "whole numbers"),
        ([[1]], "one for each"),
    ],
)
def test_labels_that_are_none_are_refused(labels, words):
    with pytest.raises(UsageError, match=words):
        cgan.one_hot(labels)


def test_every_text_that_can_be_asked_for_has_its_own_tokens():
    tokens = {tuple(cgan.tokenise(text)) for text in cgan.ALL_TEXTS}
    assert len(tokens) == len(cgan.ALL_TEXTS) == 50
    assert cgan.tokenise(" A  Red seven. ").tolist() == cgan.tokenise("a red seven").tolist()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a purple seven", "'purple'.*Known: a, red, yellow"),
        ("a rad seven", "Did you mean 'red'"),
        ("a seven", "'a', a colour and a digit"),
        ("a seven red", "Colours: red, yellow, green, blue, white"),
        ("", "Digits: zero, one"),
        ("a red red seven", "cannot be drawn"),
    ],
)
def test_texts_that_cannot_be_drawn_get_a_way_out(text, words):
    with pytest.raises(UsageError, match=words):
        cgan.tokenise(text)


# --- the optimal discriminator


def test_no_other_answers_have_a_lower_loss_than_the_optimal_ones():
    p, q = (table / table.sum() for table in RNG.uniform(0.1, 1, (2, 3, 4)))
    for sees in (True, False):
        best = cgan.optimal_discriminator(p, q, sees_condition=sees)

        def loss(answers):
            return -(p * np.log(answers) + q * np.log(1 - answers)).sum()

        for _ in range(50):
            change = RNG.normal(0, 0.02, p.shape if sees else (1, 4))
            assert loss(best) < loss(np.clip(best + change, 0.01, 0.99))


def test_hidden_conditions_hide_disobedience():
    p = np.eye(3) / 3
    for q in (p, np.roll(p, 1, axis=0), np.full((3, 3), 1 / 9)):
        np.testing.assert_allclose(cgan.optimal_discriminator(p, q, sees_condition=False), 0.5)
    assert cgan.optimal_discriminator(p, np.roll(p, 1, axis=0))[0].tolist() == [1.0, 0.5, 0.0]
    with pytest.raises(UsageError, match="same shape"):
        cgan.optimal_discriminator(p, p[:2])


# --- training


def weights(gan):
    return [*gan.generator.get_weights(), *gan.discriminator.get_weights()]


@pytest.mark.parametrize("condition", ["label", "text", "image"])
def test_the_same_seeds_give_the_same_model_also_in_two_parts(condition):
    whole, parts = (ConditionalGan(condition, width=16, seed=1) for _ in range(2))
    history = whole.fit(4, seed=2)
    first, second = parts.fit(1, seed=2), parts.fit(3, seed=2)
    assert history["d_loss"] == pytest.approx(first["d_loss"] + second["d_loss"], rel=1e-4)
    for one, other in zip(weights(whole), weights(parts), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)
    assert whole.steps == parts.steps == 4
    assert len(set(history["d_loss"])) == 4 and all(np.isfinite(history["g_gan"]))


def test_other_seeds_give_other_batches_and_other_weights():
    one, other = ConditionalGan(width=16, seed=0), ConditionalGan(width=16, seed=1)
    assert not np.allclose(weights(one)[0], weights(other)[0])
    assert one.fit(1, seed=0)["d_loss"] != ConditionalGan(width=16, seed=0).fit(1, seed=5)["d_loss"]


@pytest.mark.parametrize("condition", ["label", "text", "image"])
def test_only_a_conditional_discriminator_looks_at_the_condition(condition):
    test = cgan.digits().test
    asked = {"label": [3, 8], "text": ["a red three", "a blue eight"], "image": cgan.left_half(test.pictures[:2])}[
        condition
    ]
    pictures = test.pictures[5:7] if condition != "text" else cgan.in_colour(test.pictures[5:7], ["red", "red"])
    for sees in (True, False):
        gan = ConditionalGan(condition, conditional_discriminator=sees, width=16)
        same = np.allclose(gan.judge([*asked], pictures), gan.judge([*asked][::-1], pictures), atol=1e-6)
        assert same != sees


def test_texts_that_are_left_out_are_never_trained_on():
    gan = ConditionalGan("text", width=8, never_shown=["a red seven", "a blue one"])
    left_out = [tuple(cgan.tokenise(text)) for text in gan.never_shown]
    seen = {tuple(text) for step in range(60) for text in gan._batch(np.random.default_rng(step))[0].tolist()}
    assert len(seen) == 48 and not seen & set(left_out)


def test_pictures_in_a_batch_show_what_their_text_says(reader):
    gan = ConditionalGan("text", width=8)
    tokens, pictures, noise = gan._batch(np.random.default_rng(0))
    inks, numerals = np.array(cgan.WORDS)[tokens[:, 1]], np.array(cgan.WORDS)[tokens[:, 2]]
    pictures = np.round((pictures + 1) * 127.5).astype("uint8")
    assert (cgan.read_ink(pictures) == inks).all()
    assert (np.array(cgan.NUMERALS)[reader.read(pictures)] == numerals).mean() > 0.95  # it was trained on them
    assert noise.shape == (64, 16) and abs(noise.mean()) < 0.2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"condition": "lable"}, "Did you mean 'label'"),
        ({"condition": "label", "never_shown": ["a red seven"]}, "condition is a label"),
        ({"condition": "text", "never_shown": ["a rad seven"]}, "Did you mean 'red'"),
        ({"condition": "text", "never_shown": [f"a {ink} two" for ink in cgan.COLOURS]}, "no ink for the digit 2"),
        ({"seed": -1}, "seed=-1"),
    ],
)
def test_settings_that_cannot_work_are_refused(arguments, words):
    with pytest.raises(UsageError, match=words):
        ConditionalGan(**arguments)


# --- drawing


def test_all_conditions_get_the_same_noises_in_order():
    gan = ConditionalGan(width=16)
    both = gan.sample([3, 8], n=4, seed=5)
    assert both.shape == (8, 8, 8, 1) and both.dtype == np.uint8
    np.testing.assert_array_equal(both[4:], gan.sample(8, n=4, seed=5))
    assert (gan.sample(8, n=4, seed=6) != both[4:]).any()


def test_drawing_changes_nothing():
    gan = ConditionalGan("text", width=16)
    before = [weight.copy() for weight in weights(gan)]
    gan.sample("a red seven", n=3)
    for one, other in zip(before, weights(gan), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_condition_of_another_form_is_refused():
    with pytest.raises(UsageError, match="whole numbers"):
        ConditionalGan("label", width=8).sample("a red seven")
    with pytest.raises(UsageError, match="uint8 of shape"):
        ConditionalGan("image", width=8).sample(np.zeros((8, 8, 1)))


# --- saving and loading


def test_a_stored_model_draws_and_judges_as_before(tmp_path):
    gan = ConditionalGan("text", width=16, never_shown=["a red seven"], seed=3)
    gan.fit(2)
    loaded = ConditionalGan.load(gan.save(tmp_path / "gan.npz"))
    assert repr(loaded) == repr(gan) and loaded.never_shown == ("a red seven",)
    drawn, again = (model.sample("a red seven", n=5).astype(int) for model in (gan, loaded))
    assert np.abs(drawn - again).max() <= 2  # half precision
    assert loaded.judge("a red seven", again.astype("uint8")) == pytest.approx(
        gan.judge("a red seven", again.astype("uint8")), abs=0.01
    )


@pytest.mark.parametrize("content", [b"", b"no archive", None])
def test_what_is_no_model_is_named(tmp_path, content):
    path = tmp_path / "gan.npz"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"gan\.npz cannot be read"):
        ConditionalGan.load(path)


def test_no_pickle_is_ever_loaded(tmp_path):
    np.savez(tmp_path / "gan.npz", header=np.array([{"a": 1}], dtype=object))
    with pytest.raises(CheckpointError, match="allow_pickle"):
        ConditionalGan.load(tmp_path / "gan.npz")


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="file"):
        ConditionalGan(width=8).save(tmp_path / "file" / "gan.npz")


# --- what ships, and what it proves

RESULTS = json.loads(shipped("lessons", "cgan", "results.json").read_text())


def accuracies(condition, sees):
    rows = [row for row in RESULTS["rows"] if (row["condition"], row["discriminator_sees_it"]) == (condition, sees)]
    return [list(row["accuracy_by_step"].values())[-1] for row in rows]


def test_the_recorded_runs_show_that_d_must_see_the_condition():
    for condition in ("label", "text", "image"):
        assert len(accuracies(condition, True)) == len(accuracies(condition, False)) >= 3
        assert min(accuracies(condition, True)) > 2.5 * max(accuracies(condition, False))
    assert max(accuracies("label", False)) < 1.5 * RESULTS["chance"]["label"]
    assert max(accuracies("text", False)) < 4 * RESULTS["chance"]["text"]
    assert max(accuracies("image", False)) < 0.3


@pytest.mark.parametrize("sees", [True, False])
def test_the_shipped_painters_still_measure_as_recorded(sees, reader):
    painter = cgan.load_painter(sees)
    assert painter.conditional_discriminator == sees and painter.steps == 4000
    assert cgan.conditional_accuracy(painter, reader, n=10) == pytest.approx(accuracies("text", sees)[0], abs=0.04)
    assert sum(path.stat().st_size for path in shipped("lessons", "cgan").iterdir()) < 500_000


@pytest.mark.parametrize("sees", [True, False])
def test_a_row_of_the_record_can_be_made_again(sees, reader):
    gan = ConditionalGan("label", sees, seed=0)
    gan.fit(500, seed=0)
    (row,) = [
        row
        for row in RESULTS["rows"]
        if (row["condition"], row["discriminator_sees_it"], row["seed"]) == ("label", sees, 0)
    ]
    assert cgan.conditional_accuracy(gan, reader) == pytest.approx(row["accuracy_by_step"]["500"], abs=0.06)


# --- what the notebook writes by hand


@pytest.fixture(scope="module")
def notebook():
    return nbformat.read(NOTEBOOK, as_version=4)


def run_cells(notebook, *starts):
    """What the cells define that begin with, or contain, these words."""
    space = {"np": np, "cgan": cgan, "json": json, "shipped": shipped}
    for start in starts:
        (cell,) = [cell for cell in notebook.cells if cell.cell_type == "code" and start in cell.source]
        exec(cell.source, space)
    return space


def test_the_smallest_generator_adds_one_row_of_its_weights(notebook):
    space = run_cells(notebook, "picture = np.concatenate([noise, code]) @ weights", "row_of_class_1 =")
    np.testing.assert_allclose(space["picture"], space["without_the_code"] + space["row_of_class_1"])


def test_the_loss_by_hand_agrees_with_the_library_where_d_is_a_table(notebook):
    from pix2pix_edu.losses import adversarial_loss

    best_loss = run_cells(notebook, 'generators = {"obeys"', "def best_loss")["best_loss"]
    counts_p, counts_q = np.array([[3, 1], [1, 3]]), np.array([[2, 2], [3, 1]])
    answers = cgan.optimal_discriminator(counts_p / 8, counts_q / 8)
    logits = np.log(answers / (1 - answers))
    real, fake = (np.repeat(logits.ravel(), counts.ravel()) for counts in (counts_p, counts_q))
    expected = float(adversarial_loss(real, fake).discriminator)
    assert best_loss(counts_p / 8, counts_q / 8, answers) == pytest.approx(expected, rel=1e-5)


def test_only_with_the_condition_the_loss_rises_with_obedience(notebook):
    losses = run_cells(notebook, 'generators = {"obeys"', "def best_loss")["losses"]
    assert (np.diff(losses[True]) > 0).all()
    np.testing.assert_allclose(losses[False], np.log(2))


def test_the_recorded_numbers_are_read_as_here(notebook):
    recorded = run_cells(notebook, "def recorded")["recorded"]
    assert recorded("image", True) == accuracies("image", True)


def test_an_embedding_is_a_one_hot_code_times_a_table(notebook):
    space = run_cells(notebook, "looked up:")
    codes = cgan.one_hot(space["tokens"], len(cgan.WORDS))
    np.testing.assert_allclose(space["table"][space["tokens"]], codes @ space["table"])


def test_the_printed_solutions_agree_with_the_library():
    space = {"np": np}
    for exercise in (lesson_03.q1, lesson_03.q2, lesson_03.q4):
        exec(exercise.solution_code, space)
    labels = RNG.integers(0, 10, 7)
    np.testing.assert_array_equal(space["one_hot"](labels, 10), cgan.one_hot(labels))
    p, q = (table / table.sum() for table in RNG.uniform(0.1, 1, (2, 3, 4)))
    seeing, blind = space["best_answers"](p, q)
    np.testing.assert_allclose(seeing, cgan.optimal_discriminator(p, q))
    np.testing.assert_allclose(np.tile(blind, (3, 1)), cgan.optimal_discriminator(p, q, sees_condition=False))
    pictures = RNG.uniform(-1, 1, (7, 8, 8, 1))
    planes = space["discriminator_input"](pictures, labels, 10)
    np.testing.assert_array_equal(planes[..., 1:], np.broadcast_to(cgan.one_hot(labels)[:, None, None], (7, 8, 8, 10)))
