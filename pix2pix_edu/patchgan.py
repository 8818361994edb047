"""The discriminator: a PatchGAN, which judges patches instead of whole pictures (paper 3.2.2; seed lesson 3.1).

It is a plain stack of convolutions. Each number of its output sees one square patch of the picture, its receptive
field, and says how real that patch looks as a logit: above 0 "real", below 0 "fake".
"""

from __future__ import annotations

from numbers import Integral
from typing import Any, NamedTuple

from pix2pix_edu.backend import keras, layers, ops
from pix2pix_edu.errors import UsageError, check_count
from pix2pix_edu.sizes import check_image_size
from pix2pix_edu.unet import NORMS, _Blocks, check_choice

# receptive field in pixels -> how many of the 4x4 convolutions have stride 2; two more of stride 1 follow.
STRIDED_LAYERS = {16: 1, 34: 2, 70: 3, 142: 4, 286: 5}
PIXEL = 1  # the 1x1 "PixelGAN" is built of 1x1 convolutions instead
RECEPTIVE_FIELDS = (PIXEL, *STRIDED_LAYERS)


def discriminator_model(
    image_size: int = 256,
    filters: int = 64,
    receptive_field: int = 70,
    conditional: bool = True,
    source_channels: int = 3,
    target_channels: int = 3,
    norm: str = "batch",
    seed: int | None = None,
    precision: str = "float32",
    spectral_norm: bool = False,
) -> keras.Model:
    """Build the discriminator: how real does each patch of a picture look, given its source?

    Args:
        image_size: height and width in pixels, a power of two from 32 to 512.
        filters: channels of the first layer; each further layer doubles them, up to `8 * filters`.
        receptive_field: side of the patch that one logit sees: 1, 16, 34, 70, 142 or 286 pixels.
        conditional: True shows it the source beside the picture (cGAN), False hides the source (GAN). The model takes
            both in either case, so that one training step serves both.
        source_channels: channels of the source.
        target_channels: channels of the picture to be judged.
        norm: "batch", "instance", or "none".
        seed: makes the initial weights reproducible.
        precision: as for `generator_model`; the logits are in float32 with each.
        spectral_norm: True divides the weights of each convolution by their largest singular value (`SpectralConv2D`),
            in the place of `norm`: a norm after it would undo the division, for it brings any scale back to one.

    Returns:
        A Keras model from `[source, picture]`, floats in [-1, 1], to logits of shape (N, rows, columns, 1). The paper's
        70x70 discriminator at 256 px gives 30x30 logits.

    Raises:
        UsageError: an argument that cannot work, or a receptive field that leaves no logit at this size.

    >>> discriminator_model(image_size=256, filters=4, receptive_field=70).output_shape
    (None, 30, 30, 1)
    """
    image_size = check_image_size(image_size)
    check_count("filters", filters)
    check_choice("norm", norm, NORMS)
    _check_receptive_field(receptive_field, image_size)
    norm = "none" if spectral_norm else norm
    convolution = SpectralConv2D if spectral_norm else layers.Conv2D
    build = _Blocks(norm, seed=seed, precision=precision, convolution=convolution)

    source = layers.Input((image_size, image_size, source_channels), name="source")
    picture = layers.Input((image_size, image_size, target_channels), name="picture")
    seen = (
        layers.Concatenate(name="pair", dtype=build.policy)
        if conditional
        else HideSource(name="hide", dtype=build.policy)
    )
    x = seen([source, picture])

    for number, (width, options) in enumerate(_hidden_layers(filters, receptive_field), start=1):
        x = _pad_if_needed(x, options, f"pad_{number}", build.policy)
        x = build.convolve(x, width, name=f"conv_{number}", use_bias=number > 1 and norm == "none", **options)
        if number > 1:  # no norm on the first layer (paper)
            x = build.normalise(x, name=f"conv_{number}")
        x = layers.LeakyReLU(negative_slope=0.2, name=f"leaky_{number}", dtype=build.policy)(x)

    last = _FLAT if receptive_field == PIXEL else _STRIDE_1
    x = _pad_if_needed(x, last, "pad_logits", build.policy)
    x = build.convolve(x, 1, name="to_logits", use_bias=True, **last)
    logits = layers.Activation("linear", dtype="float32", name="logits")(x)
    return keras.Model([source, picture], logits, name=f"patchgan_{receptive_field}")


@keras.saving.register_keras_serializable("pix2pix_edu")
class SpectralConv2D(layers.Conv2D):
    """A convolution whose weights are divided by their largest singular value (Miyato et al. 2018).

    Written as a matrix W with one column for each channel that comes out, the kernel then lengthens no vector: the
    layer cannot amplify, and a discriminator of such layers has slopes that stay bounded. The singular value is found
    by power iteration, one round for each call in training; between the rounds the layer remembers the direction `u`.

    Keras has a wrapper for this, `SpectralNormalization`. It overwrites the weights instead of dividing them when they
    are used, and what that does to the gradient differs between the backends.

    >>> layer = SpectralConv2D(4, 3)
    >>> layer(ops.ones((1, 8, 8, 2)), training=True).shape[-1]
    4
    """

    def build(self, input_shape: tuple) -> None:
        """Make the weights, and a direction to begin with."""
        super().build(input_shape)
        seed = getattr(self.kernel_initializer, "seed", None)
        self.u = self.add_weight(
            name="u",
            shape=(self.filters,),
            initializer=keras.initializers.RandomNormal(0.0, 1.0, seed=seed),
            trainable=False,
            autocast=False,  # too few bits, and the iteration would stand still
        )

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """Convolve with the divided weights; in training, first look a little closer for the singular value."""
        matrix = ops.cast(ops.reshape(self.kernel, (-1, self.filters)), "float32")
        fixed = ops.stop_gradient(matrix)  # the two directions are constants to the gradient, as in the paper
        u = ops.stop_gradient(ops.convert_to_tensor(self.u))
        v = _unit(ops.matmul(fixed, u))
        if training:
            u = _unit(ops.matmul(v, fixed))
            self.u.assign(u)
        sigma = ops.sum(v * ops.matmul(matrix, u))
        kernel = ops.cast(ops.reshape(matrix / sigma, self.kernel.shape), self.compute_dtype)
        outputs = self.convolution_op(inputs, kernel)
        return outputs if self.bias is None else ops.add(outputs, self.bias)

    def save_own_variables(self, store: Any) -> None:
        """Called by Keras when it saves: a convolution would keep its weights alone, without the direction."""
        super().save_own_variables(store)
        store["u"] = ops.convert_to_numpy(self.u.value)

    def load_own_variables(self, store: Any) -> None:
        """Called by Keras when it loads."""
        super().load_own_variables(store)
        self.u.assign(store["u"])


def _unit(vector: Any) -> Any:
    return vector / (ops.norm(vector) + 1e-12)


@keras.saving.register_keras_serializable("pix2pix_edu")
class HideSource(layers.Layer):
    """Takes source and picture, and passes on the picture alone: what an unconditional discriminator sees.

    Keras wants every input of a model to be connected to its output; this is the connection that carries nothing.

    >>> HideSource().compute_output_shape([(None, 64, 64, 1), (None, 64, 64, 3)])
    (None, 64, 64, 3)
    """

    def call(self, pair: list) -> keras.KerasTensor:
        """The second of the two."""
        return pair[1]

    def compute_output_shape(self, input_shape: list) -> tuple:
        """The shape of the second of the two."""
        return input_shape[1]


def receptive_field(discriminator: keras.Model) -> int:
    """Side of the square of input pixels that one output number depends on, computed from the model's layers.

    Each layer with kernel k widens the field by (k - 1) steps of the current grid, and each stride s makes the grid s
    times coarser: `field += (k - 1) * jump; jump *= s`.

    Raises:
        UsageError: the model is not a stack of convolutions and poolings (such as a U-Net, whose field is everything).

    >>> receptive_field(discriminator_model(image_size=64, filters=4, receptive_field=34))
    34
    """
    field, jump = 1, 1
    for layer in discriminator.layers:
        window = _window(layer)
        field += (window.kernel - 1) * jump
        jump *= window.stride
    return field


class Patch(NamedTuple):
    """The pixels that one logit sees: rows `top` to `bottom` and columns `left` to `right`, both without the last.

    >>> patch = Patch(top=8, left=0, bottom=24, right=16)
    >>> patch.bottom - patch.top
    16
    """

    top: int
    left: int
    bottom: int
    right: int


def patch_of(discriminator: keras.Model, row: int, column: int, clip: bool = False) -> Patch:
    """Where in the picture the patch lies that one logit judges, computed from the layers.

    A logit near the border also sees the zeros that the layers put around the picture: its patch begins at a negative
    row or ends beyond the last one. Its side is `receptive_field(discriminator)` all the same.

    Args:
        discriminator: a stack of convolutions, such as `discriminator_model` builds.
        row: of the logit, from 0 at the top.
        column: of the logit, from 0 at the left.
        clip: keep only what lies in the picture, so that `picture[top:bottom, left:right]` cuts it out.

    Raises:
        UsageError: there is no such logit, or the model is not a stack of convolutions and poolings.

    >>> D = discriminator_model(image_size=128, filters=4, receptive_field=70)
    >>> patch_of(D, row=0, column=5)
    Patch(top=-23, left=17, bottom=47, right=87)
    >>> patch_of(D, row=0, column=5, clip=True)
    Patch(top=0, left=17, bottom=47, right=87)
    """
    spans: list[tuple[int, int]] = []
    for axis, (name, index) in enumerate((("row", row), ("column", column)), start=1):
        count = discriminator.output_shape[axis]
        if isinstance(index, bool) or not isinstance(index, Integral) or not 0 <= index < count:
            raise UsageError(f"{name}={index!r} does not exist: this discriminator has {name}s 0 to {count - 1}.")
        first = last = int(index)  # walk back from the logit to the picture
        for layer in reversed(discriminator.layers):
            window = _window(layer, axis - 1)
            first = first * window.stride - window.padding
            last = last * window.stride - window.padding + window.kernel - 1
        size = discriminator.inputs[-1].shape[axis]
        spans.append((max(first, 0), min(last + 1, size)) if clip else (first, last + 1))
    (top, bottom), (left, right) = spans
    return Patch(top, left, bottom, right)


_FLAT = {"kernel_size": 1, "strides": 1}
_STRIDE_1 = {"kernel_size": 4, "strides": 1, "padding": "valid"}
_STRIDE_2: dict = {}


def _hidden_layers(filters: int, receptive_field: int) -> list[tuple[int, dict]]:
    """Width and options of each layer before the last.

    The two layers of stride 1 at the end are what makes the field 70. With a layer of stride 2 more it is 142, and 94
    if only one of stride 1 is left; several well-known copies of pix2pix came to mislabel theirs in this way.
    """
    if receptive_field == PIXEL:
        return [(filters, _FLAT), (2 * filters, _FLAT)]
    strided = STRIDED_LAYERS[receptive_field]
    widths = [filters * min(2**number, 8) for number in range(strided + 1)]
    return [(width, _STRIDE_2) for width in widths[:-1]] + [(widths[-1], _STRIDE_1)]


def _pad_if_needed(x: keras.KerasTensor, options: dict, name: str, policy: str | None) -> keras.KerasTensor:
    """One pixel of zeros on each side before a layer of stride 1, as in the original: it then shrinks x by one."""
    return layers.ZeroPadding2D(1, name=name, dtype=policy)(x) if options is _STRIDE_1 else x


class _Window(NamedTuple):
    """What one place of a layer's output looks at, along one axis: so many places, in such steps, after such a rim."""

    kernel: int = 1
    stride: int = 1
    padding: int = 0  # places of zeros before the first


def _window(layer: keras.Layer, axis: int = 0) -> _Window:
    if isinstance(layer, (layers.Conv2DTranspose, layers.UpSampling2D)):
        raise UsageError(
            f"The receptive field of {layer.name!r} cannot be followed: `receptive_field` reads stacks of convolutions "
            "such as a discriminator. A U-Net goes through one pixel, so each of its outputs sees the whole picture."
        )
    if isinstance(layer, layers.ZeroPadding2D):
        return _Window(padding=layer.padding[axis][0])
    if isinstance(layer, layers.Conv2D):
        dilated = (layer.kernel_size[axis] - 1) * layer.dilation_rate[axis] + 1
        return _Window(dilated, layer.strides[axis], _zeros_before(layer, dilated, axis))
    if isinstance(layer, (layers.MaxPooling2D, layers.AveragePooling2D)):
        kernel = layer.pool_size[axis]
        return _Window(kernel, layer.strides[axis], _zeros_before(layer, kernel, axis))
    return _Window()


def _zeros_before(layer: keras.Layer, kernel: int, axis: int) -> int:
    """How many zeros Keras puts before the first place: with "same" the output has size / stride places, rounded up.

    What is missing for that is shared between both ends, and the end gets one more if it is odd.
    """
    if layer.padding == "valid":
        return 0
    size, stride = layer.input.shape[axis + 1], layer.strides[axis]
    return max((-(-size // stride) - 1) * stride + kernel - size, 0) // 2


def _check_receptive_field(receptive_field: int, image_size: int) -> None:
    if receptive_field not in RECEPTIVE_FIELDS:
        raise UsageError(
            f"receptive_field={receptive_field!r} cannot be built. Known: {', '.join(map(str, RECEPTIVE_FIELDS))} "
            "pixels (1 judges single pixels, 70 is the paper's choice, 286 the whole picture at 256 px)."
        )
    if image_size < smallest_size(receptive_field):
        fitting = ", ".join(str(field) for field in RECEPTIVE_FIELDS if smallest_size(field) <= image_size)
        raise UsageError(
            f"receptive_field={receptive_field} leaves no logit at image_size={image_size}: it needs pictures of at "
            f"least {smallest_size(receptive_field)} pixels. At this size choose one of {fitting}."
        )


def smallest_size(receptive_field: int) -> int:
    """The smallest image size that leaves a logit: the two last layers need a map of 4x4.

    >>> smallest_size(70)
    32
    """
    return 1 if receptive_field == PIXEL else 4 * 2 ** STRIDED_LAYERS[receptive_field]
