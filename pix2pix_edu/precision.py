"""With how many bits the networks compute: float32, or half of them where that is faster (lesson 08).

In half precision the layers between the pictures compute with 16 bits. What must not be rounded stays in float32: the
weights and what Adam keeps of them, the statistics of batch normalisation, the last layers' outputs and all losses.
"""

from __future__ import annotations

from pathlib import Path

from pix2pix_edu.backend import keras
from pix2pix_edu.errors import UsageError, nearest
from pix2pix_edu.presets import gpu_names

# Keras' name for each: "mixed" means variables in float32, arithmetic in 16 bits.
POLICIES = {"float32": "float32", "bfloat16": "mixed_bfloat16", "float16": "mixed_float16"}
AMPERE = 8  # the first generation of NVIDIA's GPUs, by compute capability, that multiplies bfloat16
CPU_FACTS = Path("/proc/cpuinfo")


def policy_of(precision: str) -> str:
    """Keras' dtype policy for "float32", "bfloat16" or "float16"; "auto" is what `best_precision` says.

    Raises:
        UsageError: an unknown precision, or half precision where the backend cannot train in it.

    >>> policy_of("bfloat16")
    'mixed_bfloat16'
    """
    if precision == "auto":
        precision = best_precision()
    if precision not in POLICIES:
        raise UsageError(f"precision={precision!r} is not known. {nearest(str(precision), [*POLICIES, 'auto'])}")
    if precision != "float32" and keras.config.backend() == "torch" and not gpu_names():
        raise UsageError(
            f"precision={precision!r} does not work with PyTorch on a processor: its convolutions refuse to compute "
            "the gradient of the weights in 16 bits. Take precision='float32', or set KERAS_BACKEND=tensorflow."
        )
    return POLICIES[precision]


def best_precision() -> str:
    """Name "bfloat16" where this machine multiplies it natively and the backend makes use of that, else "float32".

    That is: TPUs, NVIDIA GPUs from Ampere on, and, with TensorFlow, processors with AVX512-BF16 or AMX. Everywhere else
    bfloat16 is emulated, which takes longer than float32.

    >>> best_precision() in ("bfloat16", "float32")
    True
    """
    accelerators = gpu_names()
    if any("tpu" in name.lower() for name in accelerators):
        return "bfloat16"
    native = _gpu_has_bfloat16() if accelerators else _cpu_has_bfloat16()
    return "bfloat16" if native else "float32"


def _cpu_has_bfloat16() -> bool:
    """Only TensorFlow's convolutions are known to use these instructions (measured in `benchmarks/README.md`)."""
    if keras.config.backend() != "tensorflow" or not CPU_FACTS.is_file():
        return False
    facts = CPU_FACTS.read_text(errors="replace")
    return "avx512_bf16" in facts or "amx_bf16" in facts


def _gpu_has_bfloat16() -> bool:
    backend = keras.config.backend()
    if backend == "torch":
        import torch

        return torch.cuda.get_device_capability()[0] >= AMPERE
    if backend == "jax":
        import jax

        return float(getattr(jax.devices()[0], "compute_capability", 0) or 0) >= AMPERE
    import tensorflow as tf

    details = tf.config.experimental.get_device_details(tf.config.list_physical_devices("GPU")[0])
    return details.get("compute_capability", (0, 0))[0] >= AMPERE


def needs_loss_scaling(network: keras.Model) -> bool:
    """Whether some layer computes in float16, whose smallest number is so large that small gradients become zero.

    >>> needs_loss_scaling(keras.Sequential([keras.layers.Dense(2, dtype="mixed_float16")]))
    True
    """
    return any(layer.compute_dtype == "float16" for layer in network.layers)


def in_float32(network: keras.Model) -> keras.Model:
    """The same network, weights copied, that computes in float32: what other machines are given.

    >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2, dtype="mixed_bfloat16")])
    >>> in_float32(model).layers[0].compute_dtype
    'float32'
    """

    def rebuilt(layer: keras.Layer) -> keras.Layer:
        return type(layer).from_config({**layer.get_config(), "dtype": "float32"})

    copy = keras.models.clone_model(network, clone_function=rebuilt)
    copy.set_weights(network.get_weights())
    return copy
