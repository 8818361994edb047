"""Presets: sets of sizes and settings that fit a machine, from seconds on a CPU to the paper's own on a GPU."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass

from pix2pix_edu.errors import UsageError, nearest

PRESET_VARIABLE = "PIX2PIX_EDU_PRESET"


@dataclass(frozen=True)
class Preset:
    """One set of settings for `train`; each can be overridden there by its name. Sizes are in pixels."""

    name: str
    about: str
    image_size: int
    filters: int
    batch_size: int
    epochs: int
    save_every: int = 1  # epochs between two validations, sheets and checkpoints
    receptive_field: int = 70
    skips: bool = True
    conditional: bool = True
    jitter: bool = True  # enlarge by 286/256, then crop at random (paper 3.3)
    mirror: bool = True
    norm: str = "batch"
    upsample: str = "transpose"
    dropout: float = 0.5
    learning_rate: float = 2e-4
    d_learning_rate: float | None = None  # of the discriminator, if it should have one of its own
    beta_1: float = 0.5  # of both Adam optimizers
    lambda_l1: float = 100.0
    adversarial: str | None = "bce"
    update: str = "alternating"
    distance: str = "l1"
    precision: str = "float32"  # or "bfloat16", "float16"; "auto" is bfloat16 where the machine has it
    steps_per_call: int = 1  # above 1 the pairs live on the device, and so many steps run in one call
    bottleneck_norm: bool = False  # True repeats the published error (lesson 12)
    levels: int | None = None  # how often the generator halves the picture; None: until one pixel is left
    fills_holes: bool = False  # True: the source's last channel says where to paint; the rest is kept (lesson 10)
    # What came after pix2pix (lesson 12).
    feature_matching: float = 0.0  # weight of the distance between the discriminator's hidden answers (pix2pixHD: 10)
    perceptual: float = 0.0  # weight of the distance between what a fixed network sees
    perceptual_features: str = "auto"  # whose: "vgg16", "emoji", "course", see `feature_network`
    spectral_norm: bool = False  # in the discriminator, in the place of its norm
    ema: float = 0.0  # above 0, an average of the generator's weights translates; 0.999 reaches back 1,000 steps
    diffaugment: str = ""  # "colour", "translation", "cutout", with commas: what the discriminator sees

    def settings(self) -> dict:
        """Everything but the name and the description, as a dictionary.

        >>> PRESETS["paper"].settings()["batch_size"]
        1
        """
        return {key: value for key, value in asdict(self).items() if key not in ("name", "about")}


PRESETS = {
    preset.name: preset
    for preset in (
        Preset("tiny", "32 px: seconds, for tests", 32, 8, 8, epochs=2, receptive_field=34),
        # Eight epochs of emoji came out alike in both precisions: SSIM .812 and .812 (benchmarks/README.md).
        Preset("small", "64 px: minutes on a laptop CPU", 64, 32, 16, epochs=30, precision="auto"),
        Preset("paper", "256 px, as published: for a GPU", 256, 64, 1, epochs=200, save_every=5),
        Preset(
            "fast",
            "256 px, larger batches: what we would do today on a GPU",
            256,
            64,
            16,
            epochs=200,
            save_every=5,
            precision="auto",
        ),
    )
}


def choose_preset(name: str = "auto") -> Preset:
    """The preset of that name; "auto" is "paper" where there is a GPU and "small" where there is none.

    The environment variable `PIX2PIX_EDU_PRESET`, where it is set, decides what "auto" means.

    Raises:
        UsageError: an unknown name.

    >>> choose_preset("small").image_size
    64
    """
    source = "preset"
    if name == "auto":
        chosen = os.environ.get(PRESET_VARIABLE)
        name, source = (chosen, PRESET_VARIABLE) if chosen else ("paper" if gpu_names() else "small", source)
    if name not in PRESETS:
        raise UsageError(f"{source}={name!r} is not known. {nearest(str(name), [*PRESETS, 'auto'])}")
    return PRESETS[name]


def gpu_names() -> list[str]:
    """Names of the accelerators that the Keras backend can use; empty on a machine with only a CPU.

    >>> isinstance(gpu_names(), list)
    True
    """
    from pix2pix_edu.backend import keras

    return [device for kind in ("gpu", "tpu") for device in _devices(keras, kind)]


def _devices(keras, kind: str) -> list[str]:
    if keras.config.backend() == "torch":  # Keras cannot list PyTorch's devices
        import torch

        return [f"gpu:{number}" for number in range(torch.cuda.device_count())] if kind == "gpu" else []
    try:
        return list(keras.distribution.list_devices(kind))
    except (RuntimeError, ValueError):  # a backend that knows no such kind of device says so by raising
        return []
