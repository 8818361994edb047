"""Random jitter, the paper's only augmentation: enlarge a little, cut a random window, mirror half of the pictures.

Both pictures of a pair must be cut and mirrored alike, or they are no longer a pair. So the window's corner and the
mirroring are drawn once for each pair, and both pictures go through the same function with them.

Everything here is NumPy and depends on nothing but a seed: TensorFlow, JAX and PyTorch train on the same bytes, and a
run that is resumed at epoch 7 sees what it would have seen. (Paper, appendix 6.2: resize to 286, crop 256, mirror.)
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from pix2pix_edu.errors import UsageError

PRECOMPUTE_LIMIT = 2 * 2**30  # bytes of enlarged pictures that Jitter keeps unless it is told otherwise
_ORDER, _BATCH = 1, 2  # so that an epoch's order and its batches never draw from the same stream


@lru_cache(maxsize=2)  # every batch of an epoch asks for it
def order(seed: int, epoch: int, n: int) -> np.ndarray:
    """In which order epoch `epoch` visits `n` pairs: a permutation that depends on seed and epoch alone; read-only.

    >>> order(seed=0, epoch=3, n=5).tolist() == order(seed=0, epoch=3, n=5).tolist()
    True
    """
    permutation = np.random.default_rng((_ORDER, seed, epoch)).permutation(n)
    permutation.flags.writeable = False  # all callers share it
    return permutation


def rng_for(seed: int, epoch: int, batch: int) -> np.random.Generator:
    """The random numbers of one batch; batches can be prepared in any order, or twice, with the same result.

    >>> float(rng_for(0, 1, 2).random()) == float(rng_for(0, 1, 2).random())
    True
    """
    return np.random.default_rng((_BATCH, seed, epoch, batch))


def jitter(
    sources: np.ndarray, targets: np.ndarray, rng: np.random.Generator, resize_to: int, mirror: bool = True
) -> tuple[np.ndarray, np.ndarray]:
    """Jitter one batch: enlarge to `resize_to`, cut windows of the old size at random, mirror half of the pairs.

    Args:
        sources: (N, H, W, C), uint8 or floats of any range.
        targets: (N, H, W, K), of the same type.
        rng: where the randomness comes from, such as `rng_for(seed, epoch, batch)`.
        resize_to: height of the enlarged pictures in pixels; the paper takes 286 for 256, which is 72 for 64.
        mirror: whether to mirror left and right with probability one half.

    Returns:
        Both batches with their old shapes and type.

    >>> picture = np.arange(2 * 32 * 32 * 3, dtype=np.uint8).reshape(2, 32, 32, 3)
    >>> source, target = jitter(picture, picture, rng_for(0, 0, 0), resize_to=36)
    >>> source.shape, bool((source == target).all())
    ((2, 32, 32, 3), True)
    """
    batch = Jitter(sources, targets, resize_to, mirror, precompute=False)
    return batch(np.arange(len(sources)), rng)


class Jitter:
    """A data set ready to be jittered: pictures are enlarged once, then every batch is only cut and mirrored.

    Args:
        sources: (N, H, W, C), uint8 or floats of any range.
        targets: (N, H, W, K), of the same type.
        resize_to: height of the enlarged pictures in pixels, at least H.
        mirror: whether to mirror left and right with probability one half.
        precompute: enlarge everything now (fast) or each picture when it is used (little memory). Left out, pictures
            are enlarged now as long as they fit into 2 GB. The results are the same to the last bit.

    Raises:
        UsageError: `resize_to` is smaller than the pictures, or the two arrays do not fit together.

    >>> pictures = np.zeros((8, 32, 32, 3), np.uint8)
    >>> source, target = Jitter(pictures, pictures, resize_to=36)([5, 0, 2], rng_for(0, 0, 0))
    >>> source.shape
    (3, 32, 32, 3)
    """

    def __init__(
        self,
        sources: np.ndarray,
        targets: np.ndarray,
        resize_to: int,
        mirror: bool = True,
        precompute: bool | None = None,
    ) -> None:
        """Check the arguments, and enlarge the pictures if they are to be enlarged now."""
        if sources.shape[:3] != targets.shape[:3] or sources.dtype != targets.dtype:
            raise UsageError(
                f"Sources and targets must agree in number, height, width and type to be jittered together, but they "
                f"are {sources.dtype} {sources.shape} and {targets.dtype} {targets.shape}."
            )
        self.height, self.width = sources.shape[1:3]
        if resize_to < self.height:
            raise UsageError(
                f"resize_to={resize_to} is smaller than the pictures ({self.height} px), so no window of their size "
                f"can be cut from them: take {self.height} for no jitter, or the paper's {jitter_size(self.height)}."
            )
        self.resized_height = resize_to
        self.resized_width = round(resize_to * self.width / self.height)
        self.mirror = mirror
        self._sources, self._targets = sources, targets
        self._enlarged: tuple[np.ndarray, np.ndarray] | None = None

        channels = sources.shape[3] + targets.shape[3]
        size = len(sources) * self.resized_height * self.resized_width * channels * sources.dtype.itemsize
        if precompute if precompute is not None else size <= PRECOMPUTE_LIMIT:
            self._enlarged = self._enlarge(sources), self._enlarge(targets)

    def __len__(self) -> int:
        """How many pairs there are."""
        return len(self._sources)

    def __call__(self, indices: np.ndarray | list[int], rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Jittered sources and targets of the pairs `indices`, as new arrays."""
        places = self.draw(indices, rng)
        sources = np.empty((len(places), *self._sources.shape[1:]), self._sources.dtype)
        targets = np.empty((len(places), *self._targets.shape[1:]), self._targets.dtype)
        for row, (index, top, left, mirrored) in enumerate(places):
            step = -1 if mirrored else 1
            source, target = self._cut(index, top, left)
            sources[row], targets[row] = source[:, ::step], target[:, ::step]
        return sources, targets

    def draw(self, indices: np.ndarray | list[int], rng: np.random.Generator) -> np.ndarray:
        """What is random about a batch: int32 (N, 4), for each pair its index, top, left, and 1 if it is mirrored."""
        n = len(indices)
        tops = rng.integers(0, self.resized_height - self.height + 1, n)
        lefts = rng.integers(0, self.resized_width - self.width + 1, n)
        mirrored = (rng.random(n) < 0.5) & self.mirror
        return np.stack([np.asarray(indices), tops, lefts, mirrored], axis=1).astype(np.int32)

    def enlarged(self) -> tuple[np.ndarray, np.ndarray]:
        """All sources and all targets at their larger size."""
        if self._enlarged is None:
            return self._enlarge(self._sources), self._enlarge(self._targets)
        return self._enlarged

    def _cut(self, index: int, top: int, left: int) -> tuple[np.ndarray, np.ndarray]:
        """The window of both enlarged pictures of a pair whose upper left corner is at (top, left)."""
        if self._enlarged is None:
            place = (top, left, self.height, self.width)
            return self._window(self._sources[index], *place), self._window(self._targets[index], *place)
        rows, columns = slice(top, top + self.height), slice(left, left + self.width)
        sources, targets = self._enlarged
        return sources[index, rows, columns], targets[index, rows, columns]

    def _enlarge(self, pictures: np.ndarray) -> np.ndarray:
        """All pictures at their larger size."""
        large = np.empty((len(pictures), self.resized_height, self.resized_width, pictures.shape[3]), pictures.dtype)
        for index, picture in enumerate(pictures):
            large[index] = self._window(picture, 0, 0, self.resized_height, self.resized_width)
        return large

    def _window(self, picture: np.ndarray, top: int, left: int, height: int, width: int) -> np.ndarray:
        """Compute one window of the enlarged picture, and nothing outside it."""
        if (self.resized_height, self.resized_width) == (self.height, self.width):
            return picture[top : top + height, left : left + width]
        rows = _between(self.height, self.resized_height, top, height)
        columns = _between(self.width, self.resized_width, left, width)
        window = _blend(_blend(picture.astype(np.float32), *rows, axis=0), *columns, axis=1)
        if np.issubdtype(picture.dtype, np.integer):
            window = np.rint(window)
        return window.astype(picture.dtype)


def jitter_size(image_size: int) -> int:
    """The size to enlarge to: 286 for 256 as in the paper, and in proportion for other sizes.

    >>> jitter_size(256), jitter_size(64)
    (286, 72)
    """
    return round(image_size * 286 / 256)


def _between(old: int, new: int, first: int, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For `count` pixels from `first` on an axis enlarged from `old` to `new`: two old neighbours and where between.

    Pixels are little squares, and their centres lie at 0.5, 1.5, ...: that is what the halves are for.
    """
    centres = (np.arange(first, first + count) + 0.5) * old / new - 0.5
    centres = np.clip(centres, 0, old - 1)
    lower = np.floor(centres).astype(np.intp)
    upper = np.minimum(lower + 1, old - 1)
    return lower, upper, (centres - lower).astype(np.float32)


def _blend(pixels: np.ndarray, lower: np.ndarray, upper: np.ndarray, share: np.ndarray, axis: int) -> np.ndarray:
    """Bilinear interpolation along one axis: mix each pixel's two old neighbours."""
    share = share[:, None, None] if axis == 0 else share[None, :, None]
    below = pixels.take(lower, axis)
    return below + (pixels.take(upper, axis) - below) * share
