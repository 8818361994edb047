"""Lesson 01: right answers that are not the printed ones, and plausible wrong ones with the message they get."""

import random

import numpy as np
import pytest

from pix2pix_edu.exercises.lesson_01 import q1, q2, q3, q4


def rejected(exercise, *answers, seed=0):
    feedback = exercise.grade(*answers, seed=seed)
    assert feedback.kind == "incorrect", feedback
    return feedback.details["likely cause"]


# --- q1: split_side_by_side


def test_other_ways_to_split_are_accepted():
    assert q1.grade(lambda image: np.split(image, 2, axis=1)).kind == "correct"
    assert q1.grade(lambda image: np.array(np.hsplit(image, 2))).kind == "correct"


def halves(image):
    middle = image.shape[1] // 2
    return image[:, :middle], image[:, middle:]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda image: halves(image)[::-1], "A is the left half"),
        (lambda image: np.split(image, 2, axis=0) if len(image) % 2 == 0 else (image, image), "upper half"),
        (lambda image: (image[:, ::2], image[:, 1::2]), "every second column"),
        (lambda image: (image[:, :256], image[:, 256:]), "image.shape[1]"),
        (lambda image: (image, image), "whole picture"),
        (lambda image: (halves(image)[0], halves(image)[0]), "Both parts are the left half"),
        (lambda image: (halves(image)[0], image), "whole picture"),
        (lambda image: (halves(image)[0], image[:, image.shape[1] // 2 + 1 :]), "column in the middle is missing"),
        (lambda image: (halves(image)[0], image[:, image.shape[1] // 2 - 1 :]), "one column too early"),
        (lambda image: (halves(image)[0], halves(image)[1][:, ::-1]), "mirrored"),
        (lambda image: halves(image)[0], "return A, B"),
        (lambda image: (np.zeros_like(half) for half in halves(image)), "Every value is the same"),
    ],
)
def test_wrong_splits_are_rejected_with_the_reason(answer, words):
    assert words in rejected(q1, answer)


# --- q2: to_model_range and to_uint8


def to_range(image):
    return (image.astype(np.float32) - 127.5) / 127.5


def to_bytes(picture):
    return np.rint(np.clip(picture, -1, 1) * 127.5 + 127.5).astype("uint8")


def test_other_formulas_and_float32_are_accepted():
    assert q2.grade(to_range, to_bytes).kind == "correct"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda image: image / 255, "0 to 1"),
        (lambda image: image / 127.5, "subtract 1"),
        (lambda image: image / 255 - 0.5, "twice as wide"),
        (lambda image: image / 128 - 1, "255 wide, not 256"),
        (lambda image: image * 2 / 255 - 1, "wrapped around"),
        (lambda image: (image - 128) / 128, "wrapped around"),
        (lambda image: (image - 127) / 127.5, "wrapped around"),
        (lambda image: 1 - image / 127.5, "sign"),
        (lambda image: (image / 127.5 - 1).astype(np.float16), "float16 is too coarse"),
        (lambda image: image.astype(np.float16) / np.float16(127.5) - np.float16(1), "float16 is too coarse"),
        (lambda image: (image / 255).astype(np.float16), "of the values agree"),
        (lambda image: image, "Nothing has changed"),
        (lambda image: image.shape, "axes"),
        (lambda image: np.zeros(image.shape), "Every value is the same"),
    ],
)
def test_wrong_ranges_are_rejected_with_the_reason(answer, words):
    assert words in rejected(q2, answer, to_bytes)


@pytest.mark.parametrize("seed", range(3))
def test_tensors_of_16_bits_are_too_coarse_and_of_32_bits_are_not(seed):
    import tensorflow as tf

    for dtype in (tf.float16, tf.bfloat16):
        coarse = rejected(q2, lambda image, dtype=dtype: tf.cast(image / 127.5 - 1, dtype), to_bytes, seed=seed)
        assert "float16 is too coarse" in coarse
    assert q2.grade(lambda image: tf.cast(image, tf.float32) / 127.5 - 1, to_bytes, seed=seed).kind == "correct"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda picture: np.clip((picture + 1) * 127.5, 0, 255).astype(np.uint8), "cut off"),
        (lambda picture: np.round((picture + 1) * 127.5).astype(int).astype(np.uint8), "np.clip"),
        (lambda picture: np.clip(np.round((picture + 1) * 127.5), 0, 255), "type is float64"),
        (lambda picture: (picture + 1) * 127.5, "still decimals"),
        (lambda picture: np.clip(np.round(picture * 255), 0, 255).astype(np.uint8), "as 0 to 1"),
        (lambda picture: np.round(picture * 127.5 + 1), "opposite order"),
        (lambda picture: picture, "Nothing has changed"),
        (lambda picture: np.full(picture.shape, 128, np.uint8), "Every value is the same"),
    ],
)
def test_wrong_bytes_are_rejected_with_the_reason(answer, words):
    assert words in rejected(q2, to_range, answer)


def test_a_second_function_that_is_not_written_is_named():
    feedback = q2.grade(to_range, lambda picture: None)
    assert feedback.kind == "not attempted" and "to_uint8" in str(feedback)


# --- q3: jitter_pair


def jitter_both(source, target, size, rng, mirror=0.5, top=None, extra=1):
    """A right answer that stacks both pictures first; its options make it wrong in one place each."""
    both = np.concatenate([source, target], axis=-1)
    rows, columns = both.shape[0] - size, both.shape[1] - size
    top = int(rng.integers(rows + extra)) if top is None else top
    left = int(rng.integers(columns + extra))
    both = both[top : top + size, left : left + size]
    both = np.flip(both, axis=1) if rng.uniform() < mirror else both
    return both[..., : source.shape[-1]], both[..., source.shape[-1] :]


@pytest.mark.parametrize("seed", range(20))
def test_stacking_both_pictures_first_is_accepted_whatever_the_draws(seed):
    assert q3.grade(jitter_both, seed=seed).kind == "correct"


def jitter_one(image, size, rng):
    return jitter_both(image, image, size, rng)[0]


def with_global_random(source, target, size, rng):
    return jitter_both(source, target, size, np.random.default_rng(random.randrange(10**9)))


def resize_instead(source, target, size, rng):
    rows = np.linspace(0, source.shape[0] - 1, size).astype(int)
    columns = np.linspace(0, source.shape[1] - 1, size).astype(int)
    return source[rows][:, columns], target[rows][:, columns]


def flip_with_the_row(source, target, size, rng):
    top, left = rng.integers(source.shape[0] - size + 1), rng.integers(source.shape[1] - size + 1)
    pair = [picture[top : top + size, left : left + size] for picture in (source, target)]
    return [picture[:, ::-1] for picture in pair] if top % 2 else pair


def enlarge(how):
    """What many papers do: both pictures get larger by interpolation, then comes a common window."""

    def answer(source, target, size, rng):
        both = [how(picture, int(size * 1.15) + 1) for picture in (source, target)]
        return jitter_both(*both, size, rng)

    return answer


def by_pillow(method):
    def how(picture, side):
        from PIL import Image

        return np.asarray(Image.fromarray(picture).resize((side, side), method))

    return how


def by_tensorflow(method):
    def how(picture, side):
        import tensorflow as tf

        return tf.image.resize(picture, (side, side), method=method).numpy()

    return how


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(
    "how", [by_pillow(0), by_pillow(2), by_pillow(3), by_tensorflow("bilinear"), by_tensorflow("nearest")]
)
def test_enlarging_first_is_no_window_whatever_the_draws(how, seed):
    assert "do not resize" in rejected(q3, enlarge(how), seed=seed)


def crop_by_tensorflow(source, target, size, rng):
    import tensorflow as tf

    both = tf.image.random_crop(np.concatenate([source, target], axis=-1), (size, size, 6)).numpy()
    both = both[:, ::-1] if rng.random() < 0.5 else both
    return both[..., :3], both[..., 3:]


def coin_of_its_own(source, target, size, rng):
    return jitter_both(source, target, size, rng, mirror=random.randrange(2))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("answer", [with_global_random, crop_by_tensorflow, coin_of_its_own])
def test_other_sources_of_randomness_never_get_through(answer, seed):
    for _ in range(2):
        assert "handed over" in rejected(q3, answer, seed=seed)


@pytest.mark.parametrize("seed", range(3))
def test_a_generator_that_is_seeded_by_rng_is_accepted(seed):
    def answer(source, target, size, rng):
        return jitter_both(source, target, size, np.random.default_rng(rng.integers(10**9)))

    assert q3.grade(answer, seed=seed).kind == "correct"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (flip_with_the_row, "depends on the place"),
        (lambda s, t, size, rng: [part + 0.3 for part in jitter_both(s, t, size, rng)], "not a window"),
        (lambda s, t, size, rng: [np.full((size, size, 3), np.nan)] * 2, "not a window"),
        (lambda s, t, size, rng: (jitter_one(s, size, rng), jitter_one(t, size, rng)), "Draw once"),
        (
            lambda s, t, size, rng: [
                jitter_both(s, t, size, rng, mirror=0)[0],
                jitter_both(s, t, size, rng, mirror=1)[1],
            ],
            "differ in",
        ),
        (lambda s, t, size, rng: jitter_both(s, t, size, rng, mirror=0), "Toss a coin"),
        (lambda s, t, size, rng: jitter_both(s, t, size, rng, mirror=1), "Toss a coin"),
        (lambda s, t, size, rng: jitter_both(s, t, size, rng, mirror=0.1), "Toss a coin"),
        (lambda s, t, size, rng: jitter_both(s, t, size, rng, top=0), "never moves"),
        (lambda s, t, size, rng: jitter_both(s, t, size, rng, extra=0), "leaves out its upper limit"),
        (lambda s, t, size, rng: jitter_both(s, t, size, rng, top=2 * rng.integers(3)), "Some places never occur"),
        (lambda s, t, size, rng: [part[::-1] for part in jitter_both(s, t, size, rng)], "upside down"),
        (lambda s, t, size, rng: [part.swapaxes(0, 1) for part in jitter_both(s, t, size, rng)], "Rows and columns"),
        (lambda s, t, size, rng: jitter_both(s, t, size, rng)[::-1], "swapped"),
        (resize_instead, "do not resize"),
        (lambda s, t, size, rng: (s, t), "Cut `size` rows"),
        (lambda s, t, size, rng: (s[:size], t[:size]), "Cut `size` rows"),
        (lambda s, t, size, rng: [np.zeros((size, size, 3))] * 2, "not a window"),
        (lambda s, t, size, rng: jitter_both(s, t, size, rng)[0], "return source, target"),
        (with_global_random, "handed over"),
    ],
)
def test_wrong_jitters_are_rejected_with_the_reason(answer, words):
    assert words in rejected(q3, answer)


def test_mirroring_one_picture_only_is_told_apart_from_moving_it():
    def mirror_source_only(source, target, size, rng):
        source, target = jitter_both(source, target, size, rng, mirror=0)
        return source[:, ::-1], target

    assert "differ in mirrored" in rejected(q3, mirror_source_only)


def test_a_crop_as_large_as_the_picture_must_work():
    def one_too_few(source, target, size, rng):
        if source.shape[0] == size:
            return jitter_both(source, target, size, rng, extra=0)
        return jitter_both(source, target, size, rng)

    feedback = q3.grade(one_too_few)
    assert feedback.kind == "error" and "ValueError" in feedback.details["error"]


# --- q4: leaked


@pytest.mark.parametrize("answer", [99.97, 100.0, np.int64(99), 100 * (1 - 0.2**5)])
def test_the_exact_value_and_its_rounding_are_accepted(answer):
    assert q4.grade(answer).kind == "correct"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (80, "one other file"),
        (0, "by drawing"),
        (0.9997, "looks like a share"),
        (8, "Most files go to train"),
        (83.3, "five other files"),
        (500, "five other files"),
        ("100", "quotation marks"),
        ([100, 0], "more than one number"),
    ],
)
def test_wrong_predictions_are_rejected_with_the_reason(answer, words):
    assert words in rejected(q4, answer)
