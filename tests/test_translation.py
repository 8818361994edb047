"""Using a model: any size, no change to the model, a file that loads without running code."""

import json
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pix2pix_edu as p2p
from pix2pix_edu.backend import keras
from pix2pix_edu.errors import CheckpointError, UsageError
from pix2pix_edu.translation import (
    Translator,
    _pad,
    load_discriminator,
    load_model,
    save_discriminator,
    save_generator,
    to_float,
    to_uint8,
    translate,
)

RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def model():
    """A model whose moving averages and weights are not those it was born with."""
    model = p2p.Pix2Pix(p2p.generator_model(32, 4, seed=1), p2p.discriminator_model(32, 4, seed=2))
    model.compile()
    pictures = RNG.uniform(-1, 1, (4, 32, 32, 3)).astype("float32")
    model.fit(pictures, -pictures, batch_size=2, epochs=3, verbose=0)
    return model


def pictures(*shape):
    return RNG.integers(0, 256, shape).astype("uint8")


def state_of(model):
    variables = [*model.variables, *model.optimizer.variables]
    return [np.array(keras.ops.convert_to_numpy(variable.value)) for variable in variables]


@pytest.mark.parametrize("height, width", [(32, 32), (64, 32), (40, 50), (1, 1), (33, 31), (100, 7)])
def test_any_size_comes_back_at_its_size(model, height, width):
    assert translate(model, pictures(height, width, 3)).shape == (height, width, 3)
    assert translate(model, pictures(2, height, width, 3)).shape == (2, height, width, 3)


def test_what_is_translated_is_the_generators_own_output(model):
    picture = pictures(3, 32, 32, 3)
    expected = to_uint8(np.asarray(model.generator(to_float(picture), training=False)))
    np.testing.assert_array_equal(translate(model, picture), expected)


def test_larger_pictures_use_the_same_weights(model):
    """Far from its borders a large picture made of one tile repeated is translated like a larger tile."""
    tile = np.tile(pictures(32, 32, 3), (4, 4, 1))
    large = translate(model, tile)
    np.testing.assert_allclose(large[32:64, 32:64].astype(int), large[64:96, 64:96].astype(int), atol=1)


def test_padding_mirrors_and_never_changes_what_was_there(model):
    picture = pictures(32, 20, 3)
    by_hand = np.concatenate([picture, picture[:, ::-1][:, :12]], axis=1)
    np.testing.assert_array_equal(translate(model, picture), translate(model, by_hand)[:, :20])


@pytest.mark.parametrize("statistics", ["batch", "moving"])
@pytest.mark.parametrize("dropout", [True, False])
def test_translating_leaves_the_model_exactly_as_it_was(model, statistics, dropout):
    before = state_of(model)
    flags = [(layer.trainable, getattr(layer, "rate", None)) for layer in model.generator.layers]
    translate(model, pictures(2, 32, 32, 3), statistics=statistics, dropout=dropout)
    for a, b in zip(before, state_of(model), strict=True):
        np.testing.assert_array_equal(a, b)
    assert flags == [(layer.trainable, getattr(layer, "rate", None)) for layer in model.generator.layers]


def test_the_model_is_put_back_even_after_an_error(model):
    flags = [layer.trainable for layer in model.generator.layers]
    with pytest.raises(UsageError):
        translate(model, pictures(2, 32, 32, 4), statistics="moving")
    assert flags == [layer.trainable for layer in model.generator.layers]


def test_batch_statistics_are_those_of_the_picture_itself(model):
    both = pictures(2, 32, 32, 3)
    together = translate(model, both, statistics="batch", dropout=False)
    np.testing.assert_array_equal(together[0], translate(model, both[0], statistics="batch", dropout=False))
    by_hand, _ = model.generator.stateless_call(
        [v.value for v in model.generator.trainable_variables],
        [v.value for v in model.generator.non_trainable_variables],
        to_float(both[:1]),
        training=True,
    )
    with_dropout = translate(model, both[:1], statistics="batch", dropout=True)
    assert with_dropout.shape == np.asarray(by_hand).shape
    assert not np.array_equal(together[0], translate(model, both, statistics="moving")[0])


def test_dropout_is_noise_that_the_seed_decides(model):
    picture = pictures(32, 32, 3)
    for statistics in ("batch", "moving"):
        first, same, other = (translate(model, picture, statistics, dropout=True, seed=seed) for seed in (1, 1, 2))
        np.testing.assert_array_equal(first, same)
        assert not np.array_equal(first, other)
        off = [translate(model, picture, statistics, dropout=False, seed=seed) for seed in (1, 2)]
        np.testing.assert_array_equal(off[0], off[1])


def test_the_models_own_setting_is_the_default(model):
    picture = pictures(32, 32, 3)
    papers = Translator(model.generator, statistics="batch")
    np.testing.assert_array_equal(translate(papers, picture), translate(model, picture, "batch", dropout=True))
    np.testing.assert_array_equal(translate(model, picture), translate(model, picture, "moving", dropout=False))


def test_other_channels():
    generator = p2p.generator_model(32, 2, source_channels=1, target_channels=2)
    assert translate(generator, pictures(3, 40, 40, 1)).shape == (3, 40, 40, 2)


def test_no_pictures_give_no_pictures(model):
    assert translate(model, pictures(0, 32, 32, 3)).shape == (0, 32, 32, 3)


@pytest.mark.parametrize(
    "images, message",
    [
        (np.zeros((32, 32, 3), "float32"), "to_uint8"),
        (np.zeros((32, 32), "uint8"), r"\(H, W, C\)"),
        (np.zeros((32, 32, 1), "uint8"), "takes pictures of 3 channel"),
        (np.zeros((0, 32, 3), "uint8"), r"no pixels to translate.*\(0, 32, 3\)"),
        ("cat.png", "not names of files such as 'cat.png'"),
        ([np.zeros((8, 8, 3), "uint8"), np.zeros((9, 9, 3), "uint8")], "not all of one size"),
        (None, "these are object"),
    ],
)
def test_what_is_not_a_picture_is_explained(model, images, message):
    with pytest.raises(UsageError, match=message):
        translate(model, images)


def test_what_is_not_a_model_is_explained():
    with pytest.raises(UsageError, match="load_model"):
        translate("emoji", pictures(32, 32, 3))


@settings(max_examples=40, deadline=None, derandomize=True)
@given(shape=st.tuples(*[st.integers(1, 90)] * 2), channels=st.integers(1, 4), levels=st.integers(0, 6))
def test_padding_grows_to_the_next_multiple_and_keeps_what_was_there(shape, channels, levels):
    batch = RNG.integers(0, 256, (1, *shape, channels)).astype("uint8")
    padded = _pad(batch, 2**levels)
    for before, after in zip(shape, padded.shape[1:3], strict=True):
        assert after % 2**levels == 0 and before <= after < before + 2**levels
    np.testing.assert_array_equal(padded[:, : shape[0], : shape[1]], batch)
    assert (padded.dtype, padded.shape[-1]) == (batch.dtype, channels)


SMALLEST = {channels: p2p.generator_model(32, 1, source_channels=channels, levels=2) for channels in (1, 3)}


@settings(max_examples=8, deadline=None, derandomize=True)
@given(shape=st.tuples(*[st.integers(1, 70)] * 2), channels=st.sampled_from([1, 3]), single=st.booleans())
def test_any_size_and_number_of_channels_comes_back_at_its_size(shape, channels, single):
    batch = pictures(*shape, channels) if single else pictures(2, *shape, channels)
    made = translate(SMALLEST[channels], batch)
    assert (made.shape, made.dtype) == ((*batch.shape[:-1], 3), np.uint8)


def test_a_seed_that_is_none_is_explained(model):
    with pytest.raises(UsageError, match=r"seed=1\.5 does not work"):
        translate(model, pictures(32, 32, 3), seed=1.5)


def test_unknown_statistics_are_explained(model):
    with pytest.raises(UsageError, match="Did you mean 'moving'"):
        translate(model, pictures(32, 32, 3), statistics="movin")


def test_every_uint8_value_survives_the_way_to_float_and_back():
    values = np.arange(256, dtype="uint8")
    np.testing.assert_array_equal(to_uint8(to_float(values)), values)


# --- the file ---------------------------------------------------------------------------------------------------------


def test_saved_generator_translates_alike_and_is_half_as_large(model, tmp_path):
    path = save_generator(model, tmp_path / "g.p2p", about={"maker": "a test"})
    loaded = load_model(path)
    assert loaded.about == {"maker": "a test"} and loaded.statistics == "moving" and loaded.image_size == 32
    picture = pictures(2, 32, 32, 3)
    difference = translate(loaded, picture).astype(int) - translate(model, picture)
    assert np.abs(difference).max() <= 2  # half precision: at most two of 255 steps
    assert path.stat().st_size < 2.3 * model.generator.count_params()
    assert "65" not in repr(loaded) or "32 px" in repr(loaded)


def test_fewer_significant_bits_make_a_smaller_file_and_nearly_the_same_picture(model, tmp_path):
    exact, rounded = (save_generator(model, tmp_path / f"{bits}.p2p", significant_bits=bits) for bits in (11, 7))
    assert rounded.stat().st_size < 0.8 * exact.stat().st_size
    for a, b in zip(
        load_model(exact).generator.get_weights(), load_model(rounded).generator.get_weights(), strict=True
    ):
        np.testing.assert_allclose(a, b, rtol=2.0**-7, atol=1e-6)
    picture = pictures(2, 32, 32, 3)
    difference = translate(load_model(rounded), picture).astype(int) - translate(model, picture)
    assert np.abs(difference).max() <= 12
    with pytest.raises(UsageError, match="1 to 11"):
        save_generator(model, tmp_path / "no.p2p", significant_bits=12)


def test_loading_never_unpickles(model, tmp_path):
    path = save_generator(model, tmp_path / "g.p2p")
    evil = tmp_path / "evil.p2p"
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(evil, "w") as target:
        for name in source.namelist():
            data = source.read(name)
            if name == "0000.npy":
                with target.open(name, "w") as member:
                    np.lib.format.write_array(member, np.array([print], dtype=object), allow_pickle=True)
            else:
                target.writestr(name, data)
    with pytest.raises(CheckpointError, match="cannot be read as a model"):
        load_model(evil)


def with_header(path, changed, out):
    """A copy of a .p2p file that says something else about its network."""
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(out, "w") as target:
        for name in source.namelist():
            data = source.read(name)
            target.writestr(name, json.dumps(changed(json.loads(data))) if name == "about.json" else data)
    return out


@pytest.mark.parametrize(
    "described",
    [
        {"module": "os", "class_name": "function", "config": "system", "registered_name": "function"},
        {"module": "keras.utils", "class_name": "get_file", "config": {}},
        {"module": "keras", "class_name": "utils.get_file", "config": {}},
        {"module": "keras.ops", "class_name": "function", "config": "relu"},
        {"module": "keras.layers", "class_name": "Lambda", "config": {"function": "x"}},
        {"module": "keras.layers", "class_name": "TFSMLayer", "config": {"filepath": "/tmp/somewhere"}},
        {"class_name": "__lambda__", "config": {"value": "4wAAAA=="}},
        {"module": "kerasevil.layers", "class_name": "Dense", "config": {}},
    ],
)
def test_a_file_that_asks_for_code_is_refused(model, tmp_path, described):
    def changed(header):
        header["generator"]["config"]["layers"][1]["config"]["activation"] = [described]  # however deep it lies
        return header

    evil = with_header(save_generator(model, tmp_path / "g.p2p"), changed, tmp_path / "evil.p2p")
    with pytest.raises(CheckpointError, match=r"evil\.p2p asks for .* could run code or read other files of yours"):
        load_model(evil)


def test_a_file_that_does_not_say_how_it_is_to_be_used_is_explained(model, tmp_path):
    path = save_generator(model, tmp_path / "g.p2p")
    for wrong in ({"statistics": "none"}, {"statistics": None}, {"about": "a model"}):
        with pytest.raises(CheckpointError, match="does not say how its generator is to be used"):
            load_model(with_header(path, lambda header, wrong=wrong: {**header, **wrong}, tmp_path / "odd.p2p"))


def test_what_keras_complains_about_is_told_in_one_line(model, tmp_path):
    def changed(header):
        header["generator"]["config"]["layers"][1]["class_name"] = "NoSuchLayer"
        return header

    odd = with_header(save_generator(model, tmp_path / "g.p2p"), changed, tmp_path / "odd.p2p")
    with pytest.raises(CheckpointError, match=r"odd\.p2p cannot be read as a model") as caught:
        load_model(odd)
    assert "\n" not in str(caught.value) and "safe_mode" not in str(caught.value)


def test_damaged_and_foreign_files_are_explained(model, tmp_path):
    path = save_generator(model, tmp_path / "g.p2p")
    cut = tmp_path / "cut.p2p"
    cut.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(CheckpointError, match=r"cut\.p2p cannot be read as a model"):
        load_model(cut)
    newer = tmp_path / "newer.p2p"
    with zipfile.ZipFile(newer, "w") as archive:
        archive.writestr("about.json", json.dumps({"format": 99}))
    with pytest.raises(CheckpointError, match="Update the library"):
        load_model(newer)
    with pytest.raises(CheckpointError, match="There is no model at"):
        load_model(tmp_path / "nothing.p2p")
    with pytest.raises(CheckpointError, match="There is no model at"):
        load_model(tmp_path / ("n" * 256))
    with pytest.raises(CheckpointError, match="holds no training run"):
        load_model(tmp_path)


def test_unknown_example_is_explained():
    with pytest.raises(UsageError, match="Did you mean 'emoji'"):
        p2p.load_example_model("emojis")


def test_a_stored_discriminator_gives_nearly_the_same_logits(model, tmp_path):
    pair = [RNG.uniform(-1, 1, (2, 32, 32, 3)).astype("float32") for _ in range(2)]
    loaded = load_discriminator(save_discriminator(model, tmp_path / "d.p2p"))
    before, after = (np.asarray(network(pair, training=False)) for network in (model.discriminator, loaded))
    assert before.std() > 0
    np.testing.assert_allclose(after, before, atol=0.01 * np.abs(before).max())


def test_a_discriminator_that_hides_the_source_is_restored_as_such(tmp_path):
    model = p2p.Pix2Pix(p2p.generator_model(32, 2), p2p.discriminator_model(32, 2, conditional=False, seed=1))
    loaded = load_discriminator(save_discriminator(model, tmp_path / "d.p2p"))
    source, picture = (RNG.uniform(-1, 1, (1, 32, 32, 3)).astype("float32") for _ in range(2))
    np.testing.assert_array_equal(loaded([source, picture]), loaded([-source, picture]))


def test_generator_and_discriminator_files_are_not_mixed_up(model, tmp_path):
    generator = save_generator(model, tmp_path / "g.p2p")
    discriminator = save_discriminator(model, tmp_path / "d.p2p")
    with pytest.raises(CheckpointError, match=r"g\.p2p holds no discriminator"):
        load_discriminator(generator)
    with pytest.raises(CheckpointError, match=r"d\.p2p holds no generator"):
        load_model(discriminator)
    with pytest.raises(CheckpointError, match="no model at"):
        load_discriminator(tmp_path / "nothing.p2p")
    with pytest.raises(UsageError, match="1 to 11"):
        save_discriminator(model, tmp_path / "no.p2p", significant_bits=0)
