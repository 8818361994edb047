"""Exercises and quiz of lesson 03: the conditional GAN."""

from __future__ import annotations

import numpy as np

from pix2pix_edu.exercises.compare import Wrong, as_numbers, describe, number, parts, same
from pix2pix_edu.exercises.engine import Function, Value, exercise
from pix2pix_edu.exercises.quiz import Question, Quiz, right, wrong


@exercise(
    hints=[
        "Begin with zeros: `np.zeros((len(labels), classes))`. Then one entry of each row becomes 1.",
        "`codes[np.arange(len(labels)), labels] = 1` sets one entry in each row. Or take rows of `np.eye(classes)`.",
    ],
    solution="""
        def one_hot(labels, classes):
            codes = np.zeros((len(labels), classes))
            codes[np.arange(len(labels)), labels] = 1
            return codes
    """,
    why="All codes are equally far from each other, so the network is not told that an 8 is 'between' 7 and 9.",
)
def q1(one_hot: Function, rng: np.random.Generator) -> None:
    """Write `one_hot(labels, classes)`: each label becomes a row with a 1 at the place of the label, and 0 elsewhere.

    `labels` are whole numbers from 0 to classes - 1, shape (N,). Return an array of shape (N, classes).
    """
    for count, classes, last in ((6, 10, 8), (9, 4, 3), (3, 12, 10), (5, 5, 4)):  # a batch may lack the last class
        labels = np.append(rng.integers(0, last + 1, count - 1), last)
        expected = np.eye(classes)[labels]
        suspects = {
            "The labels themselves came back.": labels,
            "Rows are for the pictures and columns for the classes; here it is the other way round.": expected.T,
            "The 1 stands one place too far to the right: the first class is 0, at place 0.": np.roll(expected, 1, 1),
            "The 1 stands one place too far to the left: the first class is 0, at place 0.": np.roll(expected, -1, 1),
            "0 and 1 are exchanged.": 1 - expected,
            "The label itself stands in its place. It should be 1, whatever the label is.": expected * labels[:, None],
            "Every row has all labels set: pair each row with its own label.": np.tile(
                expected.max(axis=0), (count, 1)
            ),
        }
        checked = f"labels {labels.tolist()} of {classes} classes"
        codes = as_numbers(one_hot(labels, classes), checked)
        if codes.shape == (count, last + 1) != expected.shape:
            cause = "The width follows from the largest label in this batch. Take it from `classes`."
            raise Wrong(checked, received=describe(codes), expected=f"shape ({count}, {classes})", cause=cause)
        if codes.shape == (classes, classes) != expected.shape:
            cause = "This is one row for each class. Pick the rows of the labels: `np.eye(classes)[labels]`."
            raise Wrong(checked, received=describe(codes), expected=f"shape ({count}, {classes})", cause=cause)
        same(codes, expected, checked, suspects=suspects)


@exercise(
    hints=[
        "The first table is one line: NumPy divides tables entry by entry.",
        "Without the condition only the picture is left: add up over the conditions, `p.sum(axis=0)`.",
    ],
    solution="""
        def best_answers(p, q):
            with_condition = p / (p + q)
            p_of_y, q_of_y = p.sum(axis=0), q.sum(axis=0)
            without_condition = p_of_y / (p_of_y + q_of_y)
            return with_condition, without_condition
    """,
    why="A discriminator that does not see x judges by sums over x. Whatever happens inside these sums, it cannot see.",
)
def q2(best_answers: Function, rng: np.random.Generator) -> None:
    """Write `best_answers(p, q)`: the best discriminator's answers with the condition, and without it.

    `p` and `q` are tables with a row for each condition x and a column for each picture y: how often the pair (x, y)
    occurs in the data, and from the generator. Return a table of the shape of `p`, and a vector with one answer for
    each picture y.
    """
    for shape in ((2, 2), (3, 5), (4, 2)):
        p, q = (table / table.sum() for table in rng.uniform(0.1, 1.0, (2, *shape)))
        checked = f"tables of {shape[0]} conditions and {shape[1]} pictures"
        result = best_answers(p, q)
        if isinstance(result, np.ndarray) and result.shape == shape:  # two rows would pass for two answers
            cause = "Only one table came back. End with `return with_condition, without_condition`."
            raise Wrong(checked, received=describe(result), expected="a table and a vector", cause=cause)
        seeing, blind = parts(result, ("with_condition", "without_condition"), checked)
        p_y, q_y, p_x, q_x = p.sum(axis=0), q.sum(axis=0), p.sum(axis=1), q.sum(axis=1)
        suspects = {
            "This is the answer to 'how likely is it generated?'. 1 should mean real: p on top.": q / (p + q),
            "This is p / q. Divide by the sum of both, so that it lies between 0 and 1.": p / q,
            "This is the vector without the condition: is the order of the two exchanged?": p_y / (p_y + q_y),
            "p itself came back.": p,
        }
        same(seeing, p / (p + q), f"the answers with the condition, {checked}", suspects=suspects)
        suspects = {
            "This sums over the pictures. The condition is hidden: sum over the rows (axis=0).": p_x / (p_x + q_x),
            "This averages the answers. First sum p and q over the conditions, then divide.": (p / (p + q)).mean(
                axis=0
            ),
            "This sums the answers. First sum p and q over the conditions, then divide.": (p / (p + q)).sum(axis=0),
            "This is the answer to 'how likely is it generated?'. 1 should mean real: p on top.": q_y / (p_y + q_y),
            "This still uses the condition: it is the first table again.": p / (p + q),
            "This is p / q. Divide by the sum of both, so that it lies between 0 and 1.": p_y / q_y,
            "This is one answer for all pictures. Pictures can still be told apart: one answer for each.": 0.5,
        }
        same(blind, p_y / (p_y + q_y), f"the answers without the condition, {checked}", suspects=suspects)


@exercise(
    hints=[
        "What does this discriminator punish: a bad digit, a digit that was not asked for, or both?",
        "If the generator pays no attention to the label, how often does it draw the right one of ten digits by luck?",
    ],
    solution="blind_accuracy = 10    # one of ten digits, by luck",
    why="The generator still gets the label, but nothing rewards it for obeying.",
)
def q3(blind_accuracy: Value) -> None:
    """The label is taken away from the discriminator; the generator still gets it.

    In how many percent of its pictures will the reader find the digit that was asked for? Set `blind_accuracy` to your
    prediction.
    """
    percent = number(blind_accuracy, "your prediction")
    if 8 <= percent <= 15:
        return
    cause = "Nothing in this game rewards the right digit: what is left is luck. How many digits are there?"
    if percent == 0:
        cause = "It has no reason to avoid the right digit either. How often is it right by luck?"
    elif 0 < percent < 1:
        cause = "This looks like a share. How many percent?"
    elif percent < 0 or percent > 100:
        cause = "A percentage lies between 0 and 100."
    elif percent >= 80:
        cause = "The generator gets the label, but who would notice if it did not use it?"
    elif percent == 50:
        cause = "One half would be luck with two digits. There are ten."
    raise Wrong("your prediction", received=describe(percent), cause=cause)


@exercise(
    hints=[
        "A plane is a picture with one channel. There is one plane for each class: shape (N, height, width, classes).",
        "Begin with zeros. For picture number i the whole plane `planes[i, :, :, labels[i]]` becomes 1.",
        "Then lay both behind each other along the channels: `np.concatenate([pictures, planes], axis=-1)`.",
    ],
    solution="""
        def discriminator_input(pictures, labels, classes):
            count, height, width, channels = pictures.shape
            planes = np.zeros((count, height, width, classes), pictures.dtype)
            for i, label in enumerate(labels):
                planes[i, :, :, label] = 1
            return np.concatenate([pictures, planes], axis=-1)
    """,
    why="Now every pixel knows the label, and so does every patch that a PatchGAN looks at. In pix2pix the condition "
    "is a picture already, so its channels are simply laid beside those of the picture.",
)
def q4(discriminator_input: Function, rng: np.random.Generator) -> None:
    """Write `discriminator_input(pictures, labels, classes)`: a label as image planes, behind the picture's channels.

    `pictures` has the shape (N, height, width, channels), `labels` are whole numbers, shape (N,). Add `classes`
    channels to each picture: the channel of its label is 1 everywhere, the others are 0 everywhere. The picture's own
    channels come first.
    """
    for count, height, width, channels, classes in ((3, 4, 6, 1, 5), (5, 5, 3, 3, 10), (1, 2, 2, 2, 3)):
        pictures = rng.uniform(-1, 1, (count, height, width, channels)).astype("float32")
        labels = rng.integers(0, classes, count)
        labels[0] = classes - 1  # so that it differs from 0 and from the places of the other axes
        planes = np.zeros((count, height, width, classes), "float32")
        planes[np.arange(count), :, :, labels] = 1
        value = np.broadcast_to(labels[:, None, None, None], (count, height, width, 1)).astype("float32")
        corner = np.zeros_like(planes)
        corner[np.arange(count), 0, 0, labels] = 1
        checked = f"{count} picture(s) of {height} x {width} pixels and {channels} channel(s), {classes} classes"
        suspects = {
            "The pictures came back without any planes.": pictures,
            "The planes are right, but the pictures are missing: concatenate both.": planes,
            "The planes come first. Put the picture's own channels in front.": np.concatenate([planes, pictures], -1),
            "This is one plane that holds the label as a number. One plane for each class is asked for.": (
                np.concatenate([pictures, value], -1)
            ),
            "Only one pixel of the plane is 1. Fill all of it.": np.concatenate([pictures, corner], -1),
            "0 and 1 are exchanged in the planes.": np.concatenate([pictures, 1 - planes], -1),
            "The planes lie from -1 to 1. They should be 0 and 1.": np.concatenate([pictures, 2 * planes - 1], -1),
            "All planes are 1, whatever the label is.": np.concatenate([pictures, np.ones_like(planes)], -1),
            "All planes are 0: none has been filled.": np.concatenate([pictures, np.zeros_like(planes)], -1),
            "Every picture got the label of the first one.": np.concatenate(
                [pictures, np.broadcast_to(planes[:1], planes.shape)], -1
            ),
            "Every picture got the label of the last one.": np.concatenate(
                [pictures, np.broadcast_to(planes[-1:], planes.shape)], -1
            ),
            "Each plane is for the next class: the first class is 0.": np.concatenate(
                [pictures, np.roll(planes, 1, -1)], -1
            ),
        }
        received = as_numbers(discriminator_input(pictures, labels, classes), checked)
        wanted = np.concatenate([pictures, planes], -1)
        if received.ndim == 4 and received.shape == (count, height, width + classes, channels):
            cause = "The planes lie beside the picture. They are channels: concatenate along the last axis."
            raise Wrong(checked, received=describe(received), expected=f"shape {wanted.shape}", cause=cause)
        same(received, wanted, checked, suspects=suspects)


quiz = Quiz(
    "Lesson 03",
    [
        Question(
            "What does a conditional GAN have that a plain GAN has not?",
            wrong(
                "A third network that checks the condition.",
                "There are still two. The discriminator itself judges whether picture and condition belong together.",
            ),
            wrong(
                "A loss that compares each picture with the right answer.",
                "That would be L1, which pix2pix adds. The conditional GAN itself only asks: real or generated?",
            ),
            right(
                "An additional input, which says what to draw.",
                "Both networks get it: the generator to obey, the discriminator to see whether it did.",
            ),
        ),
        Question(
            "The generator gets the label, the discriminator does not. What will be drawn?",
            right(
                "Real-looking digits, whatever was asked for.",
                "Judged one by one they pass for real, and nobody checks which digit was wanted.",
            ),
            wrong(
                "Nothing but noise.",
                "The discriminator still knows what digits look like, and teaches it.",
            ),
            wrong(
                "The right digits, only less sharp.",
                "Sharpness is what this discriminator does check. The label is what it cannot check.",
            ),
        ),
        Question(
            "Why one-hot codes, and not the label itself as one number from 0 to 9?",
            wrong(
                "Networks can only work with zeros and ones.",
                "They work with any numbers. The pixels are no zeros and ones either.",
            ),
            right(
                "As numbers, 7 and 8 would be neighbours, and 0 and 9 far apart.",
                "The shapes of the digits know nothing of that order. One-hot codes are all equally far apart.",
            ),
            wrong(
                "It saves memory.",
                "It takes ten numbers in place of one.",
            ),
        ),
        Question(
            "A red seven was never shown in training. How can a model draw one all the same?",
            wrong(
                "It looks for the nearest picture in the training set and colours it.",
                "The generator keeps no pictures. All it has are its weights.",
            ),
            wrong(
                "By luck: the noise happened to fit.",
                "The shipped model draws one with almost any noise, and models of other seeds with most noises.",
            ),
            right(
                "It learnt the words one by one, from other red digits and other sevens.",
                "Red changed the ink of every digit it came with, and may do so for this one. Nothing enforces it.",
            ),
        ),
        Question(
            "In pix2pix the condition is a picture. How does its discriminator see it?",
            right(
                "As further channels beside those of the picture to be judged.",
                "Source and picture have the same height and width, so they fit on each other, pixel by pixel.",
            ),
            wrong(
                "As a one-hot vector with a place for each possible picture.",
                "There are far too many possible pictures to number them.",
            ),
            wrong(
                "Not at all: only the generator gets it.",
                "That is the variant that the paper calls GAN, without the c. Its pictures need not fit the source.",
            ),
        ),
    ],
)
