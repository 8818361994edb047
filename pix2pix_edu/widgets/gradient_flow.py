"""Lesson 07: where gradients flow in a training step, where they must not, and how large they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import ipywidgets
import numpy as np
from PIL import Image, ImageDraw

from pix2pix_edu.errors import UsageError
from pix2pix_edu.widgets import style
from pix2pix_edu.widgets.base import Explorer
from pix2pix_edu.widgets.charts import SHARP, font
from pix2pix_edu.widgets.pictures import INK, at_size

UPDATES = ("alternating", "simultaneous")
BATCH = 8  # pairs that the gradients are measured on
STEPS = 30  # that the widget's own model is trained for
PASSES = {"alternating": 3, "simultaneous": 2}  # of the discriminator, in one whole step

EXPLAIN = (
    "A gradient flows backwards along everything that the loss was computed from, whether anybody wants it or not. In "
    "the discriminator's step the way into the generator must be closed: what arrives there would make the generator "
    "easier to catch. stop_gradient closes it, and so does a tape that begins after the picture was made; where the "
    "way is open, it only costs time, as long as nobody applies what comes out. In the generator's step the way leads "
    "through the discriminator, and must be open. Close it there, and the generator learns from L1 alone: no error, no "
    "warning, only blurred pictures. The discriminator's weights lie on that way too and get a gradient; they are left "
    "alone because the generator's optimizer was not given them. And the update? It changes nothing in the "
    "discriminator's step. The generator is judged by the discriminator as it is after that step (alternating, the "
    "paper) or as it was before (simultaneous); the first costs one more pass of the discriminator."
)


class Flow(NamedTuple):
    """The gradients of one loss, as lengths: the root of the sum of all squares.

    Args:
        adversarial: the value of the adversarial part of the loss.
        distance: the value of the other part, already multiplied by its weight; 0 where there is none.
        at_discriminator: length of the gradient by the discriminator's weights.
        through_discriminator: length of the gradient by the drawn pictures that comes over the discriminator.
        over_distance: length of the gradient by the drawn pictures that comes over the distance to the target.
        at_generator: length of the gradient by the generator's weights.
    """

    adversarial: float
    distance: float
    at_discriminator: float
    through_discriminator: float
    over_distance: float
    at_generator: float


class GradientFlow(Explorer):
    """The graph of a training step with arrows where gradients flow, and the lengths that were really measured.

    Args:
        model: a compiled `Pix2Pix` with an adversarial loss. It is copied, so it stays as it is. Without one, a small
            model is trained for a few steps on emoji of 32 px.
        split: a `Split`; the gradients are measured once, on its first eight pairs. Needed if a model is given.

    Its controls: `step` ("D" or "G", whose step it is), `update` ("alternating" or "simultaneous") and `stop` (whether
    `tf.stop_gradient` stands between the drawn picture and the discriminator).

    Attributes:
        flows: (step, update, stop) -> `Flow`, measured when the widget was made.
        flow: the one that is shown.

    Raises:
        UsageError: the model is not compiled, or plays no game, or comes without pairs.

    >>> import pix2pix_edu as p2p
    >>> model = p2p.Pix2Pix(p2p.generator_model(32, 2), p2p.discriminator_model(32, 2)); model.compile()
    >>> flow = GradientFlow(model, p2p.Split(*np.zeros((2, 2, 32, 32, 3), np.uint8)))
    >>> flow.set(step="D", stop=True)
    >>> flow.flow.at_generator
    0.0
    """

    def __init__(self, model: Any = None, split: Any = None) -> None:
        if model is None:
            model, split = _small_model()
        if split is None:
            raise UsageError("GradientFlow needs pairs to measure on: GradientFlow(model, pairs.val).")
        if not getattr(model, "compiled", False) or model.adversarial is None:
            raise UsageError(
                "GradientFlow shows a game: give a Pix2Pix that is compiled, with an adversarial loss (the default)."
            )
        self.flows, fake = measure_flows(model, split.take(BATCH))
        self._pictures = [at_size(picture, THUMB) for picture in (split.sources[0], fake, split.targets[0])]
        self._distance = f"{model.lambda_l1:g} x {model.distance.upper()}"
        self._is_conditional = all(layer.name != "hide" for layer in model.discriminator.layers)
        narrow = {"button_width": "auto"}
        super().__init__(
            {
                "step": ipywidgets.ToggleButtons(
                    options=[("discriminator", "D"), ("generator", "G")],
                    value="D",
                    description="Step of the",
                    style=narrow,
                ),
                "update": ipywidgets.ToggleButtons(options=list(UPDATES), description="Update", style=narrow),
                "stop": ipywidgets.Checkbox(value=False, description="stop_gradient before D", indent=True),
            },
            title="Where the gradient flows",
            predict=(
                "In whose step does stop_gradient do good, and in whose does it do harm? And which of the numbers "
                "change with the update?"
            ),
            explain=EXPLAIN,
            width=WIDTH,
        )

    @property
    def flow(self) -> Flow:
        """What was measured for the present values of the controls."""
        return self.flows[self.values["step"], self.values["update"], self.values["stop"]]

    def draw(self, *, step: str, update: str, stop: bool) -> np.ndarray:
        """The graph, the arrows and the numbers."""
        drawing = _Drawing(self.flow, step, update, stop, self._distance, self._pictures)
        return drawing.finish(self._is_conditional)

    def caption(self, *, step: str, update: str, stop: bool) -> str:
        """The same in words."""
        flow, passes = self.flow, f"Passes of D in the whole step: {PASSES[update]} ({update})."
        if step == "D":
            reaches = f"{shown(flow.at_generator)} reaches G's weights, and must not be applied"
            end = "nothing reaches G, as it should be" if stop else reaches
            return (
                f"The discriminator's step: D's weights get {shown(flow.at_discriminator)} and change; {end}. {passes}"
            )
        judge = "D as it is after its own step" if update == "alternating" else "D as it was before its own step"
        ways = f"{shown(flow.over_distance)} over the distance to the target"
        if stop:
            ways = f"nothing through D, and {ways}: a mistake that gives no error"
        else:
            ways = f"{shown(flow.through_discriminator)} through D, and {ways}"
        return (
            f"The generator's step, judged by {judge}. At the drawn pictures arrive {ways}. G's weights get "
            f"{shown(flow.at_generator)} and change; D's get {shown(flow.at_discriminator)}, and are left alone. "
            f"{passes}"
        )


def _small_model() -> tuple[Any, Any]:
    """Networks that have learnt a little, so that the gradients are those of a game that is on, and pairs."""
    import pix2pix_edu as p2p
    from pix2pix_edu.translation import to_float

    pairs = p2p.load_pairs("emoji", image_size=32)
    model = p2p.Pix2Pix(
        p2p.generator_model(32, 8, seed=1), p2p.discriminator_model(32, 8, receptive_field=34, seed=100)
    )
    model.compile(jit_compile=False)
    for step in range(STEPS):
        chosen = np.random.default_rng(step).integers(0, len(pairs.train), 16)
        p2p.train_step(model, to_float(pairs.train.sources[chosen]), to_float(pairs.train.targets[chosen]))
    return model, pairs.val


# --- Measuring --------------------------------------------------------------------------------------------------------


def measure_flows(model: Any, split: Any) -> tuple[dict[tuple[str, str, bool], Flow], np.ndarray]:
    """The gradients of both losses by everything that matters, with and without `tf.stop_gradient`.

    Args:
        model: a compiled `Pix2Pix`; copies of its networks are measured.
        split: the pairs to measure on, all in one batch.

    Returns:
        (step, update, stop) -> `Flow`, and what the generator drew for the first pair, uint8 (H, W, C).

    >>> import pix2pix_edu as p2p
    >>> model = p2p.Pix2Pix(p2p.generator_model(32, 2), p2p.discriminator_model(32, 2)); model.compile()
    >>> flows, fake = measure_flows(model, p2p.Split(*np.zeros((2, 2, 32, 32, 3), np.uint8)))
    >>> len(flows), fake.shape
    (8, (32, 32, 3))
    """
    import tensorflow as tf

    from pix2pix_edu.translation import to_float, to_uint8

    source, target = tf.constant(to_float(split.sources)), tf.constant(to_float(split.targets))
    generator, before = _copy(model.generator), _copy(model.discriminator)
    with tf.GradientTape(persistent=True) as tape:
        fake = generator(source, training=True)  # once: with dropout, a second pass would draw another picture
    after = _after_its_step(model, before, source, target, fake)

    with tape:  # it goes on recording
        losses = {
            (step, update, stop): _losses(model, step, judge, source, target, fake, stop)
            for step in ("D", "G")
            for stop in (False, True)
            for update, judge in (("alternating", after if step == "G" else before), ("simultaneous", before))
        }
    flows = {}
    for (step, update, stop), (adversarial, distance, total) in losses.items():
        judge = after if (step, update) == ("G", "alternating") else before
        flows[step, update, stop] = Flow(
            float(adversarial),
            float(distance),
            _length(tape, adversarial, judge.trainable_variables),
            _length(tape, adversarial, [fake]),
            _length(tape, distance, [fake]),
            _length(tape, total, generator.trainable_variables),
        )
    return flows, to_uint8(fake[0].numpy())


def _losses(model: Any, step: str, judge: Any, source: Any, target: Any, fake: Any, stop: bool) -> tuple[Any, Any, Any]:
    """The adversarial part of a loss, the other part, and the whole."""
    import tensorflow as tf

    from pix2pix_edu.losses import adversarial_loss
    from pix2pix_edu.pix2pix import DISTANCES

    fake_output = judge([source, tf.stop_gradient(fake) if stop else fake], training=True)
    real_output = judge([source, target], training=True) if step == "D" else fake_output
    both = adversarial_loss(real_output, fake_output, model.adversarial)
    if step == "D":
        return both.discriminator, tf.constant(0.0), both.discriminator
    distance = model.lambda_l1 * DISTANCES[model.distance](target, fake)
    return both.generator, distance, both.generator + distance


def _after_its_step(model: Any, before: Any, source: Any, target: Any, fake: Any) -> Any:
    """The discriminator as it will be after its part of this step, made by a copy of its own optimizer."""
    import tensorflow as tf

    after, original = _copy(before), model.optimizer.discriminator
    optimizer = type(original).from_config(original.get_config())
    optimizer.build(after.trainable_variables)
    for mine, theirs in zip(optimizer.variables, original.variables, strict=True):
        mine.assign(theirs)
    with tf.GradientTape() as tape:
        loss, *_ = _losses(model, "D", after, source, target, fake, stop=True)
    optimizer.apply(tape.gradient(loss, after.trainable_variables), after.trainable_variables)
    return after


def _copy(network: Any) -> Any:
    copy = type(network).from_config(network.get_config())
    copy.set_weights(network.get_weights())
    return copy


def _length(tape: Any, loss: Any, sources: Sequence[Any]) -> float:
    """The length of the gradient, all its numbers in one long vector; 0 where no way leads from the loss to them."""
    import tensorflow as tf

    gradients = [gradient for gradient in tape.gradient(loss, sources) if gradient is not None]
    return float(tf.linalg.global_norm(gradients)) if gradients else 0.0


def shown(length: float) -> str:
    """A length with as many digits as say something.

    >>> shown(0.012345), shown(1.5), shown(1234.5), shown(0.0)
    ('0.0123', '1.5', '1,234', '0')
    """
    if length >= 1000:
        return f"{length:,.0f}"
    return f"{length:.3g}" if length else "0"


# --- Drawing: in units of the displayed picture -----------------------------------------------------------------------

WIDTH, HEIGHT = 760, 364
THUMB = 64
LINE = 118  # height of the middle of the upper row
LOW = 276  # and of the lower one
SOURCE, G, FAKE, D, LOSS = 50, 190, 340, 510, 684  # from left to right
BOX = (46, 40)  # half the width and height of a network
PALE = (150, 150, 150)


class _Drawing:
    """The graph once, with what flows in it."""

    def __init__(self, flow: Flow, step: str, update: str, stop: bool, distance: str, pictures: list) -> None:
        self.flow, self.step, self.update, self.stop = flow, step, update, stop
        self.distance, self.pictures = distance, pictures
        self.colour = style.rgb(style.DISCRIMINATOR if step == "D" else style.GENERATOR)
        self.sheet = Image.new("RGB", (WIDTH * SHARP, HEIGHT * SHARP), "white")
        self.pen = ImageDraw.Draw(self.sheet)

    def finish(self, is_conditional: bool) -> np.ndarray:
        """Draw everything; the discriminator of a plain GAN gets no arrow from the source."""
        if is_conditional:
            self.arrow([(SOURCE, LINE - 34), (SOURCE, 24), (D, 24), (D, LINE - BOX[1])], PALE, 1.5)
        self.forward()
        self.backward()
        for x, picture, name in zip((SOURCE, FAKE, FAKE), self.pictures, ("source", "drawn", "target"), strict=True):
            self.thumb(x, LOW if name == "target" else LINE, picture, name, above=name == "drawn")
        self.network(G, "G", "generator", self.flow.at_generator, learns=self.step == "G")
        self.network(D, "D", "discriminator", self.flow.at_discriminator, learns=self.step == "D")
        self.losses()
        self.legend()
        return np.asarray(self.sheet)

    def forward(self) -> None:
        """What is computed from what: thin and grey."""
        y = LINE - 14
        self.arrow([(SOURCE + 34, y), (G - BOX[0], y)], PALE, 1.5)
        self.arrow([(G + BOX[0], y), (FAKE - 34, y)], PALE, 1.5)
        self.arrow([(FAKE + 34, y), (D - BOX[0], y)], PALE, 1.5)
        self.arrow([(D + BOX[0], y), (LOSS - 58, y)], PALE, 1.5)
        if self.step == "D":
            self.arrow([(FAKE + 34, LOW), (D - 20, LOW), (D - 20, LINE + BOX[1] + 44)], PALE, 1.5)
        else:
            self.arrow([(FAKE + 34, LOW + 12), (LOSS - 58, LOW + 12)], PALE, 1.5)
            self.arrow([(FAKE + 12, LINE + 34), (FAKE + 12, 208), (LOSS + 14, 208), (LOSS + 14, LOW - 30)], PALE, 1.5)

    def backward(self) -> None:
        """Where the gradient flows: thick and coloured, with its length; a bar where it is stopped."""
        y, flow = LINE + 14, self.flow
        self.flows([(LOSS - 58, y), (D + BOX[0], y)], flow.at_discriminator, "")
        self.flows([(D - BOX[0], y), (FAKE + 34, y)], flow.through_discriminator, "through D")
        if self.step == "G":
            path = [(LOSS - 14, LOW - 30), (LOSS - 14, 223), (FAKE - 12, 223), (FAKE - 12, LINE + 34)]
            self.flows(path, flow.over_distance, f"over {self.distance[-2:]}", between=1)
        self.flows([(FAKE - 34, y), (G + BOX[0], y)], flow.at_generator, "")
        if self.stop:
            x = (D - BOX[0] + FAKE + 34) / 2
            for shift in (-4, 4):
                self.stroke([(x + shift, y - 13), (x + shift, y + 13)], INK, 4)
            self.text(x, y + 24, "stop_gradient", INK, 11)

    def flows(self, path: Sequence[tuple[float, float]], length: float, words: str, between: int = 0) -> None:
        """One gradient, or nothing where it is zero; the words stand below one piece of the path."""
        if not length:
            return
        self.arrow(path, self.colour, 5)
        if words:
            (x0, y0), (x1, y1) = path[between : between + 2]
            self.text((x0 + x1) / 2, (y0 + y1) / 2 + 17, f"{words}: {shown(length)}", INK, 12)

    def network(self, x: float, letter: str, name: str, length: float, learns: bool) -> None:
        """A network as a box, and below it what happens to its weights."""
        colour = style.rgb(style.GENERATOR if letter == "G" else style.DISCRIMINATOR)
        box = [SHARP * value for value in (x - BOX[0], LINE - BOX[1], x + BOX[0], LINE + BOX[1])]
        self.pen.rectangle(box, fill="white", outline=colour, width=SHARP * (5 if learns else 2))
        self.text(x, LINE - 6, letter, colour, 26)
        self.text(x, LINE + 20, name, INK, 11)
        verdict = "weights change" if learns else "not applied" if length else "weights rest"
        self.text(x, LINE + BOX[1] + 14, f"gradient {shown(length)}", INK, 12)
        self.text(x, LINE + BOX[1] + 30, verdict, colour if learns else INK, 12)

    def losses(self) -> None:
        """The terms of the loss and their values."""
        name = "D's loss" if self.step == "D" else "G is caught"
        self.loss(LINE, name, self.flow.adversarial, on=True)
        self.loss(LOW, self.distance, self.flow.distance, on=self.step == "G")

    def loss(self, y: float, name: str, value: float, on: bool) -> None:
        colour = self.colour if on else PALE
        box = [SHARP * number for number in (LOSS - 56, y - 30, LOSS + 56, y + 30)]
        self.pen.rounded_rectangle(box, radius=SHARP * 14, fill="white", outline=colour, width=SHARP * (3 if on else 1))
        self.text(LOSS, y - 9 if on else y - 8, name, INK if on else PALE, 13)
        self.text(LOSS, y + 12, f"{value:.3f}" if on else "not in this step", INK if on else PALE, 13 if on else 11)

    def thumb(self, x: float, y: float, picture: np.ndarray, name: str, above: bool) -> None:
        """A picture in a thin frame, its name below or above."""
        height, width = picture.shape[0], picture.shape[1]
        large = Image.fromarray(picture.repeat(SHARP, axis=0).repeat(SHARP, axis=1))
        left, top = x - width / 2, y - height / 2
        self.sheet.paste(large, (round(SHARP * left), round(SHARP * top)))
        self.pen.rectangle([round(SHARP * value) for value in (left, top, left + width, top + height)], outline=PALE)
        self.text(x, top - 9 if above else top + height + 11, name, INK, 12)

    def legend(self) -> None:
        """What the two kinds of arrows are, and whose step this is."""
        y = HEIGHT - 14
        self.arrow([(20, y), (56, y)], PALE, 1.5)
        self.text(64, y, "computed from", INK, 12, "lm")
        self.arrow([(206, y), (170, y)], self.colour, 5)
        self.text(214, y, "gradient, with its length", INK, 12, "lm")
        whose = "discriminator" if self.step == "D" else "generator"
        self.text(WIDTH - 14, y, f"step of the {whose}, {self.update} update", self.colour, 13, "rm")

    def text(self, x: float, y: float, words: str, colour: tuple, size: int, anchor: str = "mm") -> None:
        self.pen.text((SHARP * x, SHARP * y), words, colour, font(size), anchor)

    def stroke(self, path: Sequence[tuple[float, float]], colour: tuple, width: float) -> None:
        points = [(SHARP * x, SHARP * y) for x, y in path]
        self.pen.line(points, fill=colour, width=round(SHARP * width), joint="curve")

    def arrow(self, path: Sequence[tuple[float, float]], colour: tuple, width: float) -> None:
        """A line along the path with a head at its end."""
        end, size = np.array(path[-1], float), 4 + 1.8 * width
        along = end - np.array(path[-2])
        along = along / np.hypot(*along)
        across, neck = np.array([-along[1], along[0]]), end - size * along
        self.stroke([*path[:-1], tuple(neck)], colour, width)
        head = [end, neck + 0.55 * size * across, neck - 0.55 * size * across]
        self.pen.polygon([(SHARP * x, SHARP * y) for x, y in head], fill=colour)
