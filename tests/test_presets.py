"""Presets: what "auto" means, and that each preset's networks can be built."""

import pytest

from pix2pix_edu.errors import UsageError
from pix2pix_edu.patchgan import smallest_size
from pix2pix_edu.presets import PRESET_VARIABLE, PRESETS, choose_preset, gpu_names


def test_auto_is_small_without_a_gpu_and_paper_with_one(monkeypatch):
    monkeypatch.delenv(PRESET_VARIABLE, raising=False)
    assert choose_preset("auto").name == ("paper" if gpu_names() else "small")


def test_the_environment_decides_what_auto_means_and_nothing_else(monkeypatch):
    monkeypatch.setenv(PRESET_VARIABLE, "tiny")
    assert choose_preset("auto").name == "tiny"
    assert choose_preset("small").name == "small"


def test_a_mistyped_environment_variable_is_named(monkeypatch):
    monkeypatch.setenv(PRESET_VARIABLE, "tinny")
    with pytest.raises(UsageError, match=f"{PRESET_VARIABLE}='tinny'.*Did you mean 'tiny'"):
        choose_preset()


def test_the_paper_preset_is_the_papers_recipe():
    paper = choose_preset("paper")
    assert (paper.image_size, paper.filters, paper.batch_size, paper.epochs) == (256, 64, 1, 200)
    assert (paper.learning_rate, paper.lambda_l1, paper.receptive_field) == (2e-4, 100.0, 70)
    assert paper.jitter is True and paper.mirror and paper.update == "alternating" and paper.dropout == 0.5


@pytest.mark.parametrize("preset", PRESETS.values(), ids=list(PRESETS))
def test_every_presets_discriminator_has_a_logit(preset):
    assert smallest_size(preset.receptive_field) <= preset.image_size
