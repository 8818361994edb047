"""The generator in a file that runs elsewhere: Keras, SavedModel, ONNX and LiteRT (lesson 14).

A plain export is a trap for pix2pix. Keras exports what a model does with `training=False`: batch normalisation with
its moving averages. But a model that was trained at batch size 1 translates with the statistics of the picture itself
(paper 3.3), so its exported copy would silently paint other pictures. Here the choice is built into the network before
it is exported. Normalising each channel of each picture by its own mean and variance is what Keras calls
`GroupNormalization(groups=-1)`, so "batch" statistics need no training mode, no code of ours, and no change to a model.

What is exported is made of Keras' own layers in float32, takes any number of pictures at once, and has no dropout.

How to run each format elsewhere, with pictures `source` as float32 in [-1, 1] of shape (N, H, W, channels), such as
`picture[None] / np.float32(127.5) - 1`:

    import keras                                                           # pip install keras tensorflow
    model = keras.models.load_model("generator.keras")
    target = keras.ops.convert_to_numpy(model(source))

    import tensorflow as tf                                                # pip install tensorflow
    model = tf.saved_model.load("generator")
    target = model.serve(source).numpy()

    import onnxruntime                                                     # pip install onnxruntime
    session = onnxruntime.InferenceSession("generator.onnx")
    (target,) = session.run(None, {"source": source})

    from ai_edge_litert.interpreter import Interpreter                     # pip install ai-edge-litert
    runner = Interpreter("generator.tflite").get_signature_runner()
    target = runner(source=source)["output_0"]
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import os
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pix2pix_edu.backend import hold_back_stderr, keras, layers, ops
from pix2pix_edu.errors import UsageError
from pix2pix_edu.paths import explain_os_error
from pix2pix_edu.pix2pix import STATISTICS, Pix2Pix
from pix2pix_edu.translation import Translator
from pix2pix_edu.unet import KeepKnown, check_choice, keep_known

PRECISIONS = ("float16", "float32")
LARGEST_HALF = 65504.0  # the largest number that float16 holds


@dataclass(frozen=True)
class Format:
    """One kind of file: how it is called, what it takes to write and to run it, and what half precision means in it.

    Args:
        name: as in `export_generator(format=...)`.
        title: for people to read.
        ending: of its file name; empty for a folder.
        needs: modules that writing it imports, with the names that pip knows them by.
        half: what "float16" does to the weights.
        run: the three lines that run it elsewhere; `{path}` stands for the file.
        write: writes a graph to a path; the last argument says whether the weights are stored in half precision.

    >>> print(FORMATS["onnx"].run.format(path="generator.onnx").splitlines()[0])
    import onnxruntime
    """

    name: str
    title: str
    ending: str
    needs: dict[str, str]
    half: str
    run: str
    write: Callable[[keras.Model, Path, bool], None]


def export_generator(
    model: Any,
    path: Path | str,
    format: str = "keras",
    precision: str = "float16",
    statistics: str | None = None,
    dropout: bool = False,
    any_size: bool = False,
) -> Path:
    """Write the generator alone, so that it runs elsewhere: without this library, and translating as it does here.

    Args:
        model: a `Pix2Pix`, a `Run`, what `load_model` returned, or a bare generator.
        path: where to; it must not exist yet. It ends in `.keras`, `.onnx` or `.tflite`; a SavedModel is a folder.
        format: "keras", "saved_model", "onnx" or "litert"; see the top of this module for how to run each.
        precision: how the weights of the convolutions are stored, which are all but a thousandth of the numbers;
            "float16" halves the file. All formats compute in float32; `FORMATS[format].half` says what each does.
        statistics: "moving" or "batch", see `Pix2Pix`; default: what the model was trained for. With "batch" each
            picture is normalised by itself, also in a batch, as `translate` does.
        dropout: keep the model's only noise. A SavedModel then has it always on, a `.keras` file when the model is
            called with `training=True`; ONNX and LiteRT files cannot hold it. Compare `translate(dropout=False)`.
        any_size: accept every height and width that is a multiple of the size that the model was trained at, instead
            of that size alone. Fixed sizes are what phones run fastest.

    Returns:
        The path.

    Raises:
        StorageError: the disk is full or cannot be written; nothing is left there.
        UsageError: an unknown format, a wrong ending, a path that exists, a missing package, or not a generator.

    >>> import tempfile, pix2pix_edu as p2p
    >>> export_generator(p2p.generator_model(32, 2), tempfile.mkdtemp() + "/generator.keras").name
    'generator.keras'
    """
    check_choice("format", format, tuple(FORMATS))
    chosen, path = FORMATS[format], Path(path).expanduser()
    _check_path(path, chosen)
    _check_packages(chosen)
    if dropout and format in ("onnx", "litert"):
        raise UsageError(
            f"dropout=True does not work with format={format!r}: these files cannot hold the random numbers that "
            'Keras draws. Export with dropout=False, or with format="saved_model" or "keras".'
        )
    half = precision == "float16"
    graph = inference_generator(model, statistics, dropout, any_size, precision)
    if dropout and format == "saved_model":
        graph = _copy(graph, lambda layer: _stay_on(layer))
    with _finished_or_not_at_all(path) as unfinished, _silence():
        chosen.write(graph, unfinished, half)
    return path


def inference_generator(
    model: Any,
    statistics: str | None = None,
    dropout: bool = False,
    any_size: bool = False,
    precision: str = "float32",
) -> keras.Model:
    """The generator as it is exported: Keras' own layers, float32, and the choice of statistics built in.

    Args:
        model: as for `export_generator`; nothing about it is changed.
        statistics: "moving" or "batch"; default: what the model was trained for.
        dropout: keep the dropout layers, which are on with `training=True`.
        any_size: leave height and width open.
        precision: "float16" rounds the weights of the convolutions to what half precision holds.

    Returns:
        A Keras model that gives with `training=False` what `translate(model, ..., dropout=False)` gives.

    Raises:
        UsageError: not a generator, or weights that half precision cannot hold.

    >>> import pix2pix_edu as p2p
    >>> graph = inference_generator(p2p.generator_model(32, 2), statistics="batch")
    >>> graph.get_layer("down_2_norm").__class__.__name__
    'GroupNormalization'
    """
    generator, default = _generator_of(model)
    statistics = default if statistics is None else statistics
    check_choice("statistics", statistics, STATISTICS)
    check_choice("precision", precision, PRECISIONS)
    graph = _copy(generator, lambda layer: _at_rest(layer, statistics, dropout), any_size)
    _check_weights(graph, precision)
    if precision == "float16":
        for variable in _kernels(graph):
            variable.assign(ops.convert_to_numpy(variable.value).astype("float16").astype("float32"))
    return graph


# --- The network, rebuilt for use -------------------------------------------------------------------------------------


def _generator_of(model: Any) -> tuple[keras.Model, str]:
    """The generator in whatever was given, and the statistics that it was trained for."""
    model = model.model if isinstance(getattr(model, "model", None), Pix2Pix) else model  # a Run
    statistics = "moving"
    if isinstance(model, (Pix2Pix, Translator)):
        model, statistics = model.test_generator, model.statistics
    if not isinstance(model, keras.Model):
        raise UsageError(
            f"A {type(model).__name__} cannot be exported: give a Pix2Pix, a Run, a generator, or `load_model(path)`."
        )
    if problem := _why_no_generator(model):
        raise UsageError(
            f"{model.name!r} cannot be exported as a generator: {problem}. A generator takes one picture and returns "
            "one of the same size, as `generator_model` builds it."
        )
    return model, statistics


def _why_no_generator(model: keras.Model) -> str:
    """What keeps a Keras model from being a generator, in words; empty if nothing does."""
    inputs, outputs = getattr(model, "inputs", None), getattr(model, "outputs", None)
    if not inputs or not outputs:
        return "its layers are not known, since it is not a functional model"
    if len(inputs) != 1 or len(outputs) != 1:
        return f"it has {len(inputs)} inputs and {len(outputs)} outputs"
    source, target = tuple(inputs[0].shape), tuple(outputs[0].shape)
    if len(source) != 4 or len(target) != 4 or source[:3] != target[:3]:
        return f"it turns the shape {source} into {target}"
    nested = [layer.name for layer in model.layers if isinstance(layer, keras.Model)]
    return f"it holds another model, {nested[0]!r}, inside" if nested else ""


def _copy(
    model: keras.Model, renew: Callable[[layers.Layer], Callable | None], any_size: bool | None = None
) -> keras.Model:
    """The same network with each layer renewed, or left out where that gives None; weights are copied by name."""
    *size, channels = model.input_shape[1:]
    source = keras.Input((None, None, channels) if any_size else (*size, channels), name="source")
    renewed = {layer.name: renew(layer) for layer in model.layers if not isinstance(layer, layers.InputLayer)}

    def call(layer: Any, inputs: Any, **options: Any) -> Any:
        successor = renewed[layer.name]
        return inputs if successor is None else successor(inputs)

    def keep(layer: Any) -> Any:
        return layer  # `call` decides what stands in its place

    copy = keras.models.clone_model(model, source, clone_function=keep, call_function=call)
    copy(keras.KerasTensor(source.shape))  # Keras exports no model that was never called
    for name, layer in renewed.items():
        weights = {weight.name: weight for weight in model.get_layer(name).weights}
        for weight in getattr(layer, "weights", ()):
            weight.assign(weights[weight.name].value)
    return copy


def _at_rest(layer: layers.Layer, statistics: str, dropout: bool) -> Callable | None:
    """What stands for a layer when nothing is learned any more."""
    if isinstance(layer, KeepKnown):
        return lambda pictures: keep_known(*pictures)  # operations of Keras, so that the file asks for nothing of ours
    config = layer.get_config()
    if isinstance(layer, layers.BatchNormalization):
        kept = {name: config[name] for name in ("name", "axis", "epsilon", "center", "scale")}
        if statistics == "batch":
            return layers.GroupNormalization(groups=-1, **kept)  # each channel of each picture by itself
        return layers.BatchNormalization(**kept, trainable=False)  # Keras: frozen, so never the batch's statistics
    if isinstance(layer, layers.Dropout) and not dropout:
        return None
    return type(layer).from_config({**config, "dtype": "float32"})


class _DropoutAlways(layers.Dropout):
    """Dropout as the paper uses it: also at test time. Only SavedModels are made from it, which hold no classes."""

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        return super().call(inputs, training=True)


def _stay_on(layer: layers.Layer) -> layers.Layer:
    kind = _DropoutAlways if isinstance(layer, layers.Dropout) else type(layer)
    return kind.from_config(layer.get_config())


def _kernels(model: keras.Model) -> list[Any]:
    """The weights of the convolutions: all but a thousandth of the numbers, and those that half precision is for."""
    return [variable for variable in model.variables if len(variable.shape) == 4]


def _check_weights(graph: keras.Model, precision: str) -> None:
    for variable in graph.variables:
        largest = float(np.max(np.abs(ops.convert_to_numpy(variable.value).astype("float32")), initial=0.0))
        if not np.isfinite(largest):
            raise UsageError(
                f"{variable.path} holds numbers that are not finite: this training has gone wrong. Export an earlier "
                "checkpoint."
            )
        if precision == "float16" and len(variable.shape) == 4 and largest > LARGEST_HALF:
            raise UsageError(
                f"{variable.path} holds {largest:.3g}, but half precision ends at {LARGEST_HALF:g}. Export with "
                'precision="float32".'
            )


# --- Writing the four kinds of file -----------------------------------------------------------------------------------


def _write_keras(graph: keras.Model, path: Path, half: bool) -> None:
    graph.save(path)
    if half:
        _halve_keras_file(path)


def _halve_keras_file(path: Path) -> None:
    """Store the kernels in a `.keras` file as float16. Keras makes float32 of them when it loads the file."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    members["model.weights.h5"] = _halve_h5(members["model.weights.h5"])
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def _halve_h5(content: bytes) -> bytes:
    import h5py

    def copy(source: Any, target: Any) -> None:
        target.attrs.update(source.attrs)
        for name, item in source.items():
            if isinstance(item, h5py.Group):
                copy(item, target.create_group(name))
            else:
                values = item[()]
                target[name] = values.astype("float16") if np.ndim(values) == 4 else values
                target[name].attrs.update(item.attrs)

    halved = io.BytesIO()
    with h5py.File(io.BytesIO(content), "r") as source, h5py.File(halved, "w") as target:
        copy(source, target)
    return halved.getvalue()


class _StoredInHalf(keras.DTypePolicy):
    """Variables in float16, computation in float32. Only SavedModels are made from it, which hold no classes."""

    def __init__(self) -> None:
        super().__init__("float32")

    @property
    def variable_dtype(self) -> str:
        return "float16"


def _store_in_half(layer: layers.Layer) -> layers.Layer:
    renewed = type(layer).from_config(layer.get_config())
    if any(len(weight.shape) == 4 for weight in layer.weights):
        renewed.dtype_policy = _StoredInHalf()
    return renewed


def _write_saved_model(graph: keras.Model, path: Path, half: bool) -> None:
    graph = _copy(graph, _store_in_half) if half else graph
    # `graph.export` would store every weight twice: once as the model's, once as the endpoint's (Keras 3.13 to 3.15).
    archive = keras.export.ExportArchive()
    spec = keras.InputSpec(shape=(None, *graph.input_shape[1:]), dtype="float32", name="source")
    archive.add_endpoint("serve", lambda source: graph(source, training=False), input_signature=[spec])
    archive.write_out(path, verbose=False)


def _write_onnx(graph: keras.Model, path: Path, half: bool) -> None:
    import onnx

    graph.export(str(path), format="onnx", verbose=False)
    model = onnx.load(path)
    _name_ends(model.graph, any_size=graph.input_shape[1] is None)
    if half:
        _halve_initialisers(model.graph)
    onnx.checker.check_model(model)
    onnx.save(model, path)


def _name_ends(graph: Any, any_size: bool) -> None:
    """Names that a reader understands: `source` goes in, `target` comes out, N pictures of H x W pixels."""
    old, graph.output[0].name = graph.output[0].name, "target"
    for node in graph.node:
        for names in (node.input, node.output):
            names[:] = ["target" if name == old else name for name in names]
    for end in (graph.input[0], graph.output[0]):
        sizes = end.type.tensor_type.shape.dim
        for size, name in zip(sizes, ("N", "H", "W") if any_size else ("N",), strict=False):
            size.dim_param = name


def _halve_initialisers(graph: Any) -> None:
    """Store the kernels as float16, each followed by a cast to float32, which a runtime makes once, when it loads."""
    from onnx import TensorProto, helper, numpy_helper

    casts = []
    for tensor in graph.initializer:
        if tensor.data_type == TensorProto.FLOAT and len(tensor.dims) == 4:
            name, values = tensor.name, numpy_helper.to_array(tensor)
            tensor.CopyFrom(numpy_helper.from_array(values.astype("float16"), f"{name}_half"))
            casts.append(helper.make_node("Cast", [tensor.name], [name], to=TensorProto.FLOAT))
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)


def _write_litert(graph: keras.Model, path: Path, half: bool) -> None:
    import tensorflow as tf

    options: dict[str, Any] = {}
    if half:  # its name for weights in float16; the numbers between the layers stay in float32
        options = {
            "optimizations": [tf.lite.Optimize.DEFAULT],
            "target_spec": {"supported_types": [tf.float16]},
        }
    graph.export(str(path), format="litert", verbose=False, **options)


_TENSORFLOW = {"tensorflow": "tensorflow"}
FORMATS = {
    chosen.name: chosen
    for chosen in (
        Format(
            "keras",
            "Keras file",
            ".keras",
            {},
            "kernels stored as float16; Keras makes float32 of them when it loads the file",
            'import keras\nmodel = keras.models.load_model("{path}")\n'
            "target = keras.ops.convert_to_numpy(model(source))",
            _write_keras,
        ),
        Format(
            "saved_model",
            "TensorFlow SavedModel",
            "",
            _TENSORFLOW,
            "kernels are float16 variables; the graph casts them to float32 when it runs",
            'import tensorflow as tf\nmodel = tf.saved_model.load("{path}")\ntarget = model.serve(source).numpy()',
            _write_saved_model,
        ),
        Format(
            "onnx",
            "ONNX file",
            ".onnx",
            {**_TENSORFLOW, "onnx": "onnx", "tf2onnx": "tf2onnx"},
            "kernels are float16 initialisers, each followed by a cast to float32",
            'import onnxruntime\nsession = onnxruntime.InferenceSession("{path}")\n'
            '(target,) = session.run(None, {{"source": source}})',
            _write_onnx,
        ),
        Format(
            "litert",
            "LiteRT file",
            ".tflite",
            _TENSORFLOW,
            "LiteRT's float16 quantisation: weights in float16, made float32 (a phone's GPU may use them as they are)",
            "from ai_edge_litert.interpreter import Interpreter\n"
            'runner = Interpreter("{path}").get_signature_runner()\ntarget = runner(source=source)["output_0"]',
            _write_litert,
        ),
    )
}


# --- Checks and safety ------------------------------------------------------------------------------------------------


def _check_path(path: Path, chosen: Format) -> None:
    if path.suffix != chosen.ending and (chosen.ending or path.suffix in {each.ending for each in FORMATS.values()}):
        right = path.with_suffix(chosen.ending).name
        what = f"a file that ends in {chosen.ending}" if chosen.ending else "a folder"
        raise UsageError(f"format={chosen.name!r} makes {what}, not {path.name!r}: call it {right!r}.")
    if path.exists():
        raise UsageError(f"{path} exists already, and is not overwritten. Choose another name, or delete it first.")
    if not path.parent.is_dir():
        raise UsageError(f"There is no folder {path.parent} to export to. Make it first, or choose another one.")


def _check_packages(chosen: Format) -> None:
    missing = [package for module, package in chosen.needs.items() if importlib.util.find_spec(module) is None]
    if missing:
        raise UsageError(
            f"format={chosen.name!r} needs {' and '.join(missing)}, which this Python does not have. Install with: "
            f"pip install {' '.join(missing)}"
        )
    backend = keras.config.backend()
    if chosen.needs and backend != "tensorflow":
        raise UsageError(
            f"format={chosen.name!r} is written by TensorFlow, but Keras runs on {backend} here. Set KERAS_BACKEND="
            "tensorflow, restart, and export from the run directory; a run loads on every backend. Only the format "
            '"keras" is written on all of them.'
        )


@contextlib.contextmanager
def _finished_or_not_at_all(path: Path) -> Iterator[Path]:
    """A path beside `path`, whose content takes its name once it is complete."""
    folder = None
    try:
        folder = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
        yield folder / path.name
        os.replace(folder / path.name, path)
    except OSError as error:
        raise explain_os_error(error, path, "write") from error
    finally:
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """The converters write pages about their work; only a failure is worth reading."""
    with hold_back_stderr(), contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(io.StringIO()):
        yield
