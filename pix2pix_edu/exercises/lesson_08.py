"""Exercises and quiz of lesson 08: a full training run."""

from __future__ import annotations

import numpy as np

from pix2pix_edu.exercises.compare import Wrong, describe, number, same
from pix2pix_edu.exercises.engine import Function, Value, exercise
from pix2pix_edu.exercises.quiz import Question, Quiz, right, wrong


@exercise(
    hints=[
        "How many steps does one epoch have? Each step uses `batch_size` pictures.",
        "Steps divided by steps per second are seconds. An hour has 3,600 of them.",
    ],
    solution="""
        def training_hours(images, epochs, batch_size, steps_per_second):
            steps = images / batch_size * epochs
            return steps / steps_per_second / 3600
    """,
    why="The paper's facades run: 400 images, 200 epochs, batch size 1, so 80,000 steps. It took under two hours on a "
    "Pascal Titan X: more than 11 steps per second.",
)
def q1(training_hours: Function, rng: np.random.Generator) -> None:
    """Write `training_hours(images, epochs, batch_size, steps_per_second)`: how long a run will take, in hours.

    Then measure twenty steps, and you know in a minute whether to wait or to go to bed.
    """
    for batch_size in (1, 4, 10):
        images = batch_size * int(rng.integers(200, 2000))
        epochs, speed = int(rng.integers(15, 200)), float(rng.uniform(2, 30))
        steps = images / batch_size * epochs
        same(
            training_hours(images, epochs, batch_size, speed),
            steps / speed / 3600,
            f"{images:,} images, {epochs} epochs, batch size {batch_size}, {speed:.1f} steps per second",
            tolerance=0.01,
            suspects={
                "These are seconds: divide by 3,600.": steps / speed,
                "These are minutes: divide by 60 once more.": steps / speed / 60,
                "The batch size is missing: a step uses `batch_size` images at once.": images * epochs / speed / 3600,
                "Larger batches mean fewer steps: divide by the batch size.": images
                * batch_size
                * epochs
                / speed
                / 3600,
                "That is a single epoch.": images / batch_size / speed / 3600,
                "A faster machine would take longer: divide by the speed.": steps * speed / 3600,
                "That is the number of steps. How long do they take?": steps,
            },
            otherwise="Steps = images / batch_size * epochs. Then from steps to seconds, and from seconds to hours.",
        )


HIGHER_IS_BETTER = {"val_ssim": True, "val_psnr": True, "val_l1": False}


@exercise(
    hints=[
        "NumPy has `np.nanargmax` and `np.nanargmin`: they pass over NaN.",
        "They count from 0, epochs from 1. And which of the two is right depends on `monitor`.",
    ],
    solution="""
        def best_epoch(history, monitor):
            values = np.array(history[monitor])
            if monitor == "val_l1":
                return int(np.nanargmin(values)) + 1
            return int(np.nanargmax(values)) + 1
    """,
    why="The best checkpoint is chosen on the validation pairs. A distance should be low, a similarity high. NaN "
    "is neither, but np.argmax would pick it.",
)
def q2(best_epoch: Function, rng: np.random.Generator) -> None:
    """Write `best_epoch(history, monitor)`: the number of the best epoch, the first one being 1.

    `history` maps names to lists with a value for each epoch. `val_ssim` and `val_psnr` are better when high, `val_l1`
    when low. An epoch whose value is NaN is never the best.
    """
    for monitor, starts_broken in (("val_ssim", True), ("val_l1", True), ("val_psnr", False), ("val_l1", False)):
        history = _recorded_history(rng, starts_broken)
        values = np.array(history[monitor])
        highest, lowest = int(np.nanargmax(values)) + 1, int(np.nanargmin(values)) + 1
        best, worst = (highest, lowest) if HIGHER_IS_BETTER[monitor] else (lowest, highest)
        broken = int(np.flatnonzero(np.isnan(values))[0]) + 1
        moved = best - int(np.isnan(values[:best]).sum())
        same(
            best_epoch(history, monitor),
            best,
            f"{len(values)} epochs, monitor {monitor!r}",
            suspects={
                "Epochs count from 1, indices from 0: add 1.": best - 1,
                "That is the worst epoch. Is this one better when it is high, or when it is low?": worst,
                "In that epoch the value is NaN. np.argmax takes NaN for the largest value of all, and max keeps a NaN "
                "that comes first.": broken,
                "That is the place of NaN counted from 0. np.argmax takes NaN for the largest value.": broken - 1,
                "Leaving out the NaN epochs moves all later ones up.": moved,
                "Leaving out the NaN epochs moves all later ones up. And indices count from 0: add 1.": moved - 1,
                "That is the last epoch; it need not be the best.": len(values),
                "That looks at the training loss. Use the values of `monitor`.": int(np.argmin(history["l1"])) + 1,
                "That is the value. The number of its epoch is asked for.": values[best - 1],
            },
            otherwise="Look up `history[monitor]`, and find where its best value is.",
        )


def _recorded_history(rng: np.random.Generator, starts_broken: bool, epochs: int = 16) -> dict[str, list[float]]:
    """A history in which every mistake that we foresee picks another epoch.

    If it `starts_broken`, the first epoch is NaN, and so is another one before the best.
    """
    while True:
        places = rng.permutation(epochs - 1) + 1  # the last epoch, and with it counting from the end, stays ordinary
        high, low, broken, training, second = (int(place) for place in places[:5])
        if starts_broken:
            broken = 1
        told_apart = [high, low, broken, training, high - 1, low - 1, broken - 1, epochs]
        if starts_broken:  # without these two, the best epoch is counted two too low
            told_apart += [second, high - 2, low - 2, high - 3, low - 3]
        if len(set(told_apart)) == len(told_apart) and (second < min(high, low) or not starts_broken):
            break
    history: dict[str, list[float]] = {}
    for name, (floor, ceiling) in {"val_ssim": (0.6, 0.9), "val_psnr": (14.0, 21.0), "val_l1": (0.05, 0.2)}.items():
        values = rng.uniform(floor, ceiling, epochs)
        values[high - 1], values[low - 1], values[broken - 1] = ceiling + 0.01, floor - 0.01, np.nan
        if starts_broken:
            values[second - 1] = np.nan
        history[name] = values.tolist()
    losses = rng.uniform(0.1, 0.3, epochs)
    losses[training - 1] = 0.02
    return {"epoch": list(range(1, epochs + 1)), "l1": losses.tolist(), **history}


@exercise(
    hints=[
        "Which bfloat16 numbers lie next to 1? There are 7 bits behind the point, so the next one is 1 + 1/128.",
        "1.001 lies between 1 and 1.0078. Which of the two is nearer? And from where does the second addition start?",
    ],
    solution="after = 1.0    # each sum is rounded back to 1",
    why="The next number after 1 is 1.0078, so 1.001 is rounded to 1, a thousand times over. This is why weights stay "
    "in float32 and only the arithmetic between them is done in half precision.",
)
def q3(after: Value) -> None:
    """Set `after` to what a bfloat16 weight of 1 has become after 1,000 additions of 0.001.

    After each addition the sum is rounded to the nearest bfloat16 number.
    """
    value = number(after, "your prediction")
    if value == 1:
        return
    causes = {
        2.0: "That is what float32 gives, nearly. In bfloat16 each sum is rounded before the next addition.",
        1.001: "That is not a bfloat16 number: near 1 they lie 1/128 = 0.0078 apart.",
        1.0078125: "That is the next number after 1. But 1.001 is nearer to 1 than to it, so the sum falls back.",
        0.0: "The weight does not vanish: what is lost is the small number, not the large one.",
        0.001: "The weight does not vanish: what is lost is the small number, not the large one.",
    }
    near = [cause for wrong, cause in causes.items() if abs(value - wrong) < 5e-4]
    cause = near[0] if near else "What is the bfloat16 number nearest to 1 + 0.001? Begin with one single addition."
    raise Wrong("your prediction", received=describe(value), cause=cause)


@exercise(
    hints=[
        "Go through the layers once, and add up two things: the parameters, and `size * size * channels`, which is how "
        "many numbers the layer hands on for one picture.",
        "Each parameter is kept four times: the weight, its gradient, and two averages of Adam. Each handed-on number "
        "is kept once for each picture of the batch.",
        "`return 4 * (4 * parameters + batch_size * activations)`: the first 4 is bytes per number.",
    ],
    solution="""
        def training_bytes(layers, batch_size):
            parameters, activations = 0, 0
            for size, channels, count in layers:
                parameters += count
                activations += size * size * channels
            kept_for_weights = 4 * parameters
            kept_for_the_way_back = batch_size * activations
            return 4 * (kept_for_weights + kept_for_the_way_back)
    """,
    why="Two parts that behave differently: the first grows with the filters and knows no batch, the second grows with "
    "the batch and with the area of the pictures. Which one fills your memory decides what helps.",
)
def q4(training_bytes: Function, rng: np.random.Generator) -> None:
    """Write `training_bytes(layers, batch_size)`: how many bytes it takes to train a network, in float32.

    Each of the `layers` is a tuple (size, channels, parameters): it hands on `size` x `size` x `channels` numbers for a
    picture, and has so many parameters. Kept are the weights, their gradients, two averages of Adam for each, and what
    every layer hands on, for the whole batch. A number takes 4 bytes.
    """
    for batch_size in (3, 7, 20):
        layers = [(int(size), *(int(x) for x in rng.integers(3, 90, 2) * (1, 37))) for size in (32, 16, 8, 4)]
        count = sum(layer[2] for layer in layers)
        numbers = sum(size**2 * channels for size, channels, _ in layers)
        many = batch_size * numbers
        same(
            training_bytes(list(layers), batch_size),
            4 * (4 * count + many),
            f"{len(layers)} layers, batch size {batch_size}",
            tolerance=1e-9,
            suspects={
                "That is how many numbers there are. Each takes 4 bytes.": 4 * count + many,
                "Adam's averages are missing: two more numbers for each parameter.": 4 * (2 * count + many),
                "One of four is missing: weight, gradient, and two averages of Adam.": 4 * (3 * count + many),
                "Gradients and Adam's averages are missing: three more numbers for each parameter.": 4 * (count + many),
                "The activations are those of one picture. Multiply them by the batch size.": 4 * (4 * count + numbers),
                "Weights are not copied for each picture: only the activations grow with the batch.": 4
                * batch_size
                * (4 * count + numbers),
                "A layer hands on size x size x channels numbers: the size is to be squared.": 4
                * (4 * count + batch_size * sum(size * channels for size, channels, _ in layers)),
                "The channels are missing: a layer hands on size x size x channels numbers.": 4
                * (4 * count + batch_size * sum(size**2 for size, _, _ in layers)),
                "Activations are kept once, not four times: they have no gradient that is stored, and no averages.": 16
                * (count + many),
                "The activations are missing, and they are what grows with the batch.": 16 * count,
                "That is what the activations take. Weights, gradients and averages come on top.": 4 * many,
                "These are bits: a float32 number takes 4 bytes.": 32 * (4 * count + many),
                "8 bytes are a float64 number. Networks compute with float32: 4 bytes.": 8 * (4 * count + many),
                "That counts the last layer only. Add up all of them.": 4
                * (4 * layers[-1][2] + batch_size * layers[-1][0] ** 2 * layers[-1][1]),
            },
            otherwise="Bytes = 4 * (4 * all parameters + batch size * all numbers that layers hand on).",
        )


quiz = Quiz(
    "Lesson 08",
    [
        Question(
            "The discriminator's loss, halved as in the paper, stays near 0.69. What does that mean?",
            wrong("It tells real from generated perfectly.", "Then its loss would be close to 0."),
            right(
                "It does no better than tossing a coin.",
                "log 2 = 0.693 is what the answer 'one half' costs. Where the two terms are only added, it is 1.386.",
            ),
            wrong(
                "The generator has stopped learning.",
                "Perhaps it draws so well, perhaps the discriminator is weak. Only the sample sheets tell.",
            ),
            wrong("Training has diverged.", "Then losses run away or become NaN. 0.69 is an ordinary value."),
        ),
        Question(
            "A model with batch normalisation was trained on batches of 16. Which statistics should translate() use?",
            right(
                "The moving averages from training.",
                "They describe many pictures. The statistics of one test picture are unlike anything seen in training.",
            ),
            wrong(
                "Those of the test batch, as in the paper.",
                "The paper does that, but it trained at batch size 1: one picture is what that network is used to.",
            ),
            wrong(
                "It makes no difference.",
                "It does: with the wrong ones colours bleed, and results depend on the batch.",
            ),
        ),
        Question(
            "A run was killed after epoch 40 of 100. What must come back so that it ends as if nothing had happened?",
            wrong(
                "The generator's weights.",
                "Then a fresh discriminator would teach an advanced generator: the game starts anew.",
            ),
            wrong(
                "The weights of both networks.",
                "Adam's two averages for every weight would begin at zero again, and the order of pictures may change.",
            ),
            right(
                "Both networks, both optimizers, the epoch, and everything random.",
                "Weights, moving averages, Adam's state, dropout seeds, and an order that follows from seed and epoch.",
            ),
        ),
        Question(
            "At 256 px and batch size 1 the memory does not suffice for the paper's networks. What helps most?",
            wrong(
                "A smaller batch size.",
                "There is none below 1. And the activations of one picture take about an eighth of the weights' part.",
            ),
            wrong(
                "bfloat16 for the layers' arithmetic.",
                "It halves the activations. Weights, gradients and Adam's averages stay in float32, and they are more.",
            ),
            right(
                "Half the filters.",
                "A quarter of the weights, and with them of the gradients and of Adam's averages, which fill it here.",
            ),
            wrong(
                "Fewer epochs.",
                "They cost time. No epoch keeps anything in memory for the next.",
            ),
        ),
        Question(
            "By which number should the best checkpoint be chosen?",
            wrong(
                "The lowest adversarial loss of the generator.",
                "It is measured against an opponent that changes all the time: low may mean a weak discriminator.",
            ),
            right(
                "A metric on the validation pairs.",
                "Pictures that were not trained on, and the same ones in each epoch. Then look at the sheets as well.",
            ),
            wrong(
                "A metric on the test pairs.",
                "Then the test pairs have helped to choose, and can no longer judge fairly.",
            ),
            wrong(
                "The number of the last epoch.",
                "Later is often better, but small sets are learnt by heart at some point.",
            ),
        ),
    ],
)
