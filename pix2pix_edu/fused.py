"""Adam and batch normalisation, each as one operation of TensorFlow: the same numbers in less time.

Keras writes both as a dozen products, sums and roots, and each of them reads and writes all its numbers once. On a CPU
that waiting for memory is a noticeable part of a training step (`benchmarks/README.md`). With other backends, whose
compilers do this by themselves, both are Keras' own.
"""

from __future__ import annotations

from typing import Any

from pix2pix_edu.backend import keras, layers, ops

Tensor = Any


def _on_tensorflow() -> bool:
    return keras.config.backend() == "tensorflow"


@keras.saving.register_keras_serializable("pix2pix_edu")
class FusedAdam(keras.optimizers.Adam):
    """Keras' Adam, whose update on TensorFlow is one pass over the weights (lesson 07 writes it by hand).

    >>> FusedAdam(2e-4, beta_1=0.5).get_config()["beta_1"]
    0.5
    """

    def update_step(self, gradient: Tensor, variable: Any, learning_rate: Tensor) -> None:
        """Move one variable, and its two moments, by one step."""
        if not _on_tensorflow() or self.amsgrad or variable.dtype != "float32":
            super().update_step(gradient, variable, learning_rate)
            return
        import tensorflow as tf

        index = self._get_variable_index(variable)
        step = tf.cast(self.iterations.value + 1, tf.float32)
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=self._momentums[index].value.handle,
            v=self._velocities[index].value.handle,
            beta1_power=self.beta_1**step,
            beta2_power=self.beta_2**step,
            lr=tf.cast(learning_rate, tf.float32),
            beta1=self.beta_1,
            beta2=self.beta_2,
            epsilon=self.epsilon,
            grad=tf.cast(gradient, tf.float32),
        )


@keras.saving.register_keras_serializable("pix2pix_edu")
class FusedBatchNormalization(layers.BatchNormalization):
    """Keras' batch normalisation over the last axis of pictures, which in training on TensorFlow is one operation.

    >>> FusedBatchNormalization()(ops.ones((2, 4, 4, 3)), training=True).shape
    TensorShape([2, 4, 4, 3])
    """

    def call(self, inputs: Tensor, training: bool | None = None, mask: Tensor | None = None) -> Tensor:
        """Normalise (N, H, W, C); in training with the batch's own mean and variance, which also move the averages."""
        plain = self.axis in (-1, 3) and self.scale and self.center and not self.synchronized and mask is None
        if not (training and self.trainable and plain and len(inputs.shape) == 4 and _on_tensorflow()):
            return super().call(inputs, training=training, mask=mask)
        import tensorflow as tf

        inputs = tf.convert_to_tensor(inputs)
        normalised, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=inputs,
            scale=ops.convert_to_tensor(self.gamma),
            offset=ops.convert_to_tensor(self.beta),
            mean=tf.zeros([0]),
            variance=tf.zeros([0]),
            epsilon=self.epsilon,
            is_training=True,
        )
        # TensorFlow hands back the variance divided by n - 1; Keras keeps the one divided by n.
        count = tf.cast(tf.size(inputs) // inputs.shape[-1], tf.float32)
        variance = variance * (tf.maximum(count - 1.0, 1.0) / count)
        for average, measured in ((self.moving_mean, mean), (self.moving_variance, variance)):
            average.assign(average * self.momentum + measured * (1.0 - self.momentum))
        return normalised
