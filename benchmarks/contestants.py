"""Who competes in the speed benchmarks: the library, the loop of the tutorials, and an eager PyTorch loop.

Each is a function that makes one epoch of training ready and returns it, to be called again and again. All train the
same networks on the same pairs with the paper's jitter.
"""

from __future__ import annotations

import importlib.util
import multiprocessing
import statistics
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

import pix2pix_edu as p2p
from pix2pix_edu.backend import keras, layers
from pix2pix_edu.fused import FusedBatchNormalization
from pix2pix_edu.pairs.jitter import jitter_size
from pix2pix_edu.training import TrainingBatches, feed
from pix2pix_edu.translation import to_float
from pix2pix_edu.unet import encoder_widths

Epoch = Callable[[], None]


@dataclass(frozen=True)
class Task:
    """What is trained: sizes, and how many steps an epoch has."""

    size: int
    filters: int
    batch: int
    steps: int

    def __str__(self) -> str:
        return f"{self.size} px, {self.filters} filters, batch {self.batch}"

    @property
    def receptive_field(self) -> int:
        """The paper's, or the largest that toys leave a logit for."""
        return 70 if self.size > 32 else 34

    @property
    def images(self) -> int:
        """Pictures in an epoch."""
        return self.steps * self.batch


def library(
    task: Task, split: p2p.Split, update: str = "alternating", precision: str = "float32", steps_per_call: int = 1
) -> Epoch:
    """One epoch of `fit`, as `train` runs it; with several steps in a call the pairs live on the device."""
    options: dict[str, Any] = {"image_size": task.size, "filters": task.filters, "precision": precision}
    discriminator = p2p.discriminator_model(**options, receptive_field=task.receptive_field, seed=2)
    model = p2p.Pix2Pix(p2p.generator_model(**options, seed=1), discriminator)
    model.compile(update=update)
    fed = feed(model, TrainingBatches(split[: task.images], task.batch), steps_per_call)

    def epoch() -> None:
        model.fit(fed, epochs=1, shuffle=False, verbose=0)  # reads the losses at the end, hence waits for a GPU

    return epoch


def apart(make: Callable[..., Epoch], *arguments: Any, **options: Any) -> Epoch:
    """A contestant in a process of its own, since TensorFlow changes how a whole process gets its memory."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    context.Process(target=_serve, args=(theirs, make, arguments, options), daemon=True).start()
    theirs.close()

    def epoch() -> None:
        try:
            ours.send("go")
            complaint = ours.recv()
        except (EOFError, OSError) as error:
            raise RuntimeError("The process of this contestant has ended; was it killed for its memory?") from error
        if complaint:
            raise RuntimeError(complaint)

    return epoch


def _serve(connection: Any, make: Callable[..., Epoch], arguments: tuple, options: dict[str, Any]) -> None:
    """One epoch each time that the other side asks, until it has gone."""
    epoch = None
    while True:
        try:
            connection.recv()
        except EOFError:
            return
        try:
            epoch = epoch or make(*arguments, **options)
            epoch()
            connection.send("")
        except Exception:
            connection.send(traceback.format_exc())


def take_turns(
    them: dict[str, Epoch],
    rounds: int,
    between: Callable[[], None] = lambda: None,
    choose: Callable[[list[float]], float] = statistics.median,
) -> dict[str, float]:
    """Seconds of everyone's epoch, by default the median of the rounds.

    A first epoch, which traces and touches all memory, is not measured.
    """
    for epoch in them.values():
        epoch()
    seconds: dict[str, list[float]] = {name: [] for name in them}
    for _ in range(rounds):
        between()
        for name, epoch in them.items():
            seconds[name].append(timed(epoch))
    return {name: choose(times) for name, times in seconds.items()}


def timed(work: Callable[[], Any]) -> float:
    """Seconds that a call takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def plain_loop(task: Task, split: p2p.Split) -> Epoch:
    """One epoch of the loop that TensorFlow tutorials write: Keras' layers, both gradients from one forward pass."""
    import tensorflow as tf

    generator = with_keras_layers(p2p.generator_model(task.size, task.filters, seed=1))
    discriminator = with_keras_layers(p2p.discriminator_model(task.size, task.filters, seed=2))
    generator_optimizer = keras.optimizers.Adam(2e-4, beta_1=0.5)
    discriminator_optimizer = keras.optimizers.Adam(2e-4, beta_1=0.5)
    cross_entropy = keras.losses.BinaryCrossentropy(from_logits=True)
    dataset = iter(tutorial_dataset(task, split))

    @tf.function
    def step(source, target):
        with tf.GradientTape() as generator_tape, tf.GradientTape() as discriminator_tape:
            fake = generator(source, training=True)
            real_output = discriminator([source, target], training=True)
            fake_output = discriminator([source, fake], training=True)
            caught = cross_entropy(tf.ones_like(fake_output), fake_output)
            generator_loss = caught + 100 * tf.reduce_mean(tf.abs(target - fake))
            real_loss = cross_entropy(tf.ones_like(real_output), real_output)
            discriminator_loss = real_loss + cross_entropy(tf.zeros_like(fake_output), fake_output)
        gradients = generator_tape.gradient(generator_loss, generator.trainable_variables)
        generator_optimizer.apply_gradients(zip(gradients, generator.trainable_variables, strict=True))
        gradients = discriminator_tape.gradient(discriminator_loss, discriminator.trainable_variables)
        discriminator_optimizer.apply_gradients(zip(gradients, discriminator.trainable_variables, strict=True))

    def epoch() -> None:
        for _ in range(task.steps):
            step(*next(dataset))

    return epoch


def with_keras_layers(network: keras.Model) -> keras.Model:
    """The same network with Keras' own batch normalisation, as a tutorial would build it."""

    def plain(layer: keras.Layer) -> keras.Layer:
        kind = layers.BatchNormalization if isinstance(layer, FusedBatchNormalization) else type(layer)
        return kind.from_config(layer.get_config())

    return keras.models.clone_model(network, clone_function=plain)


def tutorial_dataset(task: Task, split: p2p.Split) -> Iterator:
    """Shuffled, jittered and batched by `tf.data`."""
    import tensorflow as tf

    enlarged = jitter_size(task.size)

    def jitter(source, target):
        both = tf.image.resize(tf.concat([source, target], axis=-1), [enlarged, enlarged])
        both = tf.image.random_crop(both, [task.size, task.size, 6])
        both = tf.image.random_flip_left_right(both)
        return both[..., :3], both[..., 3:]

    pairs = tf.data.Dataset.from_tensor_slices((to_float(split.sources), to_float(split.targets)))
    pairs = pairs.shuffle(len(split)).map(jitter, num_parallel_calls=tf.data.AUTOTUNE)
    return pairs.batch(task.batch, drop_remainder=True).repeat().prefetch(tf.data.AUTOTUNE)


# --- PyTorch ----------------------------------------------------------------------------------------------------------


def has_torch() -> bool:
    """Whether PyTorch is installed: it is an extra of the course, not a part."""
    return importlib.util.find_spec("torch") is not None


def torch_loop(task: Task, split: p2p.Split, device: str = "cpu") -> Epoch:
    """One epoch of an eager loop as PyTorch ports write it: discriminator first, float32, `fake.detach()`.

    It is given its batches jittered by the library, which costs it less than a loader of its own would.
    """
    import torch
    from torch import nn

    generator = torch_unet(task.size, task.filters).to(device)
    discriminator = torch_patchgan(task.filters).to(device)
    optimizers = [torch.optim.Adam(net.parameters(), 2e-4, betas=(0.5, 0.999)) for net in (generator, discriminator)]
    cross_entropy = nn.BCEWithLogitsLoss()
    batches = TrainingBatches(split[: task.images], task.batch)

    def judged(source, picture, real: float):
        logits = discriminator(torch.cat([source, picture], 1))
        return cross_entropy(logits, torch.full_like(logits, real))

    def step(source, target) -> None:
        fake = generator(source)
        loss = (judged(source, target, 1.0) + judged(source, fake.detach(), 0.0)) / 2
        optimizers[1].zero_grad(set_to_none=True)
        loss.backward()
        optimizers[1].step()
        discriminator.requires_grad_(False)
        loss = judged(source, fake, 1.0) + 100 * (target - fake).abs().mean()
        optimizers[0].zero_grad(set_to_none=True)
        loss.backward()
        optimizers[0].step()
        discriminator.requires_grad_(True)

    def epoch() -> None:
        for index in range(task.steps):
            step(*(torch.from_numpy(np.moveaxis(x, -1, 1)).contiguous().to(device) for x in batches[index]))
        if device != "cpu":
            torch.cuda.synchronize()

    return epoch


def torch_unet(size: int, filters: int) -> Any:
    """The paper's generator in PyTorch's words, with the library's widths."""
    import torch
    from torch import nn

    widths = encoder_widths(size, filters)

    class UNet(nn.Module):
        def __init__(self):
            super().__init__()
            down, inputs = [], 3
            for level, width in enumerate(widths):
                norm = [nn.BatchNorm2d(width)] if 0 < level < len(widths) - 1 else []
                down.append(nn.Sequential(nn.Conv2d(inputs, width, 4, 2, 1, bias=False), *norm, nn.LeakyReLU(0.2)))
                inputs = width
            self.down, up, skip = nn.ModuleList(down), [], 0
            for level, width in enumerate(reversed(widths[:-1])):
                drop = [nn.Dropout(0.5)] if level < 3 else []
                layer = nn.ConvTranspose2d(inputs + skip, width, 4, 2, 1, bias=False)
                up.append(nn.Sequential(layer, nn.BatchNorm2d(width), *drop, nn.ReLU()))
                inputs = skip = width
            self.up = nn.ModuleList(up)
            self.last = nn.Sequential(nn.ConvTranspose2d(inputs + skip, 3, 4, 2, 1), nn.Tanh())

        def forward(self, x):
            seen = []
            for layer in self.down:
                x = layer(x)
                seen.append(x)
            for layer, skip in zip(self.up, reversed(seen[:-1]), strict=True):
                x = torch.cat([layer(x), skip], 1)
            return self.last(x)

    return UNet()


def torch_patchgan(filters: int) -> Any:
    """The 70x70 discriminator in PyTorch's words."""
    from torch import nn

    stack, inputs = [], 6
    for number, (width, stride) in enumerate(((filters, 2), (2 * filters, 2), (4 * filters, 2), (8 * filters, 1))):
        norm = [nn.BatchNorm2d(width)] if number else []
        stack += [nn.Conv2d(inputs, width, 4, stride, 1, bias=False), *norm, nn.LeakyReLU(0.2)]
        inputs = width
    return nn.Sequential(*stack, nn.Conv2d(inputs, 1, 4, 1, 1))
