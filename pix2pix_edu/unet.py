"""The generator: a U-Net, or the same network without its skip connections (paper, appendix 6.1.1; seed lesson 3.1).

The encoder halves the picture until one pixel is left; the decoder doubles it back. A skip connection hands the
decoder, at each size, what the encoder knew at that size, so that edges need not squeeze through the one pixel.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from pix2pix_edu.backend import keras, layers, ops
from pix2pix_edu.errors import UsageError, check_count, nearest
from pix2pix_edu.fused import FusedBatchNormalization
from pix2pix_edu.precision import policy_of
from pix2pix_edu.sizes import check_image_size

NORMS = ("batch", "instance", "none")
UPSAMPLINGS = ("transpose", "resize")
DROPOUT_BLOCKS = 3  # the paper drops half of the activations in the first three decoder blocks
WIDEST = 8  # no layer is wider than 8 x filters


def generator_model(
    image_size: int = 256,
    filters: int = 64,
    source_channels: int = 3,
    target_channels: int = 3,
    skips: bool = True,
    norm: str = "batch",
    upsample: str = "transpose",
    dropout: float = 0.5,
    seed: int | None = None,
    precision: str = "float32",
    bottleneck_norm: bool = False,
    levels: int | None = None,
    fills_holes: bool = False,
) -> keras.Model:
    """Build the generator: a source picture in, a translated picture of the same size out.

    Args:
        image_size: height and width in pixels, a power of two from 32 to 512.
        filters: channels of the first layer; each halving doubles them, up to `8 * filters`.
        source_channels: channels of the input, such as 1 for grey, 3 for RGB, 12 for one-hot labels.
        target_channels: channels of the output.
        skips: True builds the U-Net, False the plain encoder-decoder of the paper's Table 2.
        norm: "batch", "instance" (each picture by itself), or "none".
        upsample: "transpose" as in the paper, or "resize" (nearest-neighbour, then a 3x3 convolution), which cannot
            leave a checkerboard (Odena et al., Distill 2016).
        dropout: the share of activations dropped in the first three decoder blocks; the model's only noise.
        seed: makes the initial weights and the dropout masks reproducible.
        precision: "float32"; "bfloat16" or "float16", with which the layers compute in half precision while weights,
            statistics and the picture stay in float32; or "auto", bfloat16 where the machine has it.
        bottleneck_norm: True also normalises the 1x1 bottleneck, the error that the authors corrected: at batch size 1
            nothing passes it any more. Lesson 12 shows what that costs.
        levels: how often the picture is halved: the depth of the network. Default: until one pixel is left, as in the
            paper. With fewer levels the bottleneck keeps several pixels, none of which sees the whole picture.
        fills_holes: True takes the source's last channel for a map of holes, and paints in the holes alone: every other
            pixel is handed on as it is, see `keep_known` (lesson 10).

    Returns:
        A Keras model from floats in [-1, 1] of shape (N, image_size, image_size, source_channels) to floats in
        [-1, 1] of shape (N, image_size, image_size, target_channels).

    Raises:
        UsageError: an argument that cannot work.

    >>> generator_model(image_size=32, filters=4).output_shape
    (None, 32, 32, 3)
    """
    image_size = check_image_size(image_size)
    _check_options(filters, norm, upsample, dropout)
    if fills_holes:
        _check_holes(source_channels, target_channels)
    build = _Blocks(norm, upsample, seed, precision)
    widths = encoder_widths(2 ** _check_levels("levels", levels, image_size), filters)

    source = x = layers.Input((image_size, image_size, source_channels), name="source")
    encoded = []
    for level, width in enumerate(widths, start=1):
        # The first layer has no norm (paper). Nor has the last: at batch size 1 its single pixel minus its own
        # mean would be zero, and nothing would pass through the bottleneck (the paper's erratum).
        x = build.down(x, width, level, normalise=1 < level < len(widths) + bottleneck_norm)
        encoded.append(x)

    for level, width in enumerate(reversed(widths[:-1]), start=1):
        x = build.up(x, width, level, dropout if level <= DROPOUT_BLOCKS else 0.0)
        if skips:
            x = layers.Concatenate(name=f"skip_{level}", dtype=build.policy)([x, encoded[-1 - level]])

    x = build.enlarge(x, target_channels, name="to_picture", use_bias=True)
    # float32 even when the layers before compute in half precision: the losses need it.
    target = layers.Activation("tanh", dtype="float32", name="painted" if fills_holes else "target")(x)
    if fills_holes:
        target = KeepKnown(dtype="float32", name="target")([source, target])
    return keras.Model(source, target, name="unet_generator" if skips else "encoder_decoder_generator")


def keep_known(source: Any, painted: Any) -> Any:
    """Merge what was painted with what is known: the painted pixels in the hole, the source's everywhere else.

    A generator that ends like this is judged by its holes alone, since nothing else of its picture can be wrong.

    Args:
        source: floats in [-1, 1], (N, H, W, C + 1). The last channel is the map of the hole: -1 is known. A pixel that
            an enlargement has mixed with the hole belongs to the hole, for its colour is no longer the picture's.
        painted: floats in [-1, 1], (N, H, W, C).

    >>> import numpy as np
    >>> source = np.array([[[[0.5, -1.0], [0.0, 1.0]]]], np.float32)  # two grey pixels, the second in the hole
    >>> np.asarray(keep_known(source, np.full((1, 1, 2, 1), 0.25, np.float32))).ravel().tolist()
    [0.5, 0.25]
    """
    is_hole = source[..., -1:] > -0.999  # not -1: an enlargement computes in floats, and may miss it by a little
    return ops.where(is_hole, painted, source[..., :-1])


@keras.saving.register_keras_serializable("pix2pix_edu")
class KeepKnown(layers.Layer):
    """`keep_known` as a layer from `[source, painted]`, so that a file can name it.

    >>> KeepKnown()([ops.ones((1, 2, 2, 4)), ops.zeros((1, 2, 2, 3))]).shape
    TensorShape([1, 2, 2, 3])
    """

    def call(self, inputs: list[Any]) -> Any:
        """(N, H, W, C + 1) and (N, H, W, C), floats in [-1, 1], to (N, H, W, C)."""
        return keep_known(*inputs)


def encoder_widths(image_size: int, filters: int) -> list[int]:
    """Channels after each halving, from the first layer to the 1x1 bottleneck.

    >>> encoder_widths(256, 64)
    [64, 128, 256, 512, 512, 512, 512, 512]
    """
    levels = image_size.bit_length() - 1
    return [filters * min(2**level, WIDEST) for level in range(levels)]


class _Blocks:
    """The building blocks of both networks, with their names, initial weights and seeds."""

    def __init__(
        self,
        norm: str,
        upsample: str = "transpose",
        seed: int | None = None,
        precision: str = "float32",
        convolution: type[keras.Layer] = layers.Conv2D,
    ):
        self.norm, self.upsample, self._seed, self.convolution = norm, upsample, seed, convolution
        policy = policy_of(precision)
        self.policy = None if policy == "float32" else policy  # None: Keras' own setting, float32 unless changed

    def next_seed(self) -> int | None:
        """Give each layer a seed of its own, so that no two start with the same weights."""
        if self._seed is not None:
            self._seed += 1
        return self._seed

    def kernel(self) -> keras.Initializer:
        """N(0, 0.02), as in the paper."""
        return keras.initializers.RandomNormal(0.0, 0.02, seed=self.next_seed())

    def normalise(self, x: keras.KerasTensor, name: str) -> keras.KerasTensor:
        if self.norm == "batch":
            return FusedBatchNormalization(momentum=0.9, epsilon=1e-5, name=f"{name}_norm", dtype=self.policy)(x)
        if self.norm == "instance":
            return layers.GroupNormalization(groups=-1, epsilon=1e-5, name=f"{name}_norm", dtype=self.policy)(x)
        return x

    def convolve(self, x: keras.KerasTensor, width: int, name: str, **options) -> keras.KerasTensor:
        options = {"kernel_size": 4, "strides": 2, "padding": "same", "use_bias": False} | options
        return self.convolution(width, kernel_initializer=self.kernel(), name=name, dtype=self.policy, **options)(x)

    def down(self, x: keras.KerasTensor, width: int, level: int, normalise: bool) -> keras.KerasTensor:
        """Halve the picture: convolution, norm, LeakyReLU (slope 0.2)."""
        x = self.convolve(x, width, name=f"down_{level}_conv", use_bias=normalise and self.norm == "none")
        if normalise:
            x = self.normalise(x, name=f"down_{level}")
        return layers.LeakyReLU(negative_slope=0.2, name=f"down_{level}", dtype=self.policy)(x)

    def up(self, x: keras.KerasTensor, width: int, level: int, dropout: float) -> keras.KerasTensor:
        """Double the picture: transposed convolution, norm, dropout, ReLU."""
        x = self.enlarge(x, width, name=f"up_{level}_conv", use_bias=self.norm == "none")
        x = self.normalise(x, name=f"up_{level}")
        if dropout:
            x = layers.Dropout(dropout, seed=self.next_seed(), name=f"up_{level}_dropout", dtype=self.policy)(x)
        return layers.ReLU(name=f"up_{level}", dtype=self.policy)(x)

    def enlarge(self, x: keras.KerasTensor, width: int, name: str, use_bias: bool) -> keras.KerasTensor:
        if self.upsample == "resize":
            x = layers.UpSampling2D(2, interpolation="nearest", name=f"{name}_resize", dtype=self.policy)(x)
            return self.convolve(x, width, name, kernel_size=3, strides=1, use_bias=use_bias)
        return layers.Conv2DTranspose(
            width, 4, 2, "same", use_bias=use_bias, kernel_initializer=self.kernel(), name=name, dtype=self.policy
        )(x)


# --- Counting, without building anything ------------------------------------------------------------------------------


@dataclass(frozen=True)
class LayerCount:
    """One convolution of the generator with the norm that follows it: what goes in, what comes out, what it costs.

    Args:
        name: "down_1", "up_2" or "to_picture", as in the names of the layers.
        size: height and width of what comes out, in pixels.
        kernel: height and width of the kernel.
        inputs: channels from the layer before.
        skip: channels that a skip puts beside them, also going in; 0 where there is none.
        outputs: channels that come out.
        weights: numbers in the kernel, one kernel for each pair of a channel in and a channel out.
        biases: one for each channel out, or 0 where a norm follows: it would subtract them at once.
        norm: scale and shift of the norm, two for each channel out, or 0.

    >>> count_parameters(256, 64).layers[8].parameters
    4195328
    """

    name: str
    size: int
    kernel: int
    inputs: int
    skip: int
    outputs: int
    weights: int
    biases: int
    norm: int

    @property
    def parameters(self) -> int:
        """Everything that training changes in this layer."""
        return self.weights + self.biases + self.norm


@dataclass(frozen=True, repr=False)
class ParameterTable:
    """The generator's layers from the picture to the picture, and how many parameters they have; prints as a table.

    >>> count_parameters(32, 4).total
    65835
    """

    layers: tuple[LayerCount, ...]

    @property
    def total(self) -> int:
        """The trainable parameters of the whole network."""
        return sum(layer.parameters for layer in self.layers)

    def __iter__(self) -> Iterator[LayerCount]:
        """Layer by layer."""
        return iter(self.layers)

    def __repr__(self) -> str:
        """The table as text, for a notebook."""
        lines = [f"{'layer':<11}{'in':>11}{'out':>6}{'size':>10}{'weights':>12}{'biases':>8}{'norm':>7}"]
        for layer in self.layers:
            channels = f"{layer.inputs} + {layer.skip}" if layer.skip else f"{layer.inputs}"
            size = f"{layer.size} x {layer.size}"
            numbers = f"{layer.weights:>12,}{layer.biases:>8,}{layer.norm:>7,}"
            lines.append(f"{layer.name:<11}{channels:>11}{layer.outputs:>6}{size:>10}{numbers}")
        return "\n".join([*lines, f"{'total':<11}{self.total:>54,}"])


def count_parameters(
    image_size: int = 256,
    filters: int = 64,
    source_channels: int = 3,
    target_channels: int = 3,
    skips: bool = True,
    norm: str = "batch",
    upsample: str = "transpose",
    depth: int | None = None,
) -> ParameterTable:
    """Count the generator's trainable parameters layer by layer, by arithmetic alone.

    Args:
        image_size: as for `generator_model`, and so are the arguments up to `upsample`.
        filters: channels of the first layer.
        source_channels: channels of the input.
        target_channels: channels of the output.
        skips: with or without skip connections.
        norm: "batch", "instance" or "none".
        upsample: "transpose" or "resize".
        depth: how often the picture is halved; default: until one pixel is left, as in `generator_model`. Sizes do not
            enter the count, so a depth of 5 has the parameters of the generator for 32 px, whatever the picture.

    Raises:
        UsageError: an argument that cannot work.

    >>> count_parameters(256, 64).total
    54413955
    """
    image_size = check_image_size(image_size)
    _check_options(filters, norm, upsample, dropout=0.0)
    depth = _check_levels("depth", depth, image_size)
    widths = encoder_widths(2**depth, filters)

    rows = []
    inputs = source_channels
    for level, width in enumerate(widths, start=1):
        kind = norm if 1 < level < depth else ""  # neither the first layer nor the bottleneck has a norm, or a bias
        rows.append(_count(f"down_{level}", image_size >> level, 4, inputs, 0, width, kind))
        inputs = width
    kernel, skip = (4 if upsample == "transpose" else 3), 0
    for level, width in enumerate(reversed(widths[:-1]), start=1):
        rows.append(_count(f"up_{level}", image_size >> (depth - level), kernel, inputs, skip, width, norm))
        inputs, skip = width, width if skips else 0  # the skip of a size is as wide as what the decoder has made of it
    rows.append(_count("to_picture", image_size, kernel, inputs, skip, target_channels, "none"))
    return ParameterTable(tuple(rows))


def _count(name: str, size: int, kernel: int, inputs: int, skip: int, outputs: int, norm: str) -> LayerCount:
    """One row; `norm` is "none" where a bias takes the norm's place, and "" where there is neither."""
    weights = kernel * kernel * (inputs + skip) * outputs
    biases = outputs if norm == "none" else 0
    scale_and_shift = 2 * outputs if norm in ("batch", "instance") else 0
    return LayerCount(name, size, kernel, inputs, skip, outputs, weights, biases, scale_and_shift)


# --- Looking inside ---------------------------------------------------------------------------------------------------


def skip_sizes(generator: keras.Model) -> dict[int, int]:
    """The skips of a generator: level -> height in pixels of what it carries; level 1 is the innermost.

    >>> skip_sizes(generator_model(64, 2))
    {1: 2, 2: 4, 3: 8, 4: 16, 5: 32}
    """
    joints = [layer for layer in generator.layers if layer.name.startswith("skip_") and hasattr(layer, "axis")]
    return {int(layer.name.removeprefix("skip_")): int(layer.output.shape[1]) for layer in joints}


def cut_skips(generator: keras.Model, levels: Iterable[int]) -> keras.Model:
    """The same generator, weights shared, in which some skips carry zeros instead of what the encoder saw.

    Args:
        generator: a U-Net of `generator_model`; it stays as it is.
        levels: which skips, as in the names of the layers: 1 is the innermost, of 2 x 2 pixels.

    Raises:
        UsageError: a skip that this generator does not have.

    >>> model = generator_model(32, 2)
    >>> cut_skips(model, [4]).count_params() == model.count_params()
    True
    """
    chosen, known = set(levels), skip_sizes(generator)
    if not chosen <= set(known):
        has = f"skips {sorted(known)}, from the inside to the outside" if known else "no skips"
        raise UsageError(f"levels={sorted(chosen)} does not work: this generator has {has}.")
    cut = {f"skip_{level}" for level in chosen}

    def call(layer, *inputs, **options):
        if layer.name in cut:
            decoded, encoded = inputs[0]
            inputs = ([decoded, layers.Rescaling(0.0, name=f"{layer.name}_cut")(encoded)],)
        return layer(*inputs, **options)

    return keras.models.clone_model(generator, clone_function=lambda layer: layer, call_function=call)


def check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    """Raise a `UsageError` that lists the choices unless `value` is one of them.

    >>> check_choice("norm", "batch", ("batch", "none"))
    """
    if value not in choices:
        raise UsageError(f"{name}={value!r} is not known. {nearest(str(value), list(choices))}")


def _check_holes(source_channels: int, target_channels: int) -> None:
    if source_channels != target_channels + 1:
        raise UsageError(
            f"fills_holes=True does not work: the source has {source_channels} channels and the target "
            f"{target_channels}. The source needs the target's channels and one more, which says where the holes are "
            "(task 'inpaint')."
        )


def _check_levels(name: str, levels: int | None, image_size: int) -> int:
    """How often to halve a picture of this size: as often as was asked for, or until one pixel is left."""
    deepest = image_size.bit_length() - 1
    levels = deepest if levels is None else levels
    check_count(name, levels)
    if levels > deepest:
        raise UsageError(
            f"{name}={levels} does not work: after {deepest} halvings of {image_size} px one pixel is left."
        )
    return int(levels)


def _check_options(filters: int, norm: str, upsample: str, dropout: float) -> None:
    check_count("filters", filters)
    check_choice("norm", norm, NORMS)
    check_choice("upsample", upsample, UPSAMPLINGS)
    if not 0.0 <= dropout < 1.0:
        raise UsageError(f"dropout={dropout!r} does not work: it is a share, at least 0 and below 1 (the paper: 0.5).")
