"""Exercises and quiz of lesson 04: the U-Net."""

from __future__ import annotations

import numpy as np

from pix2pix_edu.exercises.compare import Wrong, describe, number, same
from pix2pix_edu.exercises.engine import Function, Value, exercise
from pix2pix_edu.exercises.quiz import Question, Quiz, right, wrong


@exercise(
    hints=[
        "One channel out looks at *all* channels in, each through its own window of kernel x kernel numbers.",
        "So the weights are kernel * kernel * inputs * outputs. A bias is one more number for each channel out.",
    ],
    solution="""
        def conv_parameters(kernel, inputs, outputs, bias):
            weights = kernel * kernel * inputs * outputs
            return weights + outputs if bias else weights
    """,
    why="Height and width of the picture do not appear: the same kernel slides over all places. So the same network "
    "can be used for larger pictures.",
)
def q1(conv_parameters: Function, rng: np.random.Generator) -> None:
    """Write `conv_parameters(kernel, inputs, outputs, bias)`: how many numbers a convolution has to learn.

    The kernel is `kernel` x `kernel` pixels, `inputs` and `outputs` are channels, and `bias` is True or False.
    """
    for bias in (False, True, False, True):
        kernel, inputs, outputs = int(rng.integers(2, 6)), int(rng.integers(10, 40)), int(rng.integers(50, 90))
        weights = kernel * kernel * inputs * outputs
        expected = weights + outputs * bias
        same(
            conv_parameters(kernel, inputs, outputs, bias),
            expected,
            f"a {kernel} x {kernel} kernel, {inputs} channels in, {outputs} out, {'with' if bias else 'without'} bias",
            tolerance=1e-9,
            suspects={
                "The biases are missing: with `bias=True` there is one more number for each channel out.": weights,
                "Here is no bias: add it only if `bias` is True.": weights + outputs,
                "A bias belongs to a channel that comes out, not to one that goes in.": weights + inputs,
                "There is one bias for each channel out, not one for the whole layer.": weights + 1,
                "A kernel has a height and a width: its side counts twice.": kernel * inputs * outputs + outputs * bias,
                "Each channel out looks at all channels in: multiply by `inputs` as well.": kernel * kernel * outputs
                + outputs * bias,
                "Each channel in has its own kernel for each channel out: multiply, do not add.": kernel
                * kernel
                * (inputs + outputs)
                + outputs * bias,
                "That is one kernel. Each channel out has its own: multiply by `outputs` as well.": kernel
                * kernel
                * inputs
                + outputs * bias,
            },
            otherwise="Start with one channel out: its kernel has kernel * kernel * inputs numbers.",
        )


def _count(
    widths: list[int],
    channels: int,
    *,
    skips: bool = True,
    first_norm: bool = False,
    bottleneck_norm: bool = False,
    per_norm: int = 2,
    biases: bool = False,
    last_bias: bool = True,
    doubled_outputs: bool = False,
    last_doubled: bool = True,
) -> int:
    """The U-Net's parameters, right by default; each option makes one foreseen mistake."""
    total, inputs = 0, channels
    for level, width in enumerate(widths):
        is_first, is_last = level == 0, level == len(widths) - 1
        has_norm = (first_norm or not is_first) and (bottleneck_norm or not is_last)
        total += 16 * inputs * width + (per_norm * width if has_norm else 0) + (width if biases else 0)
        inputs = width
    for width in reversed(widths[:-1]):
        outputs = 2 * width if doubled_outputs else width
        total += 16 * inputs * outputs + per_norm * outputs + (outputs if biases else 0)
        inputs = 2 * width if skips else width
    inputs = inputs if last_doubled else widths[0]
    return total + 16 * inputs * channels + (channels if last_bias else 0)


@exercise(
    hints=[
        "Walk through the network with one variable, `inputs`: the channels that go into the next layer.",
        "Encoder: `for width in widths`. Decoder: `for width in reversed(widths[:-1])`, and after each of its layers a "
        "skip is put beside the output, so `inputs = 2 * width`.",
        "A norm has two numbers for each channel. Neither the first layer of the encoder nor its last has one.",
    ],
    solution="""
        def unet_parameters(widths, channels):
            total, inputs = 0, channels
            for level, width in enumerate(widths):
                total += 16 * inputs * width
                if 0 < level < len(widths) - 1:
                    total += 2 * width
                inputs = width
            for width in reversed(widths[:-1]):
                total += 16 * inputs * width + 2 * width
                inputs = 2 * width
            return total + 16 * inputs * channels + channels
    """,
    why="The trap is in the decoder: what goes in is twice as wide as what came out of the layer before, because the "
    "skip is beside it. The paper's list of decoder widths counts what goes in.",
)
def q2(unet_parameters: Function, rng: np.random.Generator) -> None:
    """Write `unet_parameters(widths, channels)`: the trainable parameters of the whole generator.

    `widths` are the channels of the encoder's layers, and `channels` those of the source and of the target. All kernels
    are 4 x 4. Only the last layer, to the picture, has biases.
    """
    for channels in (3, 1, 2):
        start, levels = int(rng.integers(3, 9)), int(rng.integers(4, 7))
        widths = [start * min(2**level, 8) for level in range(levels)]
        same(
            unet_parameters(widths, channels),
            _count(widths, channels),
            f"widths {widths}, {channels} channel(s)",
            tolerance=1e-9,
            suspects={
                "These are the parameters without skips. After each decoder layer the skip is put beside the "
                "output, so twice as many channels go into the next one.": _count(widths, channels, skips=False),
                "A decoder layer gives `width` channels. The paper's list has twice as many because it counts what "
                "goes in, with the skip.": _count(widths, channels, doubled_outputs=True),
                "The bottleneck has no norm: at batch size 1 it would be zero.": _count(
                    widths, channels, bottleneck_norm=True
                ),
                "The first layer of the encoder has no norm.": _count(widths, channels, first_norm=True),
                "Neither the first layer of the encoder nor the bottleneck has a norm.": _count(
                    widths, channels, first_norm=True, bottleneck_norm=True
                ),
                "The norms are missing: two numbers, scale and shift, for each channel.": _count(
                    widths, channels, per_norm=0
                ),
                "A norm has two numbers for each channel, scale and shift.": _count(widths, channels, per_norm=1),
                "Only two numbers of a norm are trained; its moving averages are measured, not learnt.": _count(
                    widths, channels, per_norm=4
                ),
                "Only the last layer has biases: a norm would subtract any other bias at once.": _count(
                    widths, channels, biases=True
                ),
                "The biases of the last layer are missing: one for each channel of the picture.": _count(
                    widths, channels, last_bias=False
                ),
                "A skip is put beside the last decoder block as well: twice as many channels go into the layer to the "
                "picture.": _count(widths, channels, last_doubled=False),
            },
            otherwise="Take a short list such as [4, 8], one channel, and count on paper: 64 + 512 in the encoder, "
            "512 + 8 in the decoder, 128 + 1 to the picture.",
        )


def _transposed(signal: np.ndarray, kernel: np.ndarray, stride: int) -> np.ndarray:
    result = np.zeros((len(signal) - 1) * stride + len(kernel))
    for place, value in enumerate(signal):
        result[place * stride : place * stride + len(kernel)] += value * kernel
    return result


def _overwritten(signal: np.ndarray, kernel: np.ndarray, stride: int) -> np.ndarray:
    result = np.zeros((len(signal) - 1) * stride + len(kernel))
    for place, value in enumerate(signal):
        result[place * stride : place * stride + len(kernel)] = value * kernel
    return result


@exercise(
    hints=[
        "How long is the result? The last stamp begins at (n - 1) * stride and is as long as the kernel.",
        "Begin with `np.zeros(...)` of that length. For each value: which slice does its stamp cover?",
        "`result[start:start + len(kernel)] += value * kernel`, with `start = place * stride`.",
    ],
    solution="""
        def transposed_convolution(signal, kernel, stride):
            length = (len(signal) - 1) * stride + len(kernel)
            result = np.zeros(length)
            for place, value in enumerate(signal):
                start = place * stride
                result[start:start + len(kernel)] += value * kernel
            return result
    """,
    why="It is called transposed because it is the matrix of a convolution, transposed: the convolution gathers a "
    "window into one value, this one spreads one value over a window.",
)
def q3(transposed_convolution: Function, rng: np.random.Generator) -> None:
    """Write `transposed_convolution(signal, kernel, stride)`: each value stamps the kernel, times itself.

    Neighbouring stamps begin `stride` apart; where they overlap they add up. Nothing is cut off at the ends.
    """
    for length, width, stride in ((3, 4, 2), (5, 3, 2), (4, 3, 3), (6, 5, 1)):
        signal, kernel = rng.uniform(1, 2, length).round(1), rng.uniform(1, 2, width).round(1)
        expected = _transposed(signal, kernel, stride)
        spread = np.zeros((length - 1) * stride + 1)
        spread[::stride] = signal
        extra = (width - stride) // 2
        unmoved = np.convolve(signal, kernel)
        same(
            transposed_convolution(signal, kernel, stride),
            expected,
            f"{length} values, a kernel of {width}, stride {stride}",
            suspects={
                "Where stamps overlap, the later one has replaced the earlier one: add them up (+=).": _overwritten(
                    signal, kernel, stride
                ),
                "The kernel is the wrong way round.": _transposed(signal, kernel[::-1], stride),
                "The stride has no effect: stamp number `place` begins at place * stride.": unmoved,
                "The stride has no effect: stamp number `place` begins at place * stride, not at place.": np.append(
                    unmoved, np.zeros(len(expected) - len(unmoved))
                ),
                "That is the signal with gaps. Each value still has to stamp the kernel.": spread,
                "The ends are cut off: here everything is kept.": expected[extra : extra + length * stride],
                "It ends one step too early: the last stamp is as long as the others.": expected[: length * stride],
                "It is too long at the end: the last stamp begins at (n - 1) * stride.": np.append(
                    expected, np.zeros(stride)
                ),
                "The values themselves are missing: multiply the kernel by the value.": _transposed(
                    np.ones(length), kernel, stride
                ),
                "This is an ordinary convolution: it gathers windows, and the result is shorter.": np.convolve(
                    signal, kernel, "valid"
                ),
            },
        )


@exercise(
    hints=[
        "What has to be exact to the pixel: the lines, or the colour of a whole area?",
        "Which of the five sizes is large enough to hold a line one or two pixels wide?",
    ],
    solution="missed_most = 32    # half of the 64 px of the picture",
    why="The outermost skip carries the lines. All the others begin further in, after at least one more halving, and a "
    "thin line does not survive many of those.",
)
def q4(missed_most: Value) -> None:
    """The generator of 64 px has five skips, of 32, 16, 8, 4 and 2 pixels. One at a time is cut.

    Without which one does SSIM fall most? Set `missed_most` to the size in pixels.
    """
    size = number(missed_most, "your prediction")
    if size == 32:
        return
    causes = {
        1: "At 1 x 1 there is no skip: that is the bottleneck itself.",
        2: "2 x 2 pixels are far too few to say where a line runs.",
        4: "4 x 4 pixels are far too few to say where a line runs.",
        8: "8 x 8 pixels hold areas, and perhaps their colours. SSIM looks at structure.",
        16: "Close, but at 16 x 16 a line of two pixels has become half a pixel wide.",
        64: "At 64 x 64 there is no skip: the source itself is not handed to the decoder.",
    }
    cause = causes.get(int(size) if size == size else 0, "There is no such skip: their sizes are 32, 16, 8, 4 and 2.")
    raise Wrong("your prediction", received=describe(size), cause=cause)


quiz = Quiz(
    "Lesson 04",
    [
        Question(
            "What does a skip connection of the U-Net hand to the decoder?",
            wrong(
                "The source picture, made smaller",
                "Close, but what it hands over has been through the encoder's layers: features, not pixels.",
            ),
            right(
                "What the encoder had computed at that size",
                "The channels are put beside the decoder's own. Nothing is added up, and nothing is lost.",
            ),
            wrong(
                "The encoder's weights, so that both halves share them",
                "Weights stay where they are. What travels is the result of a layer.",
            ),
        ),
        Question(
            "In the generator for 256 pixels, which layers hold most parameters?",
            wrong(
                "The first, which works on the largest picture",
                "It has 3,072. The size of a picture costs time; parameters come from channels in times channels out.",
            ),
            wrong(
                "The bottleneck, through which everything must pass",
                "It has 512 channels in and 512 out, like its neighbours. With a skip beside it, an input is wider.",
            ),
            right(
                "The decoder layers with 512 + 512 channels in",
                "Three of them, with 8.4 million each: nearly half of the whole network.",
            ),
        ),
        Question(
            "You double the number of filters. What happens to the number of parameters?",
            wrong("It doubles.", "Each layer has twice the channels out, but twice the channels in as well."),
            right("It grows about fourfold.", "Channels in times channels out: two times two."),
            wrong(
                "It stays. Only the picture gets larger.", "Filters are channels; they have nothing to do with size."
            ),
        ),
        Question(
            "Batch size 1, and batch normalisation on a bottleneck of one pixel. What comes out of it in training?",
            right(
                "The same for every picture: its shift, which starts at zero",
                "One value is its own mean. Minus the mean leaves zero, and the long way is closed.",
            ),
            wrong(
                "Values with mean zero and variance one",
                "That takes several values for each channel. Here there is one: it has no spread.",
            ),
            wrong(
                "An error, since the variance is zero",
                "A small number is added to the variance, so nothing is divided by zero, and nobody is warned.",
            ),
        ),
        Question(
            "Why does the decoder use kernels of 4 with a stride of 2, and not of 3?",
            wrong("A kernel of 3 cannot double a picture.", "It can. Most libraries have it as an example."),
            wrong(
                "Larger kernels always give sharper pictures.",
                "Sharpness does not come from size. Count how many stamps cover each pixel.",
            ),
            right(
                "4 is a multiple of 2, so every pixel gets equally many stamps.",
                "With 3 some pixels get one, some two, some four: a checkerboard before training has even begun.",
            ),
        ),
    ],
)
