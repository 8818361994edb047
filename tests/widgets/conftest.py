"""What several widgets are tried on."""

import pytest

import pix2pix_edu as p2p


@pytest.fixture(scope="module")
def model():
    """An untrained generator whose weights are large enough for its answers to differ visibly."""
    generator = p2p.generator_model(32, 4, seed=1)
    generator.set_weights([5 * weight for weight in generator.get_weights()])
    return generator
