"""A conditional GAN on handwritten digits: told what to draw by a label, a text or a picture (paper 3.1; seed 2.2).

The generator gets noise and a condition, the discriminator a picture and (if it may see it) the same condition. The
game is the one of `pix2pix_edu.pix2pix`; only the networks are so small that 1,000 steps take seconds on a CPU.

The digits are real: 1,797 of them, written by 13 people, 8 x 8 pixels. They come with scikit-learn and were collected
by E. Alpaydin and C. Kaynak (UCI Machine Learning Repository, 1998).
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pix2pix_edu import gan
from pix2pix_edu.backend import keras, layers, ops
from pix2pix_edu.errors import CheckpointError, UsageError, nearest
from pix2pix_edu.optimizers import new_optimizer
from pix2pix_edu.pairs.core import check_seed
from pix2pix_edu.patchgan import HideSource
from pix2pix_edu.paths import atomic_file, shipped
from pix2pix_edu.pix2pix import Pix2Pix
from pix2pix_edu.progress import progress
from pix2pix_edu.translation import to_float, to_uint8

SIZE, CLASSES = 8, 10
TRAIN = 1400  # the first ones; the rest, mostly by other hands, is for testing

# --- the data: real digits, in grey and in five inks ------------------------------------------------------------------

# Names and colours on black. They differ in lightness too, and the brightest channel of each is full, so that the
# largest channel of a coloured digit is the grey digit.
INKS = {
    "red": (255, 60, 40),
    "yellow": (255, 225, 40),
    "green": (0, 255, 150),
    "blue": (70, 130, 255),
    "white": (255, 255, 255),
}
COLOURS = tuple(INKS)
NUMERALS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


@dataclass(frozen=True, eq=False)
class DigitSplit:
    """Handwritten digits and what they are.

    Args:
        pictures: uint8, shape (N, 8, 8, 1): 0 is paper, 255 is full ink.
        labels: which digit each one is, whole numbers from 0 to 9, shape (N,).
    """

    pictures: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        """How many digits there are."""
        return len(self.pictures)

    def __repr__(self) -> str:
        """How many digits of which size."""
        shape, labels = self.pictures.shape[1:], self.labels
        return f"DigitSplit({len(self)} pictures {shape}, labels {labels.min()} to {labels.max()})"


class Digits(NamedTuple):
    """Digits to learn from, and digits by other hands to test with."""

    train: DigitSplit
    test: DigitSplit


@functools.cache
def digits() -> Digits:
    """The handwritten digits that come with scikit-learn, in their original order: 1,400 to train, 397 to test.

    They are not shuffled, because the same hand wrote neighbouring ones: the test then has mostly new handwriting.

    >>> digits().train, len(digits().test)
    (DigitSplit(1400 pictures (8, 8, 1), labels 0 to 9), 397)
    """
    from sklearn.datasets import load_digits

    loaded = load_digits()
    pictures = np.round(loaded.images[..., None] * (255 / 16)).astype("uint8")
    split = DigitSplit(pictures, loaded.target.astype("int64"))
    return Digits(
        *(DigitSplit(split.pictures[part], split.labels[part]) for part in (slice(TRAIN), slice(TRAIN, None)))
    )


def in_colour(pictures: np.ndarray, colours: Sequence[str]) -> np.ndarray:
    """Write grey digits in coloured ink on black paper.

    Args:
        pictures: uint8, shape (N, 8, 8, 1).
        colours: the ink of each, from `COLOURS`.

    Returns:
        uint8, shape (N, 8, 8, 3). Its largest channel is the grey digit again.

    >>> in_colour(np.full((1, 8, 8, 1), 255, np.uint8), ["red"])[0, 0, 0].tolist()
    [255, 60, 40]
    """
    inks = np.array([INKS[colour] for colour in colours])[:, None, None, :]
    return np.round(pictures / 255 * inks).astype("uint8")


def left_half(pictures: np.ndarray) -> np.ndarray:
    """Pictures with their right half blanked: the condition in the form of a picture.

    >>> left_half(np.full((1, 8, 8, 1), 9, np.uint8))[0, 0, :, 0].tolist()
    [9, 9, 9, 9, 0, 0, 0, 0]
    """
    kept = pictures.copy()
    kept[:, :, pictures.shape[2] // 2 :] = 0
    return kept


# --- the condition as numbers -----------------------------------------------------------------------------------------

WORDS = ("a", *COLOURS, *NUMERALS)
TEXT_LENGTH = 3  # "a red seven"
EMBEDDING = 16  # numbers that a word becomes


def one_hot(labels: Any, classes: int = CLASSES) -> np.ndarray:
    """Labels as vectors with a single 1 at the place of the label.

    Args:
        labels: whole numbers from 0 to `classes - 1`, shape (N,), or a single one.
        classes: how many there are.

    Returns:
        float32, shape (N, classes).

    Raises:
        UsageError: a label that is no whole number, or out of range.

    >>> one_hot([2, 0], classes=3).tolist()
    [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]
    """
    numbers = np.atleast_1d(np.asarray(labels))
    if numbers.ndim != 1 or numbers.dtype.kind not in "iu":
        raise UsageError(f"Labels are whole numbers, one for each picture, not {labels!r}.")
    if numbers.size and not 0 <= numbers.min() <= numbers.max() < classes:
        raise UsageError(f"Labels go from 0 to {classes - 1}, but these go from {numbers.min()} to {numbers.max()}.")
    return np.eye(classes, dtype="float32")[numbers]


def tokenise(text: str) -> np.ndarray:
    """A text such as "a red seven" as the numbers of its words, shape (3,); each word's number is its place in `WORDS`.

    Raises:
        UsageError: an unknown word, or a text that is not of the form "a COLOUR DIGIT".

    >>> [WORDS[number] for number in tokenise("A red seven")]
    ['a', 'red', 'seven']
    """
    words = re.findall(r"[^\s,.!?]+", text.lower())
    for word in words:
        if word not in WORDS:
            raise UsageError(f"The word {word!r} in {text!r} is not known. {nearest(word, list(WORDS))}")
    kinds = [("a",), COLOURS, NUMERALS]
    if len(words) != TEXT_LENGTH or not all(word in kind for word, kind in zip(words, kinds, strict=True)):
        raise UsageError(
            f"{text!r} cannot be drawn: say 'a', a colour and a digit, such as 'a red seven'. Colours: "
            f"{', '.join(COLOURS)}. Digits: {', '.join(NUMERALS)}."
        )
    return np.array([WORDS.index(word) for word in words])


def phrase(colour: str, digit: int) -> str:
    """The text that asks for a digit in a colour.

    >>> phrase("red", 7)
    'a red seven'
    """
    return f"a {colour} {NUMERALS[digit]}"


# --- what a discriminator can know ------------------------------------------------------------------------------------


def optimal_discriminator(p: np.ndarray, q: np.ndarray, sees_condition: bool = True) -> np.ndarray:
    """The best possible answers of a discriminator: p / (p + q) (Goodfellow et al. 2014, Proposition 1).

    Args:
        p: how often each pair occurs in the data: a table whose rows are conditions x and whose columns are pictures y,
            with the sum 1.
        q: the same for the generator's pairs.
        sees_condition: False hides x, so that only the sums over the rows are left to judge by.

    Returns:
        A table of the same shape with numbers from 0 (surely generated) to 1 (surely real); 0.5 where a pair occurs in
        neither.

    >>> p, q = np.array([[0.5, 0.0], [0.0, 0.5]]), np.full((2, 2), 0.25)
    >>> optimal_discriminator(p, q).round(2).tolist()
    [[0.67, 0.0], [0.0, 0.67]]
    >>> optimal_discriminator(p, q, sees_condition=False).tolist()
    [[0.5, 0.5], [0.5, 0.5]]
    """
    p, q = np.asarray(p, dtype=float), np.asarray(q, dtype=float)
    if p.shape != q.shape or p.ndim != 2:
        raise UsageError(f"p and q must be tables of the same shape, but they have {p.shape} and {q.shape}.")
    if not sees_condition:
        p, q = (np.broadcast_to(table.sum(axis=0), table.shape) for table in (p, q))
    return gan.optimal_discriminator(p, q)


# --- the three forms of the condition ---------------------------------------------------------------------------------


class _Form(NamedTuple):
    """How one form of the condition is handed to the networks."""

    shape: tuple[int, ...]  # of one condition, as an array
    channels: int  # of the pictures
    to_vector: Callable[[Any, str, int], Any]  # from the input tensor to a vector, with layers of the network's own


def _label_vector(condition: Any, name: str, seed: int) -> Any:
    return condition


def _text_vector(condition: Any, name: str, seed: int) -> Any:
    """Each word becomes a vector that is learnt; the text is their mean."""
    start = keras.initializers.RandomNormal(stddev=2.0, seed=seed)
    words = layers.Embedding(len(WORDS), EMBEDDING, embeddings_initializer=start, name=f"{name}_words")(condition)
    return layers.GlobalAveragePooling1D(name=f"{name}_text")(words)


def _image_vector(condition: Any, name: str, seed: int) -> Any:
    return layers.Flatten(name=f"{name}_pixels")(condition)


FORMS = {
    "label": _Form((CLASSES,), 1, _label_vector),
    "text": _Form((TEXT_LENGTH,), 3, _text_vector),
    "image": _Form((SIZE, SIZE, 1), 1, _image_vector),
}


def _conditions(form: str, given: Any) -> np.ndarray:
    """One condition or several, as a learner writes them, as the array that the networks take."""
    if form == "label":
        return one_hot(given)
    if form == "text":
        return np.stack([tokenise(text) for text in ([given] if isinstance(given, str) else given)])
    pictures = np.asarray(given)
    pictures = pictures[None] if pictures.ndim == 3 else pictures
    if pictures.ndim != 4 or pictures.shape[1:] != FORMS["image"].shape or pictures.dtype != np.uint8:
        raise UsageError(
            f"A condition picture is uint8 of shape (8, 8, 1), not {pictures.dtype} of shape {pictures.shape}: try "
            "left_half(digits().test.pictures[:1])."
        )
    return to_float(pictures)


# --- the two networks -------------------------------------------------------------------------------------------------


def _generator(form: _Form, width: int, noise: int, seed: int) -> keras.Model:
    z, condition = layers.Input((noise,), name="noise"), layers.Input(form.shape, name="condition")
    x = layers.Concatenate(name="noise_and_condition")([z, form.to_vector(condition, "g", seed)])
    for number in (1, 2):
        start = keras.initializers.GlorotUniform(seed=seed + number)
        x = layers.Dense(width, use_bias=False, kernel_initializer=start, name=f"dense_{number}")(x)
        x = layers.BatchNormalization(momentum=0.9, name=f"norm_{number}")(x)
        x = layers.ReLU(name=f"relu_{number}")(x)
    picture = _one_ink(x, seed) if form.channels == 3 else _grey(x, seed)
    return keras.Model([z, condition], picture, name="generator")


def _grey(x: Any, seed: int) -> Any:
    start = keras.initializers.GlorotUniform(seed=seed + 3)
    x = layers.Dense(SIZE * SIZE, activation="tanh", kernel_initializer=start, name="pixels")(x)
    return layers.Reshape((SIZE, SIZE, 1), name="picture")(x)


def _one_ink(x: Any, seed: int) -> Any:
    """A grey shape times one ink: pixels of a digit cannot differ in hue, as they do not in the data either."""
    starts = [keras.initializers.GlorotUniform(seed=seed + number) for number in (3, 4)]
    shape = layers.Dense(SIZE * SIZE, activation="sigmoid", kernel_initializer=starts[0], name="shape")(x)
    ink = layers.Dense(3, activation="sigmoid", kernel_initializer=starts[1], name="ink")(x)
    shape, ink = layers.Reshape((SIZE, SIZE, 1))(shape), layers.Reshape((1, 1, 3))(ink)
    return layers.Rescaling(2.0, offset=-1.0, name="picture")(layers.Multiply()([shape, ink]))


def _discriminator(form: _Form, width: int, sees_condition: bool, seed: int) -> keras.Model:
    condition = layers.Input(form.shape, name="condition")
    picture = layers.Input((SIZE, SIZE, form.channels), name="picture")
    x = layers.Flatten(name="pixels")(picture)
    if sees_condition:
        x = layers.Concatenate(name="picture_and_condition")([x, form.to_vector(condition, "d", seed + 10)])
    else:
        x = HideSource(name="hide_condition")([condition, x])
    for number in (1, 2):
        start = keras.initializers.GlorotUniform(seed=seed + 10 + number)
        x = layers.Dense(width, kernel_initializer=start, name=f"dense_{number}")(x)
        x = layers.LeakyReLU(negative_slope=0.2, name=f"leaky_{number}")(x)
        x = layers.Dropout(0.3, seed=seed + number, name=f"drop_{number}")(x)
    start = keras.initializers.GlorotUniform(seed=seed + 13)
    logit = layers.Dense(1, kernel_initializer=start, name="logit")(x)
    return keras.Model([condition, picture], logit, name="discriminator")


class _Game(Pix2Pix):
    """`Pix2Pix` with noise: the source is `[noise, condition]`, of which the discriminator gets the condition."""

    def discriminator_loss(self, source: Any, target: Any, fake: Any) -> tuple[Any, dict[str, Any]]:
        return super().discriminator_loss(source[1], target, fake)

    def generator_loss(self, source: Any, target: Any, fake: Any) -> tuple[Any, dict[str, Any]]:
        return super().generator_loss(source[1], target, fake)


# --- the model --------------------------------------------------------------------------------------------------------

BATCH = 64


class ConditionalGan:
    """A generator that is told what to draw, and a discriminator that may or may not know what was asked for.

    Args:
        condition: "label" (a digit from 0 to 9), "text" (such as "a red seven"), or "image" (the left half of a digit).
        conditional_discriminator: True shows the condition to the discriminator (cGAN), False hides it (GAN). The
            generator gets it in both cases.
        never_shown: texts that are left out of training, to see whether they can be drawn all the same.
        width: of the two hidden layers of each network.
        noise: how many random numbers the generator gets with each condition.
        seed: of the initial weights and of dropout.

    Attributes:
        generator: Keras model from [noise, condition] to pictures, floats in [-1, 1].
        discriminator: Keras model from [condition, picture] to logits.
        steps: how many training steps have been made.

    Raises:
        UsageError: an unknown form of condition, or texts that cannot be left out.

    >>> gan = ConditionalGan("label", width=16)
    >>> history = gan.fit(steps=3)
    >>> len(history["d_loss"]), gan.sample(7, n=5).shape
    (3, (5, 8, 8, 1))
    """

    def __init__(
        self,
        condition: str = "label",
        conditional_discriminator: bool = True,
        never_shown: Sequence[str] = (),
        width: int = 128,
        noise: int = 16,
        seed: int = 0,
    ) -> None:
        if condition not in FORMS:
            raise UsageError(f"condition={condition!r} is not known. {nearest(str(condition), list(FORMS))}")
        self.condition, self.conditional_discriminator = condition, bool(conditional_discriminator)
        self.never_shown, self.width, self.noise, self.seed = tuple(never_shown), width, noise, check_seed(seed)
        self._inks_of = _inks_to_train(condition, self.never_shown)
        form = FORMS[condition]
        self.generator = _generator(form, width, noise, seed)
        self.discriminator = _discriminator(form, width, self.conditional_discriminator, seed)
        self._game = _Game(self.generator, self.discriminator)
        self._game.compile(new_optimizer(LEARNING_RATE), new_optimizer(LEARNING_RATE), lambda_l1=0.0, jit_compile=False)
        self.steps = 0

    def __repr__(self) -> str:
        sees = "sees" if self.conditional_discriminator else "does not see"
        return f"ConditionalGan({self.condition}, its discriminator {sees} the condition, {self.steps:,} steps)"

    def fit(self, steps: int = 1000, seed: int = 0) -> dict[str, list[float]]:
        """Train on `digits().train`; calling it again goes on from there.

        Args:
            steps: batches of 64 digits; each trains the discriminator once and then the generator.
            seed: of the order of the digits, their inks and the noise. The same seeds give the same model.

        Returns:
            For each step `d_loss` (chance: log 2 = 0.693) and `g_gan` (how surely the generator is caught).
        """
        history: dict[str, list[float]] = {"d_loss": [], "g_gan": []}
        for losses in progress(self.training(steps, seed), total=steps, description="Training"):
            for name, values in history.items():
                values.append(losses[name])
        return history

    def training(self, steps: int, seed: int = 0) -> Iterator[dict[str, float]]:
        """The same as `fit`, one step for each value that is taken out: for a widget that can be stopped."""
        check_seed(seed)
        for _ in range(steps):
            # Noise and batch follow from the number of the step, so 2 x 500 steps are the same as 1,000.
            condition, pictures, noise = self._batch(np.random.default_rng((seed, self.steps)))
            self._game.reset_metrics()
            losses = self._game.train_on_batch([noise, condition], pictures, return_dict=True)
            self.steps += 1
            yield {name: float(value) for name, value in losses.items() if name != "l1"}

    def _batch(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Conditions, the pictures that belong to them, and noise."""
        train = digits().train
        chosen = rng.integers(0, len(train), BATCH)
        noise = rng.normal(size=(BATCH, self.noise)).astype("float32")
        pictures, labels = train.pictures[chosen], train.labels[chosen]
        if self.condition == "label":
            return one_hot(labels), to_float(pictures), noise
        if self.condition == "image":
            return to_float(left_half(pictures)), to_float(pictures), noise
        inks = [rng.choice(self._inks_of[label]) for label in labels]
        texts = [phrase(ink, label) for ink, label in zip(inks, labels, strict=True)]
        return _conditions("text", texts), to_float(in_colour(pictures, inks)), noise

    def sample(self, condition: Any, n: int = 1, seed: int = 0) -> np.ndarray:
        """Draw.

        Args:
            condition: what to draw: a label, a text, a picture (uint8, (8, 8, 1)); or several of them in a sequence.
            n: pictures of each.
            seed: of the noise. All conditions get the same n noises, so what differs between them is the condition's
                doing.

        Returns:
            uint8, shape (n * conditions, 8, 8, channels): first n pictures of the first condition, and so on.

        Raises:
            UsageError: a condition that this model does not take, such as an unknown word.
        """
        conditions = _conditions(self.condition, condition)
        noise = np.random.default_rng(check_seed(seed)).normal(size=(n, self.noise)).astype("float32")
        inputs = [np.tile(noise, (len(conditions), 1)), np.repeat(conditions, n, axis=0)]
        return to_uint8(ops.convert_to_numpy(self.generator(inputs, training=False)))

    def judge(self, condition: Any, pictures: np.ndarray) -> np.ndarray:
        """How sure the discriminator is that these pictures are real and belong to the condition.

        Args:
            condition: one for all pictures, or one for each.
            pictures: uint8, shape (N, 8, 8, channels).

        Returns:
            Numbers between 0 (generated) and 1 (real), shape (N,).
        """
        conditions = _conditions(self.condition, condition)
        conditions = np.repeat(conditions, len(pictures), axis=0) if len(conditions) == 1 else conditions
        logits = self.discriminator([conditions, to_float(pictures)], training=False)
        return ops.convert_to_numpy(ops.sigmoid(logits))[:, 0]

    def save(self, path: Path | str, about: dict[str, Any] | None = None) -> Path:
        """Store both networks in half precision, as plain NumPy arrays: loading them runs no code.

        Raises:
            StorageError: the file cannot be written.
        """
        settings = {name: getattr(self, name) for name in SETTINGS}
        header = json.dumps({"settings": settings, "steps": self.steps, "about": about or {}})
        weights = [*self.generator.get_weights(), *self.discriminator.get_weights()]
        arrays = {f"weight_{number:03d}": weight.astype("float16") for number, weight in enumerate(weights)}
        with atomic_file(path) as file:
            np.savez_compressed(file, header=np.array(header), **arrays)
        return Path(path)

    @classmethod
    def load(cls, path: Path | str) -> ConditionalGan:
        """A model that `save` stored. It can draw and judge; training would begin with empty optimizers.

        Raises:
            CheckpointError: missing, damaged, or something else.
        """
        try:
            with np.load(path, allow_pickle=False) as stored:
                header = json.loads(str(stored["header"]))
                weights = [stored[name].astype("float32") for name in sorted(stored.files) if name != "header"]
            model = cls(**header["settings"])
            count = len(model.generator.get_weights())
            model.generator.set_weights(weights[:count])
            model.discriminator.set_weights(weights[count:])
        except Exception as error:  # numpy, zipfile, json and Keras each have errors of their own
            raise CheckpointError(
                f"{path} cannot be read as a conditional GAN ({type(error).__name__}: {error}). Give a file that "
                "`ConditionalGan.save` wrote."
            ) from error
        model.steps = header["steps"]
        return model


LEARNING_RATE = 1e-3  # five times that of pix2pix: the networks are small, and so are the pictures
SETTINGS = ("condition", "conditional_discriminator", "never_shown", "width", "noise", "seed")


def _inks_to_train(condition: str, never_shown: Sequence[str]) -> list[list[str]]:
    """For each digit the inks that it is shown in."""
    if never_shown and condition != "text":
        raise UsageError(f"never_shown lists texts, but this model's condition is a {condition}.")
    hidden = {tuple(tokenise(text)) for text in never_shown}
    inks = [[ink for ink in COLOURS if tuple(tokenise(phrase(ink, digit))) not in hidden] for digit in range(CLASSES)]
    for digit, left in enumerate(inks):
        if not left:
            raise UsageError(f"never_shown leaves no ink for the digit {digit}: it would never be seen at all.")
    return inks


def load_painter(conditional_discriminator: bool = True) -> ConditionalGan:
    """A trained model for texts that ships with the course; "a red seven" was never shown to it.

    Args:
        conditional_discriminator: whether its discriminator saw the text.

    >>> load_painter().never_shown
    ('a red seven',)
    """
    name = "text_seen" if conditional_discriminator else "text_hidden"
    return ConditionalGan.load(shipped("lessons", "cgan", f"{name}.npz"))


# --- does it draw what was asked for? ---------------------------------------------------------------------------------


class DigitReader:
    """Reads digits: a support vector machine from scikit-learn, trained on real ones. It has no part in the game."""

    def __init__(self) -> None:
        from sklearn.svm import SVC

        train = digits().train
        self._classifier = SVC().fit(self._features(train.pictures), train.labels)

    def read(self, pictures: np.ndarray) -> np.ndarray:
        """The digit on each picture: uint8 (N, 8, 8, 1) or in colour (N, 8, 8, 3) to whole numbers of shape (N,)."""
        return self._classifier.predict(self._features(pictures))

    def accuracy(self, split: DigitSplit) -> float:
        """The share of these digits that it reads right."""
        return float(np.mean(self.read(split.pictures) == split.labels))

    @staticmethod
    def _features(pictures: np.ndarray) -> np.ndarray:
        return to_float(pictures.max(axis=-1)).reshape(len(pictures), -1)


@functools.cache
def train_reader() -> DigitReader:
    """The reader, trained once (a tenth of a second).

    >>> train_reader().accuracy(digits().test) > 0.9
    True
    """
    return DigitReader()


def read_ink(pictures: np.ndarray) -> np.ndarray:
    """The ink that coloured digits are written in: of all inks the one nearest in hue.

    Args:
        pictures: uint8, shape (N, 8, 8, 3).

    >>> read_ink(in_colour(np.full((2, 8, 8, 1), 99, np.uint8), ["blue", "yellow"])).tolist()
    ['blue', 'yellow']
    """
    inks = np.array(list(INKS.values()), dtype=float)
    inks /= np.linalg.norm(inks, axis=1, keepdims=True)
    sums = pictures.reshape(len(pictures), -1, 3).sum(axis=1, dtype=float)
    return np.array(COLOURS)[(sums @ inks.T).argmax(axis=1)]


def conditional_accuracy(model: ConditionalGan, reader: DigitReader, n: int = 50, seed: int = 0) -> float:
    """The share of pictures that show what was asked for.

    Args:
        model: asked for every label n times; or for every text, where the ink must be right as well; or to complete
            the left half of each test digit once, where the result must read as the digit that it came from.
        reader: trained on real digits.
        n: pictures for each label or text.
        seed: of the noise.

    >>> 0 <= conditional_accuracy(ConditionalGan("label", width=8), train_reader(), n=2) <= 1
    True
    """
    if model.condition == "image":
        test = digits().test
        return float(np.mean(reader.read(model.sample(left_half(test.pictures), seed=seed)) == test.labels))
    if model.condition == "label":
        return float(np.mean(reader.read(model.sample(range(CLASSES), n, seed)) == np.repeat(range(CLASSES), n)))
    return float(np.mean([obeys(model, text, reader, n, seed).mean() for text in ALL_TEXTS]))


ALL_TEXTS = tuple(phrase(colour, digit) for colour in COLOURS for digit in range(CLASSES))


def obeys(model: ConditionalGan, text: str, reader: DigitReader, n: int = 50, seed: int = 0) -> np.ndarray:
    """Which of n pictures show the digit and the ink of a text: booleans, shape (n,).

    >>> obeys(ConditionalGan("text", width=8), "a blue one", train_reader(), n=3).shape
    (3,)
    """
    pictures = model.sample(text, n, seed)
    _, ink, numeral = text.lower().split()
    return (reader.read(pictures) == NUMERALS.index(numeral)) & (read_ink(pictures) == ink)


def tile(pictures: np.ndarray, per_row: int = 10, scale: int = 5) -> np.ndarray:
    """Small pictures as one large one, in rows, with gaps between them.

    Args:
        pictures: uint8, shape (N, H, W, 1 or 3).
        per_row: how many stand beside each other.
        scale: screen pixels for each pixel.

    Returns:
        uint8, shape (height, width, 3).

    >>> tile(np.zeros((12, 8, 8, 1), np.uint8)).shape
    (85, 445, 3)
    """
    count, height, width = pictures.shape[:3]
    rows = -(-count // per_row)
    gap = 1  # in pixels of the pictures
    sheet = np.full((rows * (height + gap) - gap, per_row * (width + gap) - gap, 3), 236, np.uint8)
    for number, picture in enumerate(pictures):
        top, left = number // per_row * (height + gap), number % per_row * (width + gap)
        sheet[top : top + height, left : left + width] = picture
    return sheet.repeat(scale, axis=0).repeat(scale, axis=1)
