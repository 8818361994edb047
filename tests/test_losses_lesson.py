"""Lesson 06: what the notebook writes by hand is what the library computes, and what its prose says is measured.

The losses themselves are proved in test_losses.py.
"""

from __future__ import annotations

import matplotlib
import numpy as np
import pytest

import pix2pix_edu as p2p
from pix2pix_edu import gan
from pix2pix_edu.evaluation import where_it_landed
from pix2pix_edu.exercises.lesson_06 import q2, q3, q4
from pix2pix_edu.gallery import load_gallery
from pix2pix_edu.losses import KINDS
from pix2pix_edu.widgets.ambiguity_explorer import adversarial_price
from pix2pix_edu.widgets.loss_explorer import RULES
from tools.notebooks import definitions

matplotlib.use("Agg")
TONES = np.array(
    [[252, 234, 43], [250, 220, 188], [222, 187, 144], [193, 154, 101], [165, 121, 57], [106, 70, 47]], np.uint8
)


@pytest.fixture(scope="module")
def notebook():
    names = definitions("06_losses")
    names["TONES"] = TONES  # computed in a cell, and used by the functions
    return names


@pytest.fixture(scope="module")
def gallery():
    return load_gallery("losses")


@pytest.fixture(scope="module")
def variants():
    return {one.name: one for one in p2p.load_pairs("emoji", image_size=32).variants if len(one.targets) == 6}


def test_the_naive_loss_is_right_until_it_overflows(notebook):
    for logit in (-30.0, -2.0, 0.0, 5.0):
        assert notebook["naive"](logit) == pytest.approx(np.logaddexp(0, -logit))
    assert np.isinf(notebook["naive"](-1000.0))


@pytest.mark.parametrize("kind", KINDS)
def test_the_curves_of_lesson_02_are_the_losses_of_pix2pix(kind):
    """The figures and the widget take their curves from `gan.LOSSES`; training takes `losses.KINDS`."""
    logits = np.random.default_rng(0).normal(0, 3, (2, 5, 5, 1)).astype("float32")
    for part in ("real", "fake", "generator"):
        by_curve = getattr(gan.LOSSES[RULES[kind]], part).value(logits).mean()
        assert float(getattr(KINDS[kind], part)(logits)) == pytest.approx(float(by_curve), rel=1e-5, abs=1e-6)


def test_the_notebooks_figure_shows_losses_and_slopes_of_each_kind(notebook):
    figure = notebook["plot_kinds"](
        {"bce": gan.LOSSES["non-saturating"], "a": gan.LOSSES["lsgan"], "b": gan.LOSSES["hinge"]}
    )
    assert len(figure.axes) == 6 and figure.alt
    for axis, kind in zip(figure.axes[:3], ("non-saturating", "lsgan", "hinge"), strict=True):
        x, y = axis.lines[2].get_data()
        np.testing.assert_allclose(y, gan.LOSSES[kind].generator.value(x))


@pytest.mark.parametrize("blur", [3.0, 4.0, 10.0])
def test_the_notebooks_price_is_the_librarys(notebook, blur):
    answers = np.array([10.0, 60.0, 62.0, 200.0])
    values = [10, 35, 61, 205]
    by_hand = [notebook["price"](value, answers, blur) for value in values]
    np.testing.assert_allclose(adversarial_price(np.array(values), answers, blur), by_hand, rtol=1e-3)


def test_the_notebooks_pulls_are_gradients_at_the_picture(notebook):
    rng = np.random.default_rng(0)
    model = p2p.Pix2Pix(p2p.generator_model(32, 2, seed=0), p2p.discriminator_model(32, 2, receptive_field=34, seed=0))
    sources, targets = rng.uniform(-1, 1, (2, 3, 32, 32, 3)).astype("float32")
    game, distance = notebook["pulls"](model, sources, targets)
    assert distance == pytest.approx(1 / np.sqrt(sources.size), rel=1e-4), "n values of 1/n"
    assert q3.grade(lambda gradient, fake, target: np.linalg.norm(gradient) * np.sqrt(fake.size)).kind == "correct"
    assert game > 0 and np.isfinite(game)


def test_the_tones_of_the_notebook_are_in_the_data(notebook, variants):
    arm = variants["flexed biceps"]
    np.testing.assert_array_equal(arm.targets[:, 9, 8], TONES)
    here = notebook["skin"](arm.targets)
    assert here.sum() == 151
    for number in range(6):
        assert (arm.targets[number][here] == TONES[number]).all()


def test_the_mean_of_the_tones_is_nearly_a_tone_and_a_median_as_well():
    """What the lesson calls a surprise."""
    landed = where_it_landed(TONES.mean(axis=0).round().astype("uint8")[None, None], TONES[:, None, None])
    assert landed["median"] == 0 and landed["nearest"] < 8 and landed["which"] == 3
    assert landed["apart"] > 4 * landed["nearest"]


def test_distances_of_the_notebook_are_those_of_the_library(notebook):
    found = notebook["distances"](np.array([[252.0, 234, 43], [198, 164, 97]]))
    assert found["nearest"][0] == 0 and found["which"].tolist() == [0, 3] and found["mean"][1] < 1


def test_skin_colours_come_from_the_right_drawings(notebook, gallery):
    """A generator that copied the third answer would be found at the third tone."""

    class Copies:
        variants = gallery.variants
        about = gallery.about

        @staticmethod
        def pictures(name):
            blank = np.zeros((gallery.about["shown"]["plain"], 32, 32, 3), np.uint8)
            return np.concatenate([blank, [one.targets[2] for one in gallery.variants]])

    notebook.update(
        gallery=Copies,
        plain=gallery.about["shown"]["plain"],
        with_skin=[number for number, one in enumerate(gallery.variants) if notebook["skin"](one.targets).sum() >= 6],
    )
    colours = notebook["skin_colours"]("copies")
    assert len(colours) == 42
    np.testing.assert_array_equal(colours, np.broadcast_to(TONES[2], (42, 3)))
    assert len(notebook["plot_plane"]({"copies": colours, "again": colours}).axes) == 2


def test_the_prediction_that_is_called_right_is_what_was_measured(notebook, gallery):
    with_skin = [number for number, one in enumerate(gallery.variants) if notebook["skin"](one.targets).sum() >= 6]
    notebook.update(gallery=gallery, plain=gallery.about["shown"]["plain"], with_skin=with_skin)
    models = {"l1": "l1", "l2": "l2", "l1+cgan": "bce-conditional-100"}
    spread = {name: notebook["skin_colours"](model).std(axis=0).mean() for name, model in models.items()}
    assert q4.grade(max(spread, key=spread.get)).kind == "correct"


def test_no_picture_beats_the_median_and_the_mean_of_six_answers(variants):
    answers = variants["flexed biceps"].targets.astype(float)
    namespace = {"np": np}
    exec(q2.solution_code, namespace)
    for_l1, for_l2 = namespace["best_pictures"](answers)
    rng = np.random.default_rng(0)
    for _ in range(20):
        other = answers.mean(axis=0) + rng.normal(0, 20, answers.shape[1:])
        assert np.abs(answers - other).mean() > np.abs(answers - for_l1).mean()
        assert ((answers - other) ** 2).mean() > ((answers - for_l2) ** 2).mean()
