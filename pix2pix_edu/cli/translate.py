"""`pix2pix-edu translate`: pictures of your own, with a model of yours or one of ours."""

from __future__ import annotations

import argparse
import difflib
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pix2pix_edu.cli.model import MODELS, chosen_model
from pix2pix_edu.cli.options import FINE, PARTLY_FAILED, PROGRAM, Command, complain, say, whole
from pix2pix_edu.errors import DataError, UsageError

if TYPE_CHECKING:
    import numpy as np
    from PIL.Image import Image

WRITABLE = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff")
MUCH_LARGER = 3  # times the size that a model was trained at, from where on a remark is due


def _add_translate_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--input", type=Path, required=True, metavar="PATH", help="a picture, or a folder of pictures, of any size"
    )
    parser.add_argument(
        "--output",
        type=Path,
        required=True,
        metavar="PATH",
        help="a folder (made if need be), or for a single picture also a file; an input is never overwritten",
    )
    parser.add_argument("--model", default="emoji", metavar="MODEL", help=f"{MODELS} (default: emoji)")
    parser.add_argument(
        "--resize",
        type=whole,
        metavar="PIXELS",
        help="first scale to a longer side of so many pixels (default: keep the size)",
    )
    parser.add_argument("--compare", action="store_true", help="write source and translation side by side")
    parser.add_argument(
        "--statistics",
        metavar="moving|batch",
        help="batch normalisation by the averages from training, or by each picture's own statistics "
        "(default: batch for models trained at batch size 1, as in the paper, else moving)",
    )
    parser.add_argument(
        "--dropout",
        action=argparse.BooleanOptionalAction,
        help="dropout as the only source of chance, as in the paper (default: on with batch statistics, else off)",
    )
    parser.add_argument(
        "--seed", type=whole, default=0, metavar="N", help="another seed is another dropout mask (default: 0)"
    )


def _translate(options: argparse.Namespace) -> int:
    jobs = _plan_files(options.input, options.output)
    if options.resize is not None and options.resize < 1:
        raise UsageError(f"--resize {options.resize} does not work: give the longer side in pixels, such as 256.")
    model = chosen_model(options.model)
    channels = int(model.generator.input_shape[-1])
    if channels not in (1, 3):
        raise UsageError(
            f"The model {options.model} takes {channels} channels, but picture files have one (grey) or three (RGB). "
            "In Python, p2p.translate takes arrays with any number of channels."
        )
    failed, largest = _translate_files(jobs, model, channels, options)
    if len(failed) == len(jobs):
        raise DataError(_failures(failed, len(jobs)))
    done = len(jobs) - len(failed)
    where = jobs[0][1] if len(jobs) == 1 else f"{done} pictures in {jobs[0][1].parent}"
    say(f"Translated with {options.model}: {where}")
    if largest > MUCH_LARGER * model.image_size and options.resize is None:
        say(
            f"The model learned from pictures of {model.image_size} px; in larger ones everything looks larger to it. "
            f"Try --resize {model.image_size} or --resize {2 * model.image_size} as well."
        )
    if failed:
        complain(_failures(failed, len(jobs)))
        return PARTLY_FAILED
    return FINE


def _failures(failed: list[str], count: int) -> str:
    pictures = "pictures" if count > 1 else "picture"
    return f"{len(failed)} of {count} {pictures} could not be translated: {'; '.join(failed)}."


def _translate_files(
    jobs: list[tuple[Path, Path]], model: Any, channels: int, options: argparse.Namespace
) -> tuple[list[str], int]:
    """Translate one file after the other; return what failed, and the longest side that was translated."""
    from pix2pix_edu.pairs.pictures import Unreadable, read_picture
    from pix2pix_edu.progress import progress
    from pix2pix_edu.sheets import make_sheet
    from pix2pix_edu.translation import translate

    failed, largest = [], 0
    for source, destination in progress(jobs, description="translating", unit="picture"):
        try:
            picture = _as_array(read_picture(source)[0], channels, options.resize)
        except Unreadable as problem:
            failed.append(f"{source} {problem}")
            continue
        translated = translate(model, picture, options.statistics, options.dropout, options.seed)
        if options.compare:
            translated = make_sheet(picture[None], translated[None])
        _save(translated, destination)
        largest = max(largest, *picture.shape[:2])
    return failed, largest


def _as_array(picture: Image, channels: int, longest: int | None) -> np.ndarray:
    """An RGB picture as the model takes it: uint8 (H, W, 1 or 3), scaled if so wished."""
    import numpy as np

    if longest is not None:
        factor = longest / max(picture.size)
        picture = picture.resize([max(1, round(side * factor)) for side in picture.size])
    array = np.asarray(picture.convert("L" if channels == 1 else "RGB"))
    return array[..., None] if channels == 1 else array


def _save(picture: np.ndarray, path: Path) -> None:
    from PIL import Image

    from pix2pix_edu.paths import atomic_file

    if picture.shape[-1] not in (1, 3):
        raise UsageError(
            f"The model paints {picture.shape[-1]} channels; picture files have one (grey) or three (RGB)."
        )
    image = Image.fromarray(picture[..., 0] if picture.shape[-1] == 1 else picture)
    with atomic_file(path) as file:
        image.save(file, format=Image.registered_extensions()[path.suffix.lower()], quality=95)


def _plan_files(source: Path, output: Path) -> list[tuple[Path, Path]]:
    """Which file is translated into which; nothing that is read is ever written.

    Raises:
        DataError: nothing to translate.
        UsageError: an output that cannot be, or that would overwrite an input.
    """
    source, output = source.expanduser(), output.expanduser()
    if source.is_dir():
        inputs = _pictures_in(source)
        if output.suffix.lower() in WRITABLE or output.is_file():
            raise UsageError(f"--input {source} is a folder, so --output must be a folder too, not {output}.")
        if output.is_dir() and output.samefile(source):
            raise UsageError(
                f"--output {output} is the folder of the inputs. Choose another one: inputs stay as they are."
            )
    elif source.is_file():
        inputs = [source]
        if output.suffix.lower() in WRITABLE and not output.is_dir():
            return _without_overwriting([(source, output)])
        if output.suffix and not output.is_dir():
            raise UsageError(
                f"--output {output}: no pictures are written as {output.suffix}. Endings that work: "
                f"{', '.join(WRITABLE)}; or give a folder."
            )
    else:
        siblings = sorted(child.name for child in source.parent.iterdir()) if source.parent.is_dir() else []
        close = difflib.get_close_matches(source.name, siblings, n=1)
        hint = f" Did you mean {source.parent / close[0]}?" if close else " Check the path."
        raise DataError(f"There is no picture and no folder {source}.{hint}")
    twice = Counter(path.stem.lower() for path in inputs)
    names = [path.name if twice[path.stem.lower()] > 1 else path.stem for path in inputs]
    return _without_overwriting([(path, output / f"{name}.png") for path, name in zip(inputs, names, strict=True)])


def _pictures_in(folder: Path) -> list[Path]:
    from pix2pix_edu.pairs.pictures import ENDINGS, is_picture

    pictures = sorted(path for path in folder.iterdir() if path.is_file() and is_picture(path))
    if not pictures:
        raise DataError(
            f"There are no pictures in {folder}: no file there ends with {', '.join(ENDINGS)}. Sub-folders are not "
            "searched; give them one at a time."
        )
    return pictures


def _without_overwriting(jobs: list[tuple[Path, Path]]) -> list[tuple[Path, Path]]:
    """The jobs, if no output is an input, under whatever name."""
    inputs = {(facts.st_dev, facts.st_ino) for facts in (source.stat() for source, _ in jobs)}
    for _, destination in jobs:
        if destination.exists():
            facts = destination.stat()
            if (facts.st_dev, facts.st_ino) in inputs:
                raise UsageError(
                    f"{destination} is an input, and inputs are never overwritten. Choose another --output."
                )
    return jobs


COMMAND = Command(
    "translate",
    "--input PATH --output PATH [options]",
    "Translate pictures, with your model or one of ours.",
    """\
Translate a picture, or all pictures in a folder. They may be of any size and
kind; those that cannot be read are listed, and the others are translated.""",
    f"""\
  {PROGRAM} translate --input sketch.png --output coloured.png
  {PROGRAM} translate --model runs/emoji-small-001 --input sketches \\
      --output coloured --compare
  {PROGRAM} translate --input photo.jpg --output out --resize 128""",
    _add_translate_options,
    _translate,
)
