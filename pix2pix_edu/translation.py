"""Using a trained model: pictures in, pictures out, of any size, without changing the model (paper 3.3, test time)."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from pix2pix_edu.backend import keras, ops
from pix2pix_edu.checkpoints import RunFolder
from pix2pix_edu.errors import CheckpointError, UsageError, check_known
from pix2pix_edu.pairs.core import check_seed
from pix2pix_edu.paths import atomic_file, shipped
from pix2pix_edu.pix2pix import STATISTICS, Pix2Pix
from pix2pix_edu.precision import in_float32
from pix2pix_edu.unet import check_choice

BATCH = 32
# Generators that ship with the course, in data/weights/; what the others do is in `pix2pix_edu.applications.TASKS`.
EXAMPLES = ("emoji", "colour-lab", "colour-rgb", "facades", "glyphs", "inpaint", "night")


class Translator:
    """A generator and how it is to be used at test time; what `load_model` returns and `translate` takes.

    Args:
        generator: floats in [-1, 1] in, floats in [-1, 1] out.
        statistics: "moving" or "batch", see `Pix2Pix`.
        about: where the generator comes from, for people to read.

    >>> import pix2pix_edu as p2p
    >>> translator = Translator(p2p.generator_model(32, 2), statistics="batch")
    """

    def __init__(self, generator: keras.Model, statistics: str = "moving", about: dict[str, Any] | None = None):
        check_choice("statistics", statistics, STATISTICS)
        self.generator, self.statistics, self.about = generator, statistics, about or {}

    @property
    def image_size(self) -> int:
        """Height and width, in pixels, of the pictures that the generator was trained on."""
        return int(self.generator.input_shape[1])

    @property
    def test_generator(self) -> keras.Model:
        """The generator, under the name that it has in a `Pix2Pix`."""
        return self.generator

    def __repr__(self) -> str:
        size, weights = self.image_size, self.generator.count_params()
        return f"Translator({size} px, {weights:,} parameters, {self.statistics} statistics)"


def translate(
    model: Pix2Pix | Translator | keras.Model,
    images: np.ndarray,
    statistics: str | None = None,
    dropout: bool | None = None,
    seed: int = 0,
) -> np.ndarray:
    """Translate pictures of any size; the model stays exactly as it was.

    Args:
        model: a `Pix2Pix`, what `load_model` returned, or a bare generator.
        images: uint8, one picture (H, W, C) or a batch (N, H, W, C). Sizes that the network cannot halve often enough
            are padded by reflection, and the result is cropped back.
        statistics: "moving" or "batch", see `Pix2Pix`; default: what the model was trained for. With "batch" each
            picture is translated by itself, so that its result does not depend on its neighbours.
        dropout: whether dropout is on, as in the paper, where it is the only noise; default: on with "batch"
            statistics (the paper's way), off with "moving".
        seed: the dropout masks; the same seed gives the same picture.

    Returns:
        uint8 pictures of the same height and width.

    Raises:
        UsageError: not uint8, not a picture, or another number of channels than the model takes.

    >>> import numpy as np, pix2pix_edu as p2p
    >>> translate(p2p.generator_model(32, 2), np.zeros((40, 50, 3), np.uint8)).shape
    (40, 50, 3)
    """
    generator, default = _generator_and_statistics(model)
    statistics = statistics or default
    check_choice("statistics", statistics, STATISTICS)
    check_seed(seed)
    dropout = statistics == "batch" if dropout is None else dropout
    batch, single = _check_images(images, generator)

    height, width = batch.shape[1:3]
    multiple = int(generator.input_shape[1])
    padded = _pad(batch, multiple)
    generator = _at_size(generator, padded.shape[1:3])

    results = []
    with _test_time(generator, statistics, dropout, seed):
        size = 1 if statistics == "batch" else BATCH
        for start in range(0, len(padded), size):
            results.append(_run(generator, padded[start : start + size], statistics, dropout))
    channels = int(generator.output_shape[-1])
    result = np.concatenate(results) if results else np.zeros((0, *padded.shape[1:3], channels), np.uint8)
    result = result[:, :height, :width]
    return result[0] if single else result


def to_float(images: np.ndarray) -> np.ndarray:
    """Pictures as the networks see them: uint8 from 0 to 255 becomes float32 from -1 to 1.

    >>> to_float(np.array([0, 255], np.uint8)).tolist()
    [-1.0, 1.0]
    """
    return images.astype("float32") / 127.5 - 1.0


def to_uint8(images: np.ndarray) -> np.ndarray:
    """Pictures as people see them: floats from -1 to 1 become uint8 from 0 to 255, rounded and clipped.

    >>> to_uint8(np.array([-1.0, 0.999, 7.0])).tolist()
    [0, 255, 255]
    """
    return np.clip(np.rint((np.asarray(images, "float32") + 1.0) * 127.5), 0, 255).astype("uint8")


def _generator_and_statistics(model: Any) -> tuple[keras.Model, str]:
    if isinstance(model, (Pix2Pix, Translator)):
        return model.test_generator, model.statistics
    if isinstance(getattr(model, "model", None), Pix2Pix):  # a Run
        return model.model.test_generator, model.model.statistics
    if isinstance(model, keras.Model):
        return model, "moving"
    raise UsageError(
        f"`translate` cannot use {type(model).__name__}: give a Pix2Pix, a Run, a generator, or `load_model(path)`."
    )


def _check_images(images: Any, generator: keras.Model) -> tuple[np.ndarray, bool]:
    try:
        images = np.asarray(images)
    except ValueError as error:  # NumPy makes no array of lists of different lengths
        raise UsageError(
            "These pictures are not all of one size, so they are no batch: translate them one by one, as in "
            "[translate(model, picture) for picture in pictures]."
        ) from error
    if images.dtype.kind in "US":
        raise UsageError(
            f"`translate` takes pictures, not names of files such as {str(images.flat[0])!r}: read them first, as in "
            "np.asarray(Image.open(path)), or call `pix2pix-edu translate`."
        )
    if images.dtype != np.uint8:
        raise UsageError(
            f"`translate` takes uint8 pictures (0 to 255), but these are {images.dtype}. For floats in [-1, 1], call "
            "`to_uint8(images)` first, or call the generator itself."
        )
    if images.ndim not in (3, 4):
        raise UsageError(f"A picture has shape (H, W, C) and a batch (N, H, W, C); this has {images.shape}.")
    channels = int(generator.input_shape[-1])
    if images.shape[-1] != channels:
        raise UsageError(f"This model takes pictures of {channels} channel(s), but these have {images.shape[-1]}.")
    if 0 in images.shape[-3:-1]:
        raise UsageError(f"There are no pixels to translate: these pictures have the shape {images.shape}.")
    single = images.ndim == 3
    return (images[None] if single else images), single


def _pad(batch: np.ndarray, multiple: int) -> np.ndarray:
    """Grow height and width at the bottom and right to multiples of `multiple`, mirroring what is there."""
    missing = [-batch.shape[axis] % multiple for axis in (1, 2)]
    return np.pad(batch, [(0, 0), (0, missing[0]), (0, missing[1]), (0, 0)], mode="symmetric")


def _at_size(generator: keras.Model, size: tuple[int | None, ...]) -> keras.Model:
    """The same network for another size of picture. All its layers are convolutions, so the weights fit any size."""
    if tuple(generator.input_shape[1:3]) == tuple(size):
        return generator
    config = generator.get_config()
    for layer in config["layers"]:
        if layer["class_name"] == "InputLayer":
            layer["config"]["batch_shape"] = (None, *size, generator.input_shape[-1])
    resized = type(generator).from_config(config)
    resized.set_weights(generator.get_weights())
    return resized


@contextmanager
def _test_time(generator: keras.Model, statistics: str, dropout: bool, seed: int) -> Iterator[None]:
    """Set each layer's switches for this translation, and set them back."""
    changed: list[tuple[Any, str, Any]] = []

    def switch(layer: Any, attribute: str, value: Any) -> None:
        changed.append((layer, attribute, getattr(layer, attribute)))
        setattr(layer, attribute, value)

    drops = [layer for layer in generator.layers if isinstance(layer, keras.layers.Dropout)]
    states = [ops.convert_to_numpy(layer.seed_generator.state.value) for layer in drops]
    try:
        for number, layer in enumerate(drops):
            layer.seed_generator.state.assign(np.array([seed, number], dtype=states[number].dtype))
            if not dropout:
                switch(layer, "rate", 0.0)
        for layer in generator.layers:
            if isinstance(layer, keras.layers.BatchNormalization) and statistics == "moving":
                switch(layer, "trainable", False)  # Keras: a frozen BatchNormalization uses its moving averages
        yield
    finally:
        for layer, attribute, value in reversed(changed):
            setattr(layer, attribute, value)
        for layer, state in zip(drops, states, strict=True):
            layer.seed_generator.state.assign(state)


def _run(generator: keras.Model, batch: np.ndarray, statistics: str, dropout: bool) -> np.ndarray:
    source = ops.convert_to_tensor(to_float(batch))
    if statistics == "moving" and not dropout:
        return to_uint8(ops.convert_to_numpy(generator(source, training=False)))
    # `stateless_call` hands back the new moving averages instead of storing them; we let them go.
    trainable = [variable.value for variable in generator.trainable_variables]
    other = [variable.value for variable in generator.non_trainable_variables]
    picture, _ = generator.stateless_call(trainable, other, source, training=True)
    return to_uint8(ops.convert_to_numpy(picture))


FORMAT = 1
HALF_PRECISION_BITS = 11
# What the description of a network may name. Keras' safe mode refuses most of the rest, but that is one switch for the
# whole process, and its gaps were closed one by one; so we look first.
MODULES = frozenset({"builtins", "keras", "keras.activations", "keras.constraints", "keras.initializers",
                     "keras.layers", "keras.losses", "keras.metrics", "keras.models", "keras.optimizers",
                     "keras.optimizers.schedules", "keras.regularizers", "keras.src.models.functional"})  # fmt: skip
UNSAFE = frozenset({"Lambda", "__lambda__", "TFSMLayer", "TorchModuleWrapper", "JaxLayer", "FlaxLayer",
                    "StringLookup", "IntegerLookup", "TextVectorization"})  # fmt: skip


# --- a generator in one small file ----------------------------------------------------------------------------------


def save_generator(
    model: Pix2Pix | Translator, path: Path | str, about: dict[str, Any] | None = None, significant_bits: int = 11
) -> Path:
    """Store the generator alone, in half precision: what a translation needs, at a tenth of a checkpoint's size.

    The file is a zip of plain NumPy arrays and one JSON text, so that loading it runs no code.

    Args:
        model: a `Pix2Pix` or a `Translator`.
        path: where to; by custom it ends in `.p2p`.
        about: facts to keep with it, such as the command that trained it.
        significant_bits: of each weight, from 1 to 11 (all that half precision has). Rounded to 7, weights are off by
            at most 0.8 %, which no picture shows, and the file is a third smaller, since zeros compress.

    Raises:
        StorageError: the file cannot be written.
        UsageError: `significant_bits` is not between 1 and 11.

    >>> import tempfile, pix2pix_edu as p2p
    >>> model = p2p.Pix2Pix(p2p.generator_model(32, 2), p2p.discriminator_model(32, 2))
    >>> save_generator(model, tempfile.mkdtemp() + "/tiny.p2p").name
    'tiny.p2p'
    """
    facts = {"statistics": model.statistics, "about": about or {}}
    return save_network(model.test_generator, "generator", Path(path), facts, significant_bits)


def save_discriminator(
    model: Pix2Pix, path: Path | str, about: dict[str, Any] | None = None, significant_bits: int = 11
) -> Path:
    """Store the discriminator alone, in half precision, so that one can ask it for its opinion later.

    Arguments and errors as for `save_generator`.

    >>> import tempfile, pix2pix_edu as p2p
    >>> model = p2p.Pix2Pix(p2p.generator_model(32, 2), p2p.discriminator_model(32, 2))
    >>> save_discriminator(model, tempfile.mkdtemp() + "/judge.p2p").name
    'judge.p2p'
    """
    return save_network(model.discriminator, "discriminator", Path(path), {"about": about or {}}, significant_bits)


def save_network(
    network: keras.Model, role: str, path: Path, facts: dict[str, Any], significant_bits: int = HALF_PRECISION_BITS
) -> Path:
    """Store any network in a .p2p file: `save_generator` and `save_discriminator` call this, and so does the segmenter.

    Args:
        network: its layers are Keras' or ours.
        role: what it is; `load_network` asks for the same.
        path: where to.
        facts: what else the file is to say, under these names.
        significant_bits: of each weight, from 1 to 11.

    Raises:
        StorageError: the file cannot be written.
        UsageError: `significant_bits` is not between 1 and 11.

    >>> save_network(network, "segmenter", Path("judge.p2p"), {"about": {}})  # doctest: +SKIP
    """
    if not 1 <= significant_bits <= HALF_PRECISION_BITS:
        raise UsageError(f"significant_bits={significant_bits!r} does not work: half precision has 1 to 11 of them.")
    network = in_float32(network)  # whoever loads it may have no bfloat16
    header = {"format": FORMAT, role: json.loads(network.to_json()), **facts}
    with atomic_file(path) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_BZIP2) as archive:
        archive.writestr("about.json", json.dumps(header))
        for number, weight in enumerate(network.get_weights()):
            with archive.open(f"{number:04d}.npy", "w") as member:
                np.lib.format.write_array(member, _in_half_precision(weight, significant_bits), allow_pickle=False)
    return path


def _in_half_precision(weight: np.ndarray, significant_bits: int) -> np.ndarray:
    """The weights as float16, rounded so that only the first `significant_bits` of each can be other than zero."""
    dropped = HALF_PRECISION_BITS - significant_bits
    bits = weight.astype("float16").view("uint16").astype("uint32")
    half_step = (1 << dropped) >> 1
    return ((bits + half_step) >> dropped << dropped).astype("uint16").view("float16")


def load_model(path: Path | str) -> Translator:
    """Load a generator that `save_generator` stored, or the best one of a training run.

    Args:
        path: a `.p2p` file, or a run directory (its best checkpoint by validation is taken).

    Returns:
        A `Translator`, ready for `translate` and `evaluate`.

    Raises:
        CheckpointError: missing, damaged, or not a model.

    >>> load_model(shipped("weights", "emoji.p2p")).image_size
    64
    """
    path = Path(path)
    if os.path.isdir(path):  # unlike Path's own it is silent where one may not look, and on names too long
        folder = RunFolder(path)
        model = folder.load_model()
        return Translator(model.test_generator, model.statistics, about=asdict(folder.read_config()))
    generator, header = load_network(path, "generator")
    statistics, about = header.get("statistics"), header.get("about")
    if statistics not in STATISTICS or not isinstance(about, dict):
        raise CheckpointError(
            f"{path} cannot be read as a model (it does not say how its generator is to be used). It is damaged, or "
            "was not written by `save_generator`: get it again, or train a new one."
        )
    return Translator(generator, statistics, about=about)


def load_discriminator(path: Path | str) -> keras.Model:
    """Load a discriminator that `save_discriminator` stored.

    Returns:
        A Keras model from `[source, picture]`, floats in [-1, 1], to logits.

    Raises:
        CheckpointError: missing, damaged, or not a discriminator.

    >>> load_discriminator(shipped("gallery", "patchgan", "field-70.p2p")).input_shape[1]
    (None, 128, 128, 3)
    """
    return load_network(Path(path), "discriminator")[0]


def load_network(path: Path, role: str) -> tuple[keras.Model, dict[str, Any]]:
    """The network in a .p2p file, and what the file says about it.

    Raises:
        CheckpointError: missing, damaged, a network of another role, or one whose layers could run code.

    >>> load_network(shipped("weights", "emoji.p2p"), "generator")[1]["statistics"]
    'moving'
    """
    if not os.path.isfile(path):
        raise CheckpointError(f"There is no model at {path}. Give a .p2p file or a run directory; `train` makes both.")
    try:
        with zipfile.ZipFile(path) as archive:
            header = json.loads(archive.read("about.json"))
            _check_format(header, path)
            if role not in header:
                raise CheckpointError(f"{path} holds no {role}, but another network; the two are not interchangeable.")
            _check_layers(header[role], path)
            network = keras.models.model_from_json(json.dumps(_for_any_keras(header[role])))
            arrays = [_read_array(archive, name) for name in sorted(archive.namelist()) if name.endswith(".npy")]
        network.set_weights(arrays)
    except CheckpointError:
        raise
    except Exception as error:  # zipfile, json, numpy and Keras each have errors of their own
        raise CheckpointError(
            f"{path} cannot be read as a model ({type(error).__name__}: {_first_line(error)}). It may be cut off, or "
            "not a .p2p file: copy or download it again, or train a new one."
        ) from error
    return network, header


# Settings that newer Keras writes into its layers, with the values at which they change nothing. Keras 3.13, Colab's,
# refuses layers that have them.
NEUTRAL = {
    "renorm": False,
    "renorm_clipping": None,
    "renorm_momentum": 0.99,
    "input_axes": None,
    "output_axes": None,
}


def _for_any_keras(config: Any) -> Any:
    """A network's layers as Keras 3.15 writes them, such that 3.13 reads them as well."""
    if isinstance(config, list):
        return [_for_any_keras(part) for part in config]
    if not isinstance(config, dict):
        return config
    return {key: _for_any_keras(value) for key, value in config.items() if key not in NEUTRAL or value != NEUTRAL[key]}


def _check_format(header: dict[str, Any], path: Path) -> None:
    if header.get("format") != FORMAT:
        raise CheckpointError(
            f"{path} has format {header.get('format')!r}, but this version of pix2pix_edu reads format {FORMAT}. "
            "Update the library, or load the file with the version that wrote it."
        )


def _check_layers(described: Any, path: Path) -> None:
    """Refuse the description of a network that names anything but layers of Keras and ours that only compute."""
    if isinstance(described, dict):
        module, name = described.get("module"), described.get("class_name")
        foreign = module is not None and module not in MODULES and not str(module).startswith("pix2pix_edu.")
        function = name == "function" and module not in (None, "builtins", "keras.activations")
        if foreign or function or str(name) in UNSAFE or "." in str(name):  # a dot would lead on to another module
            raise CheckpointError(
                f"{path} asks for {module}.{name}, which could run code or read other files of yours, so it is "
                "refused. No network of the course needs that: the file is not what it seems. Train a model of your "
                "own, or get the file from its maker."
            )
    if isinstance(described, (dict, list)):
        for part in described.values() if isinstance(described, dict) else described:
            _check_layers(part, path)


def _first_line(error: Exception) -> str:
    """Keras' errors are pages long, and some of them advise switching its safety off."""
    return (str(error).strip().splitlines() or [""])[0][:200]


def _read_array(archive: zipfile.ZipFile, name: str) -> np.ndarray:
    with archive.open(name) as member:
        array = np.lib.format.read_array(member, allow_pickle=False)
    return array.astype("float32") if array.dtype == np.float16 else array


def load_example_model(name: str = "emoji") -> Translator:
    """A trained generator of 64 px that ships with the course: "emoji" colours line drawings.

    The others are those of lesson 10: "colour-lab" and "colour-rgb" (house fronts from grey to colour), "facades"
    (labels to house front), "glyphs" (one typeface to another), "inpaint" (fills holes) and "night" (day to night).

    Raises:
        UsageError: no such example.

    >>> load_example_model("emoji").image_size
    64
    """
    check_known("example model", name, EXAMPLES)
    return load_model(shipped("weights", f"{name}.p2p"))
