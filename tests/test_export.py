"""The exported files translate as the model does, with both kinds of statistics, and are half as large."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

import pix2pix_edu as p2p
from pix2pix_edu import export
from pix2pix_edu.backend import keras
from pix2pix_edu.cli import main
from pix2pix_edu.errors import StorageError, UsageError
from pix2pix_edu.export import FORMATS, export_generator, inference_generator
from pix2pix_edu.training import train
from pix2pix_edu.translation import Translator, save_generator, to_float, to_uint8, translate

RNG = np.random.default_rng(0)
SIZE = 32
RUNTIMES = {"onnx": ("onnx", "tf2onnx", "onnxruntime"), "litert": ("ai_edge_litert",)}


def at_home(format: str) -> str:
    """The name of a format, or a reason to skip it: the course runs without the packages of `.[export]`."""
    for module in RUNTIMES.get(format, ()):
        pytest.importorskip(module, reason=f'{format} needs {module}: pip install -e ".[export]"')
    return format


@pytest.fixture(scope="module")
def generator() -> keras.Model:
    """A generator whose statistics matter: what it normalises, and its averages of it, are far from 0 and 1."""
    generator = p2p.generator_model(SIZE, 8, seed=1)
    for variable in generator.variables:
        if "kernel" in variable.path:
            variable.assign(4 * np.asarray(variable.value))
        elif "gamma" in variable.path or "variance" in variable.path:
            variable.assign(RNG.uniform(0.5, 1.5, variable.shape))
        elif "beta" in variable.path or "mean" in variable.path:
            variable.assign(RNG.normal(0, 0.3, variable.shape))
    return generator


def random_pictures(*shape: int) -> np.ndarray:
    return RNG.integers(0, 256, shape).astype("uint8")


def run_elsewhere(path: Path, format: str, source: np.ndarray) -> np.ndarray:
    """What a file makes of float pictures, by the three lines that the library tells its users."""
    names = {"source": source}
    exec(FORMATS[format].run.format(path=path), names)
    return names["target"]


def size_of(path: Path) -> int:
    return sum(file.stat().st_size for file in (path.rglob("*") if path.is_dir() else [path]) if file.is_file())


def levels_apart(one: np.ndarray, other: np.ndarray) -> int:
    return int(np.abs(one.astype(int) - other.astype(int)).max())


# --- The same pictures ------------------------------------------------------------------------------------------------


def test_the_two_kinds_of_statistics_paint_different_pictures(generator):
    """Were it not so, the tests below would prove nothing."""
    picture = random_pictures(3, SIZE, SIZE, 3)
    moving, batch = (translate(generator, picture, kind, dropout=False) for kind in ("moving", "batch"))
    assert np.abs(moving.astype(int) - batch).mean() > 10


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("statistics", ["moving", "batch"])
def test_an_exported_generator_translates_as_the_model_does(generator, tmp_path, format, statistics):
    """Three pictures at once, each as if it were alone; with `training=False`, as the world calls a model."""
    pictures = random_pictures(3, SIZE, SIZE, 3)
    wanted = translate(generator, pictures, statistics, dropout=False)
    ending = FORMATS[at_home(format)].ending
    whole = export_generator(generator, tmp_path / f"whole{ending}", format, "float32", statistics)
    half = export_generator(generator, tmp_path / f"half{ending}", format, statistics=statistics)

    graph = inference_generator(generator, statistics)
    outputs = {path: run_elsewhere(path, format, to_float(pictures)) for path in (whole, half)}
    np.testing.assert_allclose(outputs[whole], graph(to_float(pictures), training=False), atol=1e-5)
    assert levels_apart(to_uint8(outputs[whole]), wanted) <= 1  # where a value lies on the edge between two levels
    assert np.mean(to_uint8(outputs[whole]) != wanted) < 0.001
    assert levels_apart(to_uint8(outputs[half]), wanted) <= 3
    assert np.abs(outputs[half] - outputs[whole]).mean() < 1 / 255
    assert np.any(outputs[half] != outputs[whole])  # it is another file


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("statistics", ["moving", "batch"])
def test_other_sizes_are_translated_as_well(generator, tmp_path, format, statistics):
    path = tmp_path / f"any{FORMATS[at_home(format)].ending}"
    export_generator(generator, path, format, "float32", statistics, any_size=True)
    for height, width in [(SIZE, SIZE), (2 * SIZE, 3 * SIZE)]:
        pictures = random_pictures(2, height, width, 3)
        made = to_uint8(run_elsewhere(path, format, to_float(pictures)))
        assert levels_apart(made, translate(generator, pictures, statistics, dropout=False)) <= 1


@pytest.mark.parametrize("format", FORMATS)
def test_half_precision_halves_the_file(tmp_path, format):
    generator = p2p.generator_model(32, 24, seed=0)  # 9 MB of weights beside 0.1 MB of structure
    ending = FORMATS[at_home(format)].ending
    whole, half = (
        size_of(export_generator(generator, tmp_path / f"{precision}{ending}", format, precision))
        for precision in ("float32", "float16")
    )
    weights = 4 * generator.count_params()
    assert 0.99 * weights < whole < 1.05 * weights
    assert 0.49 * weights < half < 0.55 * weights


def test_a_model_of_batch_size_1_carries_its_statistics_along(tmp_path):
    """The trap: trained as in the paper, saved and exported without a word about statistics."""
    pairs = p2p.load_pairs("facades", image_size=SIZE, train=8, val=2, test=2)
    run = train(pairs, preset="tiny", epochs=1, batch_size=1, filters=2, run_dir=tmp_path / "run")
    picture = pairs.test.sources[:2]
    wanted = translate(run, picture, dropout=False)
    by_averages = translate(run, picture, statistics="moving", dropout=False)
    assert levels_apart(wanted, by_averages) > 3
    stored = p2p.load_model(save_generator(run.model, tmp_path / "generator.p2p"))
    for number, model in enumerate([run, run.model, p2p.load_model(tmp_path / "run"), stored]):
        path = export_generator(model, tmp_path / f"{number}.keras", precision="float32")
        made = to_uint8(run_elsewhere(path, "keras", to_float(picture)))
        if model is stored:  # its weights went through half precision
            assert levels_apart(made, wanted) < levels_apart(made, by_averages)
        else:
            assert levels_apart(made, wanted) <= 1


@pytest.mark.parametrize(
    "options",
    [
        {"norm": "instance"},
        {"norm": "none"},
        {"upsample": "resize"},
        {"skips": False},
        {"source_channels": 1, "target_channels": 2},
        {"precision": "bfloat16"},
        {"source_channels": 4, "fills_holes": True},
    ],
    ids=str,
)
def test_every_kind_of_generator_can_be_exported(tmp_path, options):
    generator = p2p.generator_model(SIZE, 4, seed=3, **options)
    picture = random_pictures(2, SIZE, SIZE, options.get("source_channels", 3))
    path = export_generator(generator, tmp_path / "generator", "saved_model", "float32")
    made = to_uint8(run_elsewhere(path, "saved_model", to_float(picture)))
    coarse = "precision" in options  # the model itself computes with 8 significant bits, its copy with 24
    assert levels_apart(made, translate(generator, picture)) <= (8 if coarse else 1)


@pytest.mark.parametrize("format", FORMATS)
def test_a_generator_that_fills_holes_keeps_what_is_known_in_every_format(tmp_path, format):
    generator = p2p.generator_model(SIZE, 4, source_channels=4, fills_holes=True, seed=3)
    picture = random_pictures(2, SIZE, SIZE, 4)
    picture[..., 3] = np.where(picture[..., 3] < 80, 255, 0)
    path = export_generator(generator, tmp_path / f"generator{FORMATS[format].ending}", at_home(format), "float32")
    made = to_uint8(run_elsewhere(path, format, to_float(picture)))
    assert levels_apart(made, translate(generator, picture)) <= 1
    known = picture[..., 3] == 0
    np.testing.assert_array_equal(made[known], picture[..., :3][known])
    if format == "keras":
        with zipfile.ZipFile(path) as archive:
            assert "pix2pix_edu" not in archive.read("config.json").decode()


def test_nothing_about_the_model_changes(generator, tmp_path):
    before = [np.array(variable.value) for variable in generator.variables]
    flags = [layer.trainable for layer in generator.layers]
    export_generator(generator, tmp_path / "a.keras", statistics="batch")
    export_generator(generator, tmp_path / "b", "saved_model", statistics="moving", dropout=True)
    for variable, value in zip(generator.variables, before, strict=True):
        np.testing.assert_array_equal(variable.value, value)
    assert [layer.trainable for layer in generator.layers] == flags


# --- Dropout ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("statistics", ["moving", "batch"])
def test_dropout_is_kept_when_asked_for(generator, tmp_path, statistics):
    import tensorflow as tf

    source = to_float(random_pictures(1, SIZE, SIZE, 3))
    quiet = np.asarray(inference_generator(generator, statistics)(source))

    file = export_generator(generator, tmp_path / "a.keras", "keras", "float32", statistics, dropout=True)
    model = keras.models.load_model(file)
    np.testing.assert_allclose(model(source), quiet, atol=1e-5)
    noisy = [np.asarray(model(source, training=True)) for _ in range(2)]
    assert np.abs(noisy[0] - noisy[1]).mean() > 0.01
    for number, layer in enumerate(layer for layer in model.layers if isinstance(layer, keras.layers.Dropout)):
        layer.seed_generator.state.assign(np.array([7, number], "uint32"))
    wanted = translate(generator, to_uint8(source), statistics, dropout=True, seed=7)
    assert levels_apart(to_uint8(model(source, training=True)), wanted) <= 1  # the statistics stayed what they were

    folder = export_generator(generator, tmp_path / "a", "saved_model", "float16", statistics, dropout=True)
    served = tf.saved_model.load(folder)
    noisy = [served.serve(source).numpy() for _ in range(2)]
    assert np.abs(noisy[0] - noisy[1]).mean() > 0.01


@pytest.mark.parametrize("format", ["onnx", "litert"])
def test_formats_without_random_numbers_say_so(generator, tmp_path, format):
    at_home(format)
    with pytest.raises(UsageError, match=f"dropout=True does not work with format='{format}'"):
        export_generator(generator, tmp_path / f"a{FORMATS[format].ending}", format, dropout=True)


# --- What is in the files ---------------------------------------------------------------------------------------------


def test_a_keras_file_needs_keras_and_nothing_of_ours(generator, tmp_path):
    """Read by another Python, in safe mode, which has never heard of this library."""
    source = to_float(random_pictures(2, SIZE, SIZE, 3))
    path = export_generator(generator, tmp_path / "generator.keras", statistics="batch")
    np.save(tmp_path / "source.npy", source)
    code = (
        "import sys, numpy as np, keras\n"
        "model = keras.models.load_model('generator.keras', safe_mode=True)\n"
        "np.save('target.npy', model(np.load('source.npy')))\n"
        "assert not [name for name in sys.modules if name.startswith('pix2pix_edu')]\n"
    )
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, capture_output=True)
    wanted = inference_generator(generator, "batch", precision="float16")(source)
    np.testing.assert_allclose(np.load(tmp_path / "target.npy"), wanted, atol=1e-5)
    with zipfile.ZipFile(path) as archive:
        assert "pix2pix_edu" not in archive.read("config.json").decode()
        assert {layer["module"] for layer in json.loads(archive.read("config.json"))["config"]["layers"]} == {
            "keras.layers"
        }


def test_a_keras_file_is_stored_in_half_and_used_in_full(generator, tmp_path):
    import io

    import h5py

    path = export_generator(generator, tmp_path / "generator.keras")
    kinds: dict[int, set[str]] = {}
    with zipfile.ZipFile(path) as archive, h5py.File(io.BytesIO(archive.read("model.weights.h5"))) as weights:
        weights.visititems(
            lambda name, item: (
                kinds.setdefault(item.ndim, set()).add(str(item.dtype)) if isinstance(item, h5py.Dataset) else None
            )
        )
    assert kinds[4] == {"float16"} and kinds[1] == {"float32"}
    loaded = keras.models.load_model(path)
    assert {str(variable.dtype) for variable in loaded.variables} == {"float32"}
    loaded.compile("sgd", "mae")  # it can be trained on


def test_an_onnx_file_is_stored_in_half_and_has_readable_ends(generator, tmp_path):
    at_home("onnx")
    import onnx

    for any_size, sizes in ((False, ["N", SIZE, SIZE, 3]), (True, ["N", "H", "W", 3])):
        path = export_generator(generator, tmp_path / f"{any_size}.onnx", "onnx", any_size=any_size)
        graph = onnx.load(path).graph
        for end, name in ((graph.input[0], "source"), (graph.output[0], "target")):
            assert end.name == name
            dims = end.type.tensor_type.shape.dim
            assert [dim.dim_param or dim.dim_value for dim in dims] == sizes
            assert end.type.tensor_type.elem_type == onnx.TensorProto.FLOAT
        kernels = [tensor for tensor in graph.initializer if len(tensor.dims) == 4]
        assert len(kernels) >= 10
        assert {tensor.data_type for tensor in kernels} == {onnx.TensorProto.FLOAT16}


def test_exporting_is_silent(generator, tmp_path, capfd):
    for format in ("keras", "saved_model", *(name for name in RUNTIMES if _present(name))):
        export_generator(generator, tmp_path / f"{format}{FORMATS[format].ending}", format)
    assert capfd.readouterr() == ("", "")


def _present(format: str) -> bool:
    import importlib.util

    return all(importlib.util.find_spec(module) for module in RUNTIMES[format])


def test_the_module_says_how_to_run_each_format():
    lines = [line.split("   #")[0].strip() for line in (export.__doc__ or "").splitlines()]
    for format in FORMATS.values():
        shown = format.run.format(path=f"generator{format.ending}").splitlines()
        assert len(shown) == 3
        assert [line for line in shown if line not in lines] == []


# --- What cannot be ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"format": "onyx"}, "format='onyx' is not known. Did you mean 'onnx'?"),
        ({"format": "tflite"}, "Known: keras, saved_model, onnx, litert"),
        ({"precision": "float8"}, "precision='float8' is not known. Did you mean 'float"),
        ({"statistics": "batches"}, "statistics='batches' is not known. Did you mean 'batch'?"),
        ({"path": "a.h5"}, "a file that ends in .keras, not 'a.h5': call it 'a.keras'"),
        ({"path": "a"}, "call it 'a.keras'"),
        ({"path": "a.onnx", "format": "saved_model"}, "makes a folder, not 'a.onnx': call it 'a'"),
        ({"path": "nowhere/a.keras"}, "There is no folder"),
        ({"path": "there.keras"}, "there.keras exists already, and is not overwritten"),
        ({"path": "there", "format": "saved_model"}, "there exists already"),
    ],
    ids=str,
)
def test_wrong_usage_is_explained(generator, tmp_path, options, words):
    (tmp_path / "there.keras").write_text("mine")
    (tmp_path / "there").mkdir()
    before = sorted(tmp_path.rglob("*"))
    ending = {"onyx": ".onnx", "tflite": ".tflite"}.get(options.get("format"), ".keras")
    with pytest.raises(UsageError) as caught:
        export_generator(generator, **{**options, "path": tmp_path / options.get("path", f"a{ending}")})
    assert words in str(caught.value)
    assert sorted(tmp_path.rglob("*")) == before and (tmp_path / "there.keras").read_text() == "mine"


def test_what_is_no_generator_is_named(tmp_path):
    image = keras.Input((SIZE, SIZE, 3))
    halved = keras.Model(image, keras.layers.Conv2D(1, 4, 2, "same")(image))
    inner = keras.Model(image, keras.layers.Conv2D(3, 4, 1, "same")(image), name="inner")
    nested = keras.Model(image, inner(image))
    for model, words in [
        (p2p.discriminator_model(SIZE, 2), "2 inputs and 1 outputs"),
        (halved, r"it turns the shape \(None, 32, 32, 3\) into \(None, 16, 16, 1\)"),
        (nested, "another model, 'inner', inside"),
        ("runs/emoji", "A str cannot be exported"),
        (None, "A NoneType cannot be exported"),
    ]:
        with pytest.raises(UsageError, match=words):
            export_generator(model, tmp_path / "a.keras")
    assert list(tmp_path.iterdir()) == []


def test_weights_that_half_precision_cannot_hold_are_refused(tmp_path):
    generator = p2p.generator_model(SIZE, 2)
    kernel = next(variable for variable in generator.variables if len(variable.shape) == 4)
    kernel.assign(np.full(kernel.shape, 1e5))
    with pytest.raises(UsageError, match='half precision ends at 65504. Export with precision="float32"'):
        export_generator(generator, tmp_path / "a.keras")
    export_generator(generator, tmp_path / "b.keras", precision="float32")
    kernel.assign(np.full(kernel.shape, np.nan))
    with pytest.raises(UsageError, match="not finite"):
        export_generator(generator, tmp_path / "c.keras", precision="float32")


def test_a_missing_package_is_named_with_the_command_that_installs_it(generator, tmp_path, monkeypatch):
    find = export.importlib.util.find_spec
    monkeypatch.setattr(
        export.importlib.util, "find_spec", lambda name: None if name in ("onnx", "tf2onnx") else find(name)
    )
    with pytest.raises(UsageError, match=r"needs onnx and tf2onnx, .* Install with: pip install onnx tf2onnx"):
        export_generator(generator, tmp_path / "a.onnx", "onnx")
    export_generator(generator, tmp_path / "a.keras", "keras")


def test_other_backends_write_keras_files_and_say_how_to_get_the_others(generator, tmp_path, monkeypatch):
    monkeypatch.setattr(export.keras.config, "backend", lambda: "jax")
    with pytest.raises(UsageError, match="Keras runs on jax here. Set KERAS_BACKEND=tensorflow"):
        export_generator(generator, tmp_path / "a", "saved_model")


def test_a_failed_export_leaves_nothing_behind(generator, tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(keras.Model, "save", full)
    with pytest.raises(StorageError, match="The disk is full"):
        export_generator(generator, tmp_path / "a.keras")
    assert list(tmp_path.iterdir()) == []


# --- The command ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("format", FORMATS)
def test_the_command_says_what_it_wrote_and_how_to_run_it(generator, tmp_path, capsys, format):
    model = save_generator(Translator(generator, "batch"), tmp_path / "model.p2p")
    path = tmp_path / f"generator{FORMATS[at_home(format)].ending}"
    assert main(["export", str(model), "--format", format, "--out", str(path)]) == 0
    out = capsys.readouterr().out
    words = f"{FORMATS[format].title}, {size_of(path) / 1e6:,.1f} MB, weights in float16, batch statistics built in."
    assert words in " ".join(out.split())
    names = {"source": to_float(random_pictures(1, SIZE, SIZE, 3))}
    exec("\n".join(line.strip() for line in out.splitlines() if line.startswith("  ")), names)
    wanted = translate(p2p.load_model(model), to_uint8(names["source"]), dropout=False)
    assert levels_apart(to_uint8(names["target"]), wanted) <= 3


def test_the_command_exports_a_model_that_comes_with_the_course(tmp_path):
    assert main(["export", "emoji", "--out", str(tmp_path / "emoji.keras")]) == 0
    picture = random_pictures(1, 64, 64, 3)
    wanted = translate(p2p.load_example_model("emoji"), picture)
    made = run_elsewhere(tmp_path / "emoji.keras", "keras", to_float(picture))
    assert levels_apart(to_uint8(made), wanted) <= 1  # the shipped weights are in half precision already


def test_the_command_passes_its_options_on(generator, tmp_path, capsys):
    model = str(save_generator(Translator(generator, "batch"), tmp_path / "model.p2p"))
    options = ["--precision", "float32", "--statistics", "moving", "--any-size", "--dropout"]
    assert main(["export", model, "--out", str(tmp_path / "a.keras"), *options]) == 0
    assert f"multiples of {SIZE}" in " ".join(capsys.readouterr().out.split())
    loaded = keras.models.load_model(tmp_path / "a.keras")
    assert loaded.input_shape == (None, None, None, 3)
    kinds = {type(layer).__name__ for layer in loaded.layers}
    assert {"BatchNormalization", "Dropout"} <= kinds and "GroupNormalization" not in kinds
    assert main(["export", model, "--out", str(tmp_path / "b.keras")]) == 0
    kinds = {type(layer).__name__ for layer in keras.models.load_model(tmp_path / "b.keras").layers}
    assert "GroupNormalization" in kinds and not kinds & {"BatchNormalization", "Dropout"}


def test_the_command_explains_what_cannot_be(tmp_path, capsys):
    assert main(["export", "emoji", "--format", "onxx", "--out", str(tmp_path / "a.onnx")]) == 2
    assert "Did you mean 'onnx'?" in " ".join(capsys.readouterr().err.split())
    assert main(["export", "emojis", "--out", str(tmp_path / "a.keras")]) == 2
    assert "Did you mean 'emoji'?" in " ".join(capsys.readouterr().err.split())
    assert main(["export", "emoji"]) == 2
    assert "--out" in capsys.readouterr().err


def test_the_help_names_every_format(capsys):
    main(["export", "--help"])
    out = " ".join(capsys.readouterr().out.split())
    assert all(name in out for name in FORMATS)
