"""Training speed on a CPU: the library against a plain `@tf.function` loop, taking turns in one process.

Both train the same networks (64 px, 32 filters, batch 16) on the same emoji pairs with the same jitter. The plain loop
is what tutorials show: Keras' own layers, `tf.data` with `tf.image` for the jitter, both gradients from one forward
pass, two Keras optimizers. The library's side is `fit` as `train` calls it: fused batch normalisation and Adam, NumPy
jitter, discriminator first and then the generator against the updated one, which costs a third pass of the
discriminator.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import tensorflow as tf

import pix2pix_edu as p2p
from benchmarks import machine
from pix2pix_edu.backend import keras, layers
from pix2pix_edu.fused import FusedBatchNormalization
from pix2pix_edu.training import TrainingBatches
from pix2pix_edu.translation import to_float

SIZE, FILTERS, BATCH, STEPS = 64, 32, 16, 74  # 74 steps are one epoch of the emoji


def library(split: p2p.Split, update: str) -> Callable[[], None]:
    """One epoch of `fit`, as `train` runs it."""
    model = p2p.Pix2Pix(p2p.generator_model(SIZE, FILTERS, seed=1), p2p.discriminator_model(SIZE, FILTERS, seed=2))
    model.compile(update=update)
    batches = TrainingBatches(split, BATCH)

    def epoch() -> None:
        model.fit(batches, epochs=1, shuffle=False, verbose=0)

    return epoch


def plain_loop(split: p2p.Split) -> Callable[[], None]:
    """One epoch of the loop that tutorials write."""
    generator = with_keras_layers(p2p.generator_model(SIZE, FILTERS, seed=1))
    discriminator = with_keras_layers(p2p.discriminator_model(SIZE, FILTERS, seed=2))
    generator_optimizer = keras.optimizers.Adam(2e-4, beta_1=0.5)
    discriminator_optimizer = keras.optimizers.Adam(2e-4, beta_1=0.5)
    cross_entropy = keras.losses.BinaryCrossentropy(from_logits=True)
    dataset = iter(tutorial_dataset(split))

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
        for _ in range(STEPS):
            step(*next(dataset))

    return epoch


def with_keras_layers(network: keras.Model) -> keras.Model:
    """The same network with Keras' own batch normalisation, as a tutorial would build it."""

    def plain(layer: keras.Layer) -> keras.Layer:
        kind = layers.BatchNormalization if isinstance(layer, FusedBatchNormalization) else type(layer)
        return kind.from_config(layer.get_config())

    return keras.models.clone_model(network, clone_function=plain)


def tutorial_dataset(split: p2p.Split) -> Iterator:
    """Shuffled, jittered and batched by `tf.data`."""

    def jitter(source, target):
        both = tf.image.resize(tf.concat([source, target], axis=-1), [72, 72])
        both = tf.image.random_crop(both, [SIZE, SIZE, 6])
        both = tf.image.random_flip_left_right(both)
        return both[..., :3], both[..., 3:]

    pairs = tf.data.Dataset.from_tensor_slices((to_float(split.sources), to_float(split.targets)))
    pairs = pairs.shuffle(len(split)).map(jitter, num_parallel_calls=tf.data.AUTOTUNE)
    return pairs.batch(BATCH, drop_remainder=True).repeat().prefetch(tf.data.AUTOTUNE)


def main(out: Path, rounds: int) -> None:
    split = p2p.load_pairs("emoji", image_size=SIZE).train
    contestants = {
        "plain @tf.function loop": plain_loop(split),
        "pix2pix_edu fit, alternating (default)": library(split, "alternating"),
        "pix2pix_edu fit, simultaneous": library(split, "simultaneous"),
    }
    for epoch in contestants.values():
        epoch()  # tracing and the first touch of all memory are not what is measured
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(rounds):
        for name, epoch in contestants.items():
            start = time.perf_counter()
            epoch()
            seconds[name].append(time.perf_counter() - start)
    speed = {name: STEPS * BATCH / statistics.median(times) for name, times in seconds.items()}
    base = speed["plain @tf.function loop"]
    result = {
        "what": f"images/s, {SIZE} px, {FILTERS} filters, batch {BATCH}; median of {rounds} epochs each, taking turns",
        "images_per_second": {name: round(value, 1) for name, value in speed.items()},
        "ratio_to_plain_loop": {name: round(value / base, 3) for name, value in speed.items()},
        "machine": machine.describe(),
    }
    machine.save("cpu_training", result, out)
