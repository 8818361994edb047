"""Pairs that live on the device, where they are also jittered: between two steps nothing is copied but a few numbers.

The jitter is that of `pix2pix_edu.pairs.jitter`, drawn on the host from the same seed; only the cutting moves to the
device. So a run is the same run either way.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pix2pix_edu.backend import keras, ops
from pix2pix_edu.pairs.jitter import Jitter

Tensor = Any


class Resident(keras.layers.Layer):
    """Cuts and mirrors batches out of enlarged pictures that it keeps on the device.

    Args:
        jitter: the pairs, ready to be jittered; what it has enlarged is copied to the device once.

    >>> pictures = np.zeros((4, 32, 32, 3), np.uint8)
    >>> source, target = Resident(Jitter(pictures, pictures, resize_to=36))(np.array([[2, 0, 4, 1]]))
    >>> tuple(source.shape), float(ops.max(target))
    ((1, 32, 32, 3), -1.0)
    """

    def __init__(self, jitter: Jitter):
        super().__init__(trainable=False, name="resident")
        sources, targets = jitter.enlarged()
        self.split_at = sources.shape[-1]
        self.size, self.grid = (jitter.height, jitter.width), sources.shape[1:3]
        both = np.concatenate([sources, targets], axis=-1).reshape(-1, self.split_at + targets.shape[-1])
        self.pixels = self.add_weight(
            name="pixels",
            shape=both.shape,
            dtype="uint8",
            initializer=lambda shape, dtype: ops.convert_to_tensor(both),
            trainable=False,
            autocast=False,
        )
        self.built = True

    def release(self) -> None:
        """Free the device's memory, so that nothing of the pairs stays with the model that was trained on them."""
        del self.pixels

    def call(self, places: Tensor) -> tuple[Tensor, Tensor]:
        """Places as `Jitter.draw` gives them, (N, 4), to sources and targets in [-1, 1], (N, H, W, C)."""
        index, top, left, mirrored = (ops.cast(places[:, column], "int32")[:, None] for column in range(4))
        rows = top + ops.arange(self.size[0], dtype="int32")
        forwards = ops.arange(self.size[1], dtype="int32")
        columns = left + ops.where(mirrored == 1, self.size[1] - 1 - forwards, forwards)
        line = (index * self.grid[0] + rows) * self.grid[1]
        pixels = ops.take(self.pixels.value, line[:, :, None] + columns[:, None, :], axis=0)
        pictures = ops.cast(pixels, "float32") / 127.5 - 1.0
        return pictures[..., : self.split_at], pictures[..., self.split_at :]
