"""The palette: readers with the three common kinds of colour blindness can tell the colours apart."""

import itertools

import numpy as np
import pytest
from skimage.color import rgb2lab

from pix2pix_edu.widgets import style

# Machado, Oliveira and Fernandes (2009), severity 1.0: what remains of linear RGB
SIMULATION = {
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
    "none": np.eye(3),
}


def seen_as(colour, kind):
    linear = (np.array(style.rgb(colour)) / 255) ** 2.2
    return rgb2lab(np.clip(np.array(SIMULATION[kind]) @ linear, 0, 1) ** (1 / 2.2))


@pytest.mark.parametrize("kind", SIMULATION)
def test_colours_that_stand_for_different_things_stay_apart(kind):
    pairs = [(style.GENERATOR, style.DISCRIMINATOR), (style.REAL, style.FAKE), (style.GREEN, style.VERMILLION)]
    pairs += list(itertools.combinations(style.PALETTE[:4], 2))
    for first, second in pairs:
        distance = np.linalg.norm(seen_as(first, kind) - seen_as(second, kind))
        assert distance > 15, (kind, first, second, distance)
