"""Exercises and quiz of lesson 14: other frameworks, several devices, what it costs."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from pix2pix_edu.exercises.compare import Wrong, describe, require, same
from pix2pix_edu.exercises.engine import Function, Value, exercise
from pix2pix_edu.exercises.quiz import Question, Quiz, right, wrong


def _weighted(gradients: list[list[np.ndarray]], weights: np.ndarray) -> list[np.ndarray]:
    """For each variable the sum over the devices, each times its weight."""
    return [sum(weight * device[i] for weight, device in zip(weights, gradients, strict=True)) for i in range(2)]


@exercise(
    hints=[
        "The loss of the whole batch is a mean over all its pairs. A device with more pairs contributes more of them.",
        "So each device's gradient counts with the weight `size / sum(sizes)`.",
        "`zip(*gradients)` goes through the variables: each time it gives that variable's gradient from all devices.",
    ],
    solution="""
        def average_gradients(gradients, sizes):
            total = sum(sizes)
            averages = []
            for of_all_devices in zip(*gradients):
                average = 0
                for gradient, size in zip(of_all_devices, sizes):
                    average = average + gradient * size / total
                averages.append(average)
            return averages
    """,
    why="With equal parts this is the plain mean. A last batch that does not divide evenly is where a plain mean goes "
    "wrong without anybody noticing.",
)
def q1(average_gradients: Function, rng: np.random.Generator) -> None:
    """Write `average_gradients(gradients, sizes)`: from the devices' gradients that of the whole batch.

    `gradients` holds for each device a list of arrays, one for each variable. Each is the gradient of the *mean* loss
    over that device's part of the batch. `sizes` holds how many pairs each device had; they may differ. Give back a
    list with one array for each variable.
    """
    for sizes in ([4, 4], [3, 1], [2, 5, 1]):
        gradients = [[rng.normal(1, 1, (2, 3)), rng.normal(2, 1, 4)] for _ in sizes]
        total = sum(sizes)
        expected = _weighted(gradients, np.array(sizes) / total)
        received = average_gradients([[array.copy() for array in device] for device in gradients], list(sizes))
        checked = f"{len(sizes)} devices with {', '.join(map(str, sizes))} pairs"
        require(
            isinstance(received, (list, tuple))
            and len(received) == 2
            and not any(isinstance(each, (list, tuple)) and len(each) == 2 for each in received),
            checked,
            received=describe(received),
            expected="a list of 2 arrays",
            cause="This gives its values only when it is asked: make a list of it, `list(...)`."
            if isinstance(received, Iterator)
            else "There are two variables, so two averages: one for each variable, not one for each device.",
        )
        mistakes = {
            "These are sums. The loss is a mean, so divide by the number of all pairs.": np.array(sizes, float),
            "The devices' gradients are added up: they have to be averaged.": np.ones(len(sizes)),
            "This is the plain mean over devices. A device that had more pairs must count for more.": np.full(
                len(sizes), 1 / len(sizes)
            ),
            "Only the first device's gradient is left.": np.eye(len(sizes))[0],
            "Only the last device's gradient is left.": np.eye(len(sizes))[-1],
            "Divided by the size where it should be multiplied: a device with more pairs counts for less.": (
                np.array([1 / size for size in sizes]) / sum(1 / size for size in sizes)
            ),
            "It is divided once too often: the weights must add up to 1.": np.array(sizes) / total / len(sizes),
        }
        wrong_answers = {cause: _weighted(gradients, weights) for cause, weights in mistakes.items()}
        for number in range(2):
            same(
                received[number],
                expected[number],
                f"{checked}, variable {number + 1} of 2",
                suspects={cause: arrays[number] for cause, arrays in wrong_answers.items()},
                otherwise="Begin with one variable: multiply each device's gradient by its size, add up, and divide by "
                "the sum of the sizes.",
            )


NORMS = ("none", "instance", "batch", "synchronized")
SAME = {"none", "instance", "synchronized"}


@exercise(
    hints=[
        "Ask of each kind: from how many pictures does it take mean and variance? From which of them, on two devices?",
        "Instance norm treats each picture by itself. A plain batch norm sees what is in *its* part of the batch.",
    ],
    solution="""
        equal = ["none", "instance", "synchronized"]
    """,
    why="Only the plain batch norm looks at other pictures, and on two devices it sees half of them. Synchronised, the "
    "devices exchange their means and variances in every layer, and the half becomes whole again.",
)
def q2(equal: Value) -> None:
    """Which networks learn the same on two devices as on one, from the same batches?

    Set `equal` to a list of those that do, from: "none" (no normalisation), "instance", "batch", "synchronized" (a
    batch norm that takes the mean over all devices).
    """
    if isinstance(equal, str) or not isinstance(equal, (list, tuple, set)):
        raise Wrong("your prediction", received=describe(equal), cause='Give a list, such as ["none", "batch"].')
    chosen = {str(word).strip().lower().replace("synchronised", "synchronized") for word in equal}
    received = describe(sorted(chosen))
    unknown = chosen - set(NORMS)
    require(
        not unknown,
        "your prediction",
        received=received,
        cause=f"These are not among the four: {', '.join(sorted(unknown))}.",
    )
    if chosen == SAME:
        return
    if "batch" in chosen:
        cause = "A plain batch norm on two devices: how many pictures does each of the two see when it takes the mean?"
    elif "instance" not in chosen:
        cause = "Instance norm takes mean and variance of one picture at a time. Does it matter which others are there?"
    elif "none" not in chosen:
        cause = (
            "Where nothing is normalised, no picture knows of another: the gradients are a plain mean over pictures."
        )
    else:
        cause = "Synchronised means that the devices tell each other their means and variances. What is missing then?"
    raise Wrong("your prediction", received=received, cause=cause)


@exercise(
    hints=[
        "In each round a device sends one piece, and a piece has 1/devices of the numbers.",
        "It takes devices - 1 rounds until one device knows the sum of a piece, and as many again to tell all others.",
    ],
    solution="""
        def bytes_sent(numbers, devices, bytes_each):
            rounds = 2 * (devices - 1)
            piece = numbers / devices
            return rounds * piece * bytes_each
    """,
    why="With two devices each sends the gradients once; with very many, nearly twice. The number of devices hardly "
    "matters: that is why the ring is used.",
)
def q3(bytes_sent: Function, rng: np.random.Generator) -> None:
    """Write `bytes_sent(numbers, devices, bytes_each)`: what one device sends in a ring all-reduce.

    Each device holds `numbers` numbers of `bytes_each` bytes. They are cut into as many pieces as there are `devices`.
    """
    for devices in (4, 8, 2, 1):
        numbers, each = devices * int(rng.integers(50, 90)), int(rng.choice([2, 4]))
        whole = numbers * each
        same(
            bytes_sent(numbers, devices, each),
            2 * (devices - 1) / devices * whole,
            f"{numbers} numbers of {each} bytes, {devices} device{'s' if devices > 1 else ''}",
            tolerance=1e-9,
            suspects={
                "One device has nobody to tell anything: 0 bytes.": whole if devices == 1 else -1,
                "That is only the first half, in which the sums come about. Afterwards they go round once more.": (
                    (devices - 1) / devices * whole
                ),
                "That is what all devices together send. How much is it for one?": 2 * (devices - 1) * whole,
                "A device sends devices - 1 times in each half, not `devices` times: its own piece is there.": 2
                * whole,
                "In each round only a piece travels, 1/devices of the numbers, not all of them.": (devices - 1) * whole,
                "These are numbers, not bytes: multiply by `bytes_each`.": 2 * (devices - 1) / devices * numbers,
                "These are bits: a byte is a byte here.": 16 * (devices - 1) / devices * whole,
            },
            otherwise="Rounds times the size of a piece: take 4 devices and count on paper.",
        )


@exercise(
    hints=[
        "How many pairs do all devices together learn from in one step?",
        "steps = pairs // (batch * devices). Every step takes computing plus communicating, on all devices at once.",
        "There are 3,600 seconds in an hour.",
    ],
    solution="""
        def hours_for_one_pass(pairs, batch, devices, computing, communicating):
            steps = pairs // (batch * devices)
            return steps * (computing + communicating) / 3600
    """,
    why="Devices divide the number of steps, and each step becomes longer by the talking. The rest is the product that "
    "you knew from lesson 08.",
)
def q4(hours_for_one_pass: Function, rng: np.random.Generator) -> None:
    """Write `hours_for_one_pass(pairs, batch, devices, computing, communicating)`: one pass over the data, in hours.

    `batch` is what each device gets in a step. `computing` and `communicating` are seconds, one after the other. An
    incomplete last batch is left out.
    """
    large = [(int(rng.integers(900_000, 1_100_000)), int(rng.integers(2, 6)), devices) for devices in (1, 4, 16)]
    for pairs, batch, devices in (*large, (11, 4, 1)):  # 11 pairs are 2.75 batches: here the incomplete one counts
        computing, talking = round(rng.uniform(0.05, 0.2), 3), round(rng.uniform(0.3, 0.6), 3)
        steps, step = pairs // (batch * devices), computing + talking
        same(
            hours_for_one_pass(pairs, batch, devices, computing, talking),
            steps * step / 3600,
            f"{pairs:,} pairs, batch {batch}, {devices} device(s), {computing} s and {talking} s",
            tolerance=1e-4,
            suspects={
                "These are seconds; an hour has 3,600 of them.": steps * step,
                "These are minutes; an hour has 60 of them.": steps * step / 60,
                "Communicating is missing: it comes on top, in every step.": steps * computing / 3600,
                "Computing is missing.": steps * talking / 3600,
                "All devices learn in one step: it uses batch * devices pairs.": pairs // batch * step / 3600,
                "In one step each device learns from `batch` pairs, not from one.": pairs // devices * step / 3600,
                "The incomplete last batch is left out: round the number of steps down, with `//`.": (
                    pairs / (batch * devices) * step / 3600
                ),
                "The number of steps is rounded up. The incomplete last batch is left out: round down, with `//`.": (
                    np.ceil(pairs / (batch * devices)) * step / 3600
                ),
                "Python goes from left to right, so it multiplies by the devices: (batch * devices) needs brackets.": (
                    pairs // batch * devices * step / 3600
                ),
                "Both times belong in brackets: steps * (computing + communicating) / 3600.": (
                    steps * computing + talking / 3600
                ),
                "The devices divide the number of steps already: computing does not get shorter as well.": (
                    steps * (computing / devices + talking) / 3600
                ),
                "The devices divide the number of steps already: the time of a step is not divided again.": (
                    steps * step / devices / 3600
                ),
                "They compute at the same time: do not multiply by the devices.": (
                    steps * (computing * devices + talking) / 3600
                ),
            },
            otherwise="First the number of steps, then what one step takes.",
        )


quiz = Quiz(
    "Lesson 14",
    [
        Question(
            "Two devices have computed the gradients of their halves of a batch. What now?",
            right(
                "Both take the mean and make the same step.",
                "The mean of the halves' gradients is the gradient of the whole, and the weights stay the same.",
            ),
            wrong(
                "Each makes its own step, and the weights are averaged at the end of the epoch.",
                "That is another method, with other results: after one step of Adam the two already differ.",
            ),
            wrong(
                "Both take the sum and make the same step.",
                "The loss is a mean over pairs. The sum would be a gradient twice as long.",
            ),
        ),
        Question(
            "Why does a plain batch norm make two devices differ from one?",
            wrong(
                "Roundings: sums come out differently in another order.",
                "Those are there as well, a millionth or so. Batch norm's difference is thousands of times larger.",
            ),
            wrong(
                "Each device has weights of its own for it.",
                "Its scale and shift are averaged like all weights. It is what it measures that differs.",
            ),
            right(
                "Each device takes mean and variance of its part only.",
                "Half a batch has another mean than the whole, so every later layer sees other numbers.",
            ),
        ),
        Question(
            "One of eight hosts loses its power in the middle of epoch 12. What happens?",
            wrong(
                "The other seven go on with seven eighths of the batch.",
                "Every step waits for the gradients of all eight. Some systems can regroup; this one ends and says so.",
            ),
            right(
                "All end. Started again, they go on after epoch 11.",
                "A step needs everybody, so it is all or nothing. What protects the work is the checkpoint.",
            ),
            wrong(
                "Nothing, if host 0 is still alive.",
                "Host 0 writes the files, but its steps need the gradients of the others too.",
            ),
        ),
        Question(
            "You train on 8 devices instead of one, with the same batch on each. What changes in an epoch?",
            right(
                "There are an eighth as many steps, each from 8 times as many pairs.",
                "So compare by what the model has learnt, not by epochs: it has moved an eighth as often.",
            ),
            wrong(
                "Nothing but the time.",
                "That holds if the batch in all stays the same, so an eighth of it on each device.",
            ),
            wrong(
                "Each pair is seen eight times.",
                "The pairs are dealt out: each device gets others, and an epoch still shows each pair once.",
            ),
        ),
        Question(
            "A model that was trained at batch size 1 is exported for a phone. What must not get lost?",
            wrong(
                "Its optimizer, or it cannot go on.",
                "A phone only translates. The optimizer is three quarters of a checkpoint, and nothing of the picture.",
            ),
            wrong(
                "Its moving averages, or it translates differently from before.",
                "Those are what a plain export uses, and here they are the trap: this model translates without them.",
            ),
            right(
                "That it normalises with the statistics of the picture itself.",
                "With moving averages the file runs without any error, and draws other pictures.",
            ),
        ),
    ],
)
