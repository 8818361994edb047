"""Exercises and quiz of lesson 05: the PatchGAN discriminator."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pix2pix_edu.exercises.compare import Wrong, describe, number, parts, same
from pix2pix_edu.exercises.engine import Function, Value, exercise
from pix2pix_edu.exercises.quiz import Question, Quiz, right, wrong

Layers = Sequence[tuple[int, ...]]  # (kernel, stride) or (kernel, stride, padding), the first layer first

PAPER = [(4, 2, 1), (4, 2, 1), (4, 2, 1), (4, 1, 1), (4, 1, 1)]
WRONG_END = "That is the stack read from the wrong end: the first layer of the list is the one that sees the picture."


# --- q1: the receptive field ------------------------------------------------------------------------------------------


def _field(
    layers: Layers, *, start: int = 1, spent: int = 1, multiply_first: bool = False, jumps: str = "product"
) -> int:
    """The receptive field, right by default; each option makes one foreseen mistake."""
    field, jump = start, 1
    for kernel, stride, *_ in layers:
        if multiply_first:
            jump *= stride
        field += (kernel - spent) * jump
        if jumps == "product" and not multiply_first:
            jump *= stride
        elif jumps == "sum":
            jump += stride
        elif jumps == "last":
            jump = stride
    return field


def _backwards(layers: Layers) -> int:
    """The recursion from the last layer to the first, with the mistake that is made there."""
    field = 1
    for kernel, stride, *_ in reversed(layers):
        field = field * stride + kernel
    return field


def _field_suspects(layers: Layers) -> dict[str, int]:
    """Likely cause -> the number that this mistake gives."""
    kernels, strides = [layer[0] for layer in layers], [layer[1] for layer in layers]
    only_kernels, jump = sum(kernels) - len(layers) + 1, int(np.prod(strides))
    twos = [(kernel, 2) for kernel in kernels]
    return {
        "The jump is missing: after a stride, one place further on is several pixels further on in the "
        "picture.": only_kernels,
        "You multiplied the jump before you added. A layer still steps over the grid that it is given; its own stride "
        "only concerns the layers after it.": _field(layers, multiply_first=True),
        "You counted the whole kernel. One of its places is already in the field, so a kernel adds kernel - 1.": _field(
            layers, spent=0
        ),
        WRONG_END: _field(layers[::-1]),
        "One pixel is missing: without any layer the field is 1, not 0.": _field(layers, start=0),
        "Jumps multiply: two layers of stride 2 make steps of 4 pixels, and three make steps of 8.": _field(
            layers, jumps="sum"
        ),
        "The jump is the product of all strides so far, not the stride of the layer before.": _field(
            layers, jumps="last"
        ),
        "You took a stride of 2 for every layer: it is the second number of each pair.": _field(twos),
        "That is the jump: how far apart neighbouring outputs look. The field is how much one of them sees.": jump,
        "Adding up the kernels is not enough: strides count, and neighbouring windows overlap.": sum(kernels),
        "Going back from the output, the rule is (field - 1) * stride + kernel: the - 1 is missing.": _backwards(
            layers
        ),
    }


def _random_stack(rng: np.random.Generator, count: int) -> Layers:
    """Layers (kernel, stride, padding); no stride is larger than its kernel, or pixels would be left out."""
    kernels = rng.integers(2, 7, count)
    return [(int(k), int(rng.integers(1, min(k, 3) + 1)), int(rng.integers(1, 4))) for k in kernels]


def _random_layers(rng: np.random.Generator, count: int) -> Layers:
    """Kernels and strides for which every foreseen mistake gives a number of its own, so that each can be named."""
    while True:
        layers = [layer[:2] for layer in _random_stack(rng, count)]
        values = [_field(layers), *_field_suspects(layers).values()]
        if len(set(values)) == len(values) and np.prod([stride for _, stride in layers]) < 40:
            return layers


@exercise(
    hints=[
        "Start with a stack of no layers at all: one output is one pixel, so `field = 1` and `jump = 1`.",
        "A layer looks at `kernel` places. One of them is already in the field; each of the other `kernel - 1` adds "
        "`jump` pixels.",
        "`field += (kernel - 1) * jump`, and only after that `jump *= stride`: a layer's own stride spreads out the "
        "places of its *output*, which the next layer looks at.",
    ],
    solution="""
        def receptive_field(layers):
            field, jump = 1, 1
            for kernel, stride in layers:
                field += (kernel - 1) * jump
                jump *= stride
            return field
    """,
    why="It is a sum over the layers of (kernel - 1) times the product of all strides before. So a stride makes every "
    "later layer see further, and the stride of the last layer makes no difference to the field.",
)
def q1(receptive_field: Function, rng: np.random.Generator) -> None:
    """Write `receptive_field(layers)`: how many pixels one output sees, along one side.

    `layers` is a list of (kernel, stride), the first layer first. An empty list is the picture itself: 1.
    """
    paper = [layer[:2] for layer in PAPER]
    for layers in [_random_layers(rng, 3), paper, _random_layers(rng, 5), [(4, 2), (3, 1)], [(3, 2)], []]:
        same(
            receptive_field(layers),
            _field(layers),
            f"the layers {layers}",
            tolerance=1e-9,
            suspects=_field_suspects(layers),
            otherwise="Follow the stack [(4, 2), (3, 1)] on paper: the field is 1, then 4, then 4 + 2 * 2 = 8.",
        )


# --- q2: how many logits ----------------------------------------------------------------------------------------------


def _logits(size: int, layers: Layers, *, pad: int = 2, one: int = 1, up: bool = False) -> int:
    """Outputs along one side, right by default; each option makes one foreseen mistake."""
    for kernel, stride, padding in layers:
        room = size + pad * padding - kernel
        size = (-(-room // stride) if up else room // stride) + one
    return size


def _logits_suspects(size: int, layers: Layers) -> dict[str, int]:
    """Likely cause -> the number that this mistake gives."""
    return {
        "One place is missing in each layer: a window that can move by 0 steps has one place, not none.": _logits(
            size, layers, one=0
        ),
        "The padding is on both ends: it counts twice.": _logits(size, layers, pad=1),
        "The padding has no effect yet: it makes room for more places.": _logits(size, layers, pad=0),
        "A window that does not fit in as a whole is left out: round down, with //.": _logits(size, layers, up=True),
        "Dividing by the strides is only half of it: kernels take away places at the ends, and padding gives some "
        "back.": size // int(np.prod([layer[1] for layer in layers])),
        WRONG_END: _logits(size, layers[::-1]),
        "These are all logits of the map. Asked for is one side of it.": _logits(size, layers) ** 2,
    }


def _random_picture(rng: np.random.Generator) -> tuple[int, Layers]:
    """A size and a stack for which every foreseen mistake gives a number of its own, so that each can be named."""
    while True:
        size, layers = int(rng.integers(60, 200)), _random_stack(rng, 3)
        values = [_logits(size, layers), *_logits_suspects(size, layers).values()]
        if len(set(values)) == len(values) and values[0] > 3:
            return size, layers


@exercise(
    hints=[
        "One layer first: with its padding on both sides, a row has `size + 2 * padding` places.",
        "The window must fit in as a whole: its first place can be 0, `stride`, 2 * `stride`, ..., up to "
        "`size + 2 * padding - kernel`. How many are these?",
        "`size = (size + 2 * padding - kernel) // stride + 1`, for one layer after the other.",
    ],
    solution="""
        def logits_per_side(size, layers):
            for kernel, stride, padding in layers:
                size = (size + 2 * padding - kernel) // stride + 1
            return size
    """,
    why="Nothing in a convolution says how large its input must be. The same discriminator gives 14 x 14 logits for "
    "128 pixels, 30 x 30 for 256 and 62 x 62 for 512, with not one weight more.",
)
def q2(logits_per_side: Function, rng: np.random.Generator) -> None:
    """Write `logits_per_side(size, layers)`: how many outputs there are along one side of a picture of `size` pixels.

    `layers` is a list of (kernel, stride, padding), the first layer first; `padding` zeros are put on either end. The
    window has to fit in as a whole.
    """
    cases = [_random_picture(rng), _random_picture(rng), (10, PAPER[:1]), (256, PAPER), (128, PAPER), (100, PAPER)]
    for size, layers in [*cases, (33, [(3, 2, 0)] * 2)]:
        same(
            logits_per_side(size, layers),
            _logits(size, layers),
            f"{size} pixels, layers {layers}",
            tolerance=1e-9,
            suspects=_logits_suspects(size, layers),
            otherwise="Take one layer on paper: 10 pixels, kernel 4, stride 2, padding 1. With the padding there are "
            "12 places, and the window can begin at 0, 2, 4, 6 and 8: that is 5.",
        )


# --- q3: where the patch lies -----------------------------------------------------------------------------------------


def _patch(row: int, layers: Layers, *, spread: bool = True) -> tuple[int, int]:
    """First pixel row, and the one after the last, that a logit sees; `spread=False` makes one foreseen mistake."""
    offset, jump = 0, 1
    for _, stride, padding in layers:
        offset += padding * (jump if spread else 1)
        jump *= stride
    top = row * jump - offset
    return top, top + _field(layers)


def _patch_suspects(row: int, layers: Layers) -> dict[str, tuple[int, int]]:
    """Likely cause -> the two numbers that this mistake gives."""
    top, bottom = _patch(row, layers)
    field, jump = bottom - top, int(np.prod([layer[1] for layer in layers]))
    first = top - row * jump
    return {
        "Off by one: `bottom` is the row after the last one, as in a slice.": (top, bottom - 1),
        "Off by one: `bottom - top` is the receptive field, so `bottom` is one row less.": (top, bottom + 1),
        "The padding is missing: the first window begins before the picture.": (row * jump, row * jump + field),
        "The padding of a later layer is worth more than one pixel each: multiply it by the jump.": _patch(
            row, layers, spread=False
        ),
        "You moved by `row` pixels. Neighbouring logits look at places that are a whole jump apart.": (
            first + row,
            first + row + field,
        ),
        "The patch is too short: from one logit to the next it is one jump, but each of them sees a whole receptive "
        "field.": (top, top + jump),
        "These are tiles that touch. The patches of neighbouring logits overlap: they are one jump apart, and a whole "
        "field long.": (row * jump, (row + 1) * jump),
        "Patches do not lie side by side: neighbours are one jump apart, not one field.": (
            row * field,
            (row + 1) * field,
        ),
        "Top and bottom are swapped.": (bottom, top),
        "The stack is read from the wrong end: when you walk back, the last layer comes first.": _patch(
            row, layers[::-1]
        ),
    }


def _random_place(rng: np.random.Generator) -> tuple[int, Layers]:
    """A row and a stack for which every foreseen mistake gives another answer, so that each can be named."""
    while True:
        row, layers = int(rng.integers(1, 6)), _random_stack(rng, 3)
        answers = [_patch(row, layers), *_patch_suspects(row, layers).values()]
        if len(set(answers)) == len(answers):
            return row, layers


@exercise(
    hints=[
        "Walk back from the logit. It is output number `row` of the last layer, so `top = bottom = row` to begin with. "
        "Which places of its input does it look at?",
        "Output number n of a layer looks at the places from n * stride - padding on, `kernel` of them. Do this for "
        "`top`, and find the *last* place for `bottom`.",
        "`top = top * stride - padding` and `bottom = bottom * stride - padding + kernel - 1`, for the layers in "
        "`reversed(layers)`. In the end return `top, bottom + 1`.",
    ],
    solution="""
        def patch_rows(row, layers):
            top = bottom = row
            for kernel, stride, padding in reversed(layers):
                top = top * stride - padding
                bottom = bottom * stride - padding + kernel - 1
            return top, bottom + 1
    """,
    why="The padding of a layer counts in pixels of the picture only after it is multiplied by the jump: one zero on a "
    "grid of 8 pixels is worth 8 pixels. That is why the first patch of the 70 x 70 discriminator begins at -23.",
)
def q3(patch_rows: Function, rng: np.random.Generator) -> None:
    """Write `patch_rows(row, layers)`: the rows of the picture that the logit in row `row` of the map sees.

    Return `top, bottom`: its first row, and the one after its last, so that `bottom - top` is the receptive field.
    Padding counts: above the picture there are the rows -1, -2 and so on. `layers` is a list of (kernel, stride,
    padding), the first layer first.
    """
    for row, layers in [_random_place(rng), (9, PAPER), (0, PAPER), _random_place(rng), (2, PAPER[:1])]:
        what = f"row {row}, layers {layers}"
        top, bottom = _patch(row, layers)
        clipped = "You clipped the patch at the border. Here the padding counts: `top` can be negative."
        same(
            list(parts(patch_rows(row, layers), ("top", "bottom"), what)),
            [top, bottom],
            what,
            tolerance=1e-9,
            suspects={**_patch_suspects(row, layers), clipped: (max(top, 0), bottom)},
            otherwise="Take one layer on paper: kernel 4, stride 2, padding 1. Its output number 2 looks at the places "
            "3, 4, 5 and 6, so the answer is (3, 7).",
        )


# --- q4: who does not notice ------------------------------------------------------------------------------------------


@exercise(
    hints=[
        "What would a discriminator have to see in order to notice that two pixels have changed places?",
        "A logit sees a patch of the picture, and the same patch of the label map. Is there, after the shuffling, a "
        "patch of 16 x 16 pixels that was there before? And one of a single pixel?",
    ],
    solution="blind = 1    # it sees single pixels with their labels: the same ones as before, in other places",
    why="With a field of 1 each logit depends on one pixel and its label. Shuffling within a label changes the order "
    "of these judgements, and the mean does not care about order. So a PixelGAN can ask for the right colours under "
    "each label, and for nothing that takes two pixels.",
)
def q4(blind: Value) -> None:
    """Within each colour of the label map, all pixels of the picture change places.

    One of the five discriminators cannot notice it. Set `blind` to its receptive field: 1, 16, 34, 70 or 142.
    """
    field = number(blind, "your prediction")
    if field == 1:
        return
    causes: dict[float, str] = {
        16: "In 16 x 16 pixels there is plenty to see: a smooth wall has become noise.",
        34: "Far from it: 34 x 34 pixels hold whole windows, and their frames are gone.",
        70: "It sees more than half of the house in height and width. All of its lines have become noise.",
        142: "It sees the most of all. Think of the one that can see the least.",
    }
    raise Wrong(
        "your prediction",
        received=describe(blind),
        cause=causes.get(field, "There is no such discriminator: their fields are 1, 16, 34, 70 and 142."),
    )


quiz = Quiz(
    "Lesson 05",
    [
        Question(
            "The discriminator answers with 30 x 30 logits. How do they become one loss?",
            wrong(
                "The largest of them counts: one bad patch spoils the picture.",
                "Then only one patch would learn. Each of the 900 is asked the same question, and each one counts.",
            ),
            right("By their mean.", "900 small judgements, and each pushes the generator at its own place."),
            wrong(
                "A last layer, which is trained as well, weighs them and makes one number.",
                "That would be a discriminator that sees everything. The map itself is the answer of a PatchGAN.",
            ),
        ),
        Question(
            "Kernels of 4 and strides 2, 2, 2, 1, 1 see 70 pixels. Now the last stride becomes 2. How many are seen?",
            wrong("142", "That takes one more stride of 2 before the last two layers. Here nothing comes after it."),
            wrong(
                "94", "That is when the layer before the last gets the stride: then the last one steps over 16 pixels."
            ),
            right(
                "70, as before",
                "A stride only spreads out the outputs of its own layer. There are fewer logits; each sees as much.",
            ),
        ),
        Question(
            "A discriminator with a field of 1 judges single pixels, each with its label. What can it ask for?",
            right(
                "Colours that occur under this label, in their right share",
                "It sees no neighbour, so it cannot know an edge from a smear. The paper calls it a PixelGAN.",
            ),
            wrong("Sharp edges, since it looks at every single pixel", "An edge is between two pixels. It sees one."),
            wrong(
                "Nothing, since a pixel alone is always real",
                "A grey pixel where only red bricks occur can be told at once, without any neighbour.",
            ),
        ),
        Question(
            "A discriminator with a field of 70, trained at 128 pixels, gets a picture of 512 pixels. What happens?",
            wrong(
                "The picture must be made smaller first.",
                "Convolutions do not mind. Smaller bricks would look fake to it, though, so better leave the size.",
            ),
            wrong(
                "Its field grows to 280 pixels.",
                "The field is made of kernels and strides alone. It is the map that grows.",
            ),
            right("It answers with 62 x 62 logits, each for 70 x 70 pixels.", "512 / 8 is 64, less 2. Same weights."),
        ),
        Question(
            "On a map of logits one tile is dark, deep in the negative. What does that say?",
            wrong(
                "The 8 x 8 pixels under the tile are wrong.",
                "Its logit saw 70 x 70 pixels, far more than the tile covers, and any of them may be to blame.",
            ),
            right(
                "To this discriminator, the patch around there looks generated.",
                "An opinion, from a network that is still learning, about the patch together with its labels.",
            ),
            wrong(
                "There the picture is far from its target.",
                "It never sees the target beside a generated picture. And a real patch can get a dark tile, too.",
            ),
        ),
    ],
)
