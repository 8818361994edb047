"""tools/notebooks.py on tiny notebooks, and the committed notebooks held to it (executing them is nbval's job)."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from PIL import Image

from tools import colab
from tools import notebooks as tool

NOTEBOOKS = sorted((tool.ROOT / "notebooks").glob("*.ipynb"))

NOISY = """
import os, sys
print("\\x1b[31mred\\x1b[0m")
print("10%\\r50%\\r100%")
print("ab\\b\\bcd")
print("notice", file=sys.stderr)
print(os.environ["PIX2PIX_EDU_PRESET"])
"""
WIDGETS = """
import ipywidgets
from IPython.display import Image, display
display(ipywidgets.IntSlider())
object()
"""


def notebook_of(*sources: str, tags: tuple[str, ...] = ()) -> nbformat.NotebookNode:
    return new_notebook(
        cells=[new_code_cell(source, metadata={"tags": list(tags)} if tags else {}) for source in sources]
    )


def png(colour: tuple[int, int, int]) -> str:
    file = io.BytesIO()
    Image.new("RGB", (8, 8), colour).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One notebook with everything that has to be cleaned, executed once with `run` for all tests that look at it."""
    path = tmp_path_factory.mktemp("notebooks") / "lesson.ipynb"
    notebook = notebook_of(NOISY, WIDGETS, "import pathlib; print(pathlib.Path.home() / 'cache')")
    notebook.cells.append(new_markdown_cell("Prose."))
    notebook.cells.append(new_code_cell("1 / 0", metadata={"tags": ["raises-exception"]}))
    notebook.cells.append(new_code_cell("import time; time.sleep(1000)", metadata={"tags": ["nbval-skip"]}))
    notebook.cells.append(new_code_cell("raise SystemExit('installing')", metadata={"tags": [tool.SETUP]}))
    nbformat.write(notebook, path)
    assert tool.main(["run", str(path), "--preset", "tiny"]) == 0
    return path


def read(path: Path) -> nbformat.NotebookNode:
    return nbformat.read(path, as_version=4)


def test_run_cleans_streams_and_sets_the_preset(executed):
    (output,) = read(executed).cells[0].outputs
    assert output.text == "red\n100%\ncd\ntiny\n"


def test_run_drops_bare_widgets_and_addresses(executed):
    notebook = read(executed)
    (output,) = notebook.cells[1].outputs
    assert output.data["text/plain"] == "<object at 0x...>"
    assert "widgets" not in notebook.metadata


def test_run_hides_the_home_folder(executed):
    assert read(executed).cells[2].outputs[0].text == "~/cache\n"


def test_run_keeps_expected_errors_and_skips_skipped_cells(executed):
    cells = read(executed).cells
    assert cells[4].outputs[0].ename == "ZeroDivisionError"
    assert cells[5].execution_count is None
    assert cells[5].metadata.tags == ["nbval-skip"]


def test_run_leaves_the_set_up_cell_alone(executed):
    cell = read(executed).cells[6]
    assert (cell.execution_count, cell.outputs, cell.metadata.tags) == (None, [], [tool.SETUP])


def test_fresh_accepts_what_run_wrote(executed, capsys):
    assert tool.main(["fresh", str(executed), "--preset", "tiny"]) == 0
    assert "lesson.ipynb: ok" in capsys.readouterr().out


def test_fresh_wants_the_outputs_of_the_small_preset(executed, capsys):
    assert tool.main(["fresh", str(executed)]) == 1
    assert "preset tiny, not small" in capsys.readouterr().out


def test_verify_accepts_a_repeated_run_and_reports_a_changed_output(executed, tmp_path, capsys):
    notebook = read(executed)
    notebook.cells = notebook.cells[:1]
    path = tmp_path / "lesson.ipynb"
    nbformat.write(notebook, path)
    assert tool.main(["verify", str(path), "--preset", "tiny"]) == 0
    notebook.cells[0].outputs[0].text = "red\n99%\n"
    nbformat.write(notebook, path)
    assert tool.main(["verify", str(path), "--preset", "tiny"]) == 1
    assert "99%" in capsys.readouterr().out


def test_a_failing_cell_is_named_and_the_file_stays_as_it_was(tmp_path, capsys):
    path = tmp_path / "broken.ipynb"
    nbformat.write(notebook_of("number = 1", "undefined_name"), path)
    before = path.read_bytes()
    assert tool.main(["run", str(path)]) == 1
    assert "NameError" in capsys.readouterr().out
    assert path.read_bytes() == before


def stamped(*sources: str) -> nbformat.NotebookNode:
    """A notebook that passes `fresh`, made without a kernel."""
    notebook = notebook_of(*sources)
    for count, cell in enumerate(notebook.cells, start=1):
        cell.execution_count = count
    notebook.metadata[tool.STAMP] = {"code_sha256": tool.code_hash(notebook), "preset": "small"}
    assert tool.staleness(notebook) == []
    return notebook


def test_changed_code_is_stale_and_changed_prose_is_not():
    notebook = stamped("a = 1")
    notebook.cells.insert(0, new_markdown_cell("New prose."))
    assert tool.staleness(notebook) == []
    notebook.cells[1].source = "a = 2"
    assert "code changed" in tool.staleness(notebook)[0]


def test_a_changed_tag_is_stale():
    notebook = stamped("a = 1")
    notebook.cells[0].metadata["tags"] = ["nbval-skip"]
    assert "code changed" in tool.staleness(notebook)[0]


def test_the_set_up_cell_may_come_change_and_go():
    notebook = stamped("a = 1", "b = 2")
    notebook.cells.insert(0, new_code_cell("import this", metadata={"tags": [tool.SETUP, "remove-cell"]}))
    assert tool.staleness(notebook) == []
    notebook.cells[0].source = "import that"
    assert tool.staleness(notebook) == []
    notebook.cells[0].metadata["tags"] = []
    assert "code changed" in tool.staleness(notebook)[0]


def test_the_set_up_cell_is_the_one_that_is_stamped():
    assert tool.SETUP == colab.TAG


def test_a_notebook_without_a_stamp_is_stale():
    assert "no stamp" in tool.staleness(notebook_of())[0]


def test_cells_run_out_of_order_are_reported():
    notebook = stamped("a = 1", "b = 2")
    notebook.cells[0].execution_count, notebook.cells[1].execution_count = 2, 1
    assert "[2, 1]" in tool.staleness(notebook)[0]


@pytest.mark.parametrize(
    ("output", "problem"),
    [
        (new_output("error", ename="ValueError", evalue="bad", traceback=[]), "failed with ValueError: bad"),
        (new_output("stream", name="stderr", text="notice"), "standard error"),
        (new_output("display_data", data={tool.WIDGET: {}, "text/plain": "IntSlider()"}), "live widget"),
        (new_output("stream", name="stdout", text="\x1b[31mred"), "terminal codes"),
        (new_output("stream", name="stdout", text="1%\r2%"), "terminal codes"),
        (new_output("execute_result", data={"text/plain": "<f at 0x7f0012345678>"}), "memory address"),
        (new_output("display_data", data={"image/png": png((1, 2, 3))}), "picture without a description"),
    ],
)
def test_unclean_outputs_are_reported(output, problem):
    notebook = stamped("a = 1")
    notebook.cells[0].outputs = [output]
    (found,) = tool.staleness(notebook)
    assert found.startswith("cell 0 ")
    assert problem in found


def test_widget_state_in_the_metadata_is_reported():
    notebook = stamped("a = 1")
    notebook.metadata["widgets"] = {}
    assert tool.staleness(notebook) == ["holds widget state"]


def test_a_widget_that_shows_a_picture_keeps_the_picture_and_its_size():
    size = {"image/png": {"width": 64}}
    view = new_output(
        "display_data", data={tool.WIDGET: {}, "image/png": png((1, 2, 3)), "text/plain": "V()"}, metadata=size
    )
    (output,) = tool.clean([view])
    assert set(output.data) == {"image/png", "text/plain"}
    assert output.metadata == size


def test_pieces_of_a_stream_are_joined_across_standard_error():
    streams = [
        new_output("stream", name=name, text=text) for name, text in [("stdout", "a"), ("stderr", "!"), ("stdout", "b")]
    ]
    (output,) = tool.clean(streams)
    assert output.text == "ab"


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("1/3 [=>..]\b\b\b\b\b\b\b\b\b\b3/3 [====]\n", "3/3 [====]\n"),
        ("a\r\nb\n", "a\nb\n"),
        ("10%\r20%\r\n", "20%\n"),
        ("\b\bx", "x"),
    ],
)
def test_overwritten_text_is_dropped(raw, shown):
    assert tool.final_lines(raw) == shown


def picture_notebook(colour: tuple[int, int, int], *tags: str) -> nbformat.NotebookNode:
    notebook = notebook_of("draw()", tags=tags)
    notebook.cells[0].outputs = [new_output("display_data", data={"image/png": png(colour), "text/plain": "<Figure>"})]
    return notebook


def test_pictures_are_compared_with_a_tolerance():
    old = picture_notebook((100, 100, 100))
    assert tool.differences(old, picture_notebook((102, 101, 100))) == []
    assert "another picture" in tool.differences(old, picture_notebook((150, 100, 100)))[0]


def test_a_missing_output_is_a_difference():
    assert "image/png" in tool.differences(picture_notebook((0, 0, 0)), notebook_of("draw()"))[0]


def test_a_cell_tagged_to_be_ignored_is_not_compared():
    tag = "nbval-ignore-output"
    assert tool.differences(picture_notebook((0, 0, 0), tag), picture_notebook((255, 0, 0), tag)) == []


def test_a_built_notebook_gets_the_descriptions_of_the_table(monkeypatch):
    notebook = picture_notebook((200, 0, 0))
    cell = notebook.cells[0]
    table = {"lesson": {cell.id: {"code": "", "text": "A red square."}}}
    monkeypatch.setattr("tools.alt_text.load_table", lambda: table)
    assert tool.add_descriptions(notebook, "another") == []
    assert list(tool.unclean(cell)) == ["shows a picture without a description: python tools/alt_text.py"]
    assert tool.add_descriptions(notebook, "lesson") == []
    assert cell.outputs[0].metadata["image/png"]["alt"] == "A red square." and list(tool.unclean(cell)) == []
    cell.source = "draw(2)"
    (problem,) = tool.add_descriptions(notebook, "lesson")
    assert "has changed since its picture was described" in problem


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_outputs_of_each_committed_notebook_are_fresh(path):
    assert tool.staleness(read(path)) == []


def test_the_course_has_its_first_notebook():
    assert "00_start_here" in [path.stem for path in NOTEBOOKS]
