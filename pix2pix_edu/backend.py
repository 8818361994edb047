"""Keras, imported once and in silence: `from pix2pix_edu.backend import keras, layers, ops`.

TensorFlow greets each new process with a dozen lines about CUDA and CPU instructions. A learner who reads them looks
for a fault that is not there, so they are held back while it is loaded, and shown only if loading fails.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def hold_back_stderr() -> Iterator[None]:
    """Keep what the process writes to its standard error, C++ libraries included, and show it only after a failure.

    >>> with hold_back_stderr():
    ...     _ = os.write(2, b"nobody needs to read this")
    """
    sys.stderr.flush()
    original = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        except BaseException:
            held.seek(0)
            os.write(original, held.read())
            raise
        finally:
            os.dup2(original, 2)
            os.close(original)


def _import_keras():
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")  # faster convolutions; off by default on older processors
    if "tensorflow" in sys.modules:
        import keras

        return keras
    with hold_back_stderr():
        import keras

        if keras.config.backend() == "tensorflow":
            import tensorflow as tf

            tf.config.list_logical_devices()  # looking for GPUs is what it talks about most
    return keras


keras = _import_keras()
layers = keras.layers
ops = keras.ops
