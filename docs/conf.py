"""Sphinx: the site of the course. `make site` assembles its pages (tools/site.py) and builds it into build/site."""

project = "pix2pix_edu"
author = "the pix2pix_edu authors"
copyright = "the pix2pix_edu authors. Code: MIT. Text: CC BY 4.0. Drawings: CC BY-SA 4.0"

extensions = [
    "myst_nb",  # notebooks with their outputs, and Markdown
    "sphinx.ext.autodoc",  # the reference, from the docstrings
    "sphinx.ext.napoleon",  # which are in Google's style
    "sphinx.ext.viewcode",  # with the code one click away: it is meant to be read
    "sphinx-mathjax-offline",  # formulas without a network
]

# Notebooks carry the outputs of `make notebooks`; the site shows those and runs nothing.
nb_execution_mode = "off"
nb_merge_streams = True
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3
# Notebooks begin with one heading and may go two levels down at once; some say "[ ]" without meaning a link.
suppress_warnings = ["mystnb.unknown_mime_type", "myst.header"]

autodoc_member_order = "bysource"
autodoc_typehints = "none"  # the docstrings say it in words, with shapes and ranges
add_module_names = False
napoleon_google_docstring = True
napoleon_use_rtype = False
napoleon_use_ivar = True  # attributes as a list: as entries of their own they would stand beside the fields
default_role = "code"  # what a docstring writes in single backticks is code

html_theme = "sphinx_book_theme"
html_title = "pix2pix_edu"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_theme_options = {
    "show_navbar_depth": 1,
    "show_toc_level": 2,
    "use_download_button": False,
    "home_page_in_toc": True,
}


def tables_as_they_are(app, what, name, member, options, lines):
    """A table in a docstring is drawn with lines, as one reads it in a terminal: show it like that."""
    shown, inside = [], False
    for line in lines:
        is_table = line.startswith("|")
        if is_table and not inside:
            shown += ["", ".. code-block:: text", ""]
        if inside and not is_table:
            shown.append("")
        inside = is_table
        shown.append(f"   {line}" if is_table else line)
    lines[:] = [*shown, ""]


def without_matplotlibs_own(app, what, name, member, skip, options):
    """Matplotlib writes a `set` into each of its subclasses, whose documentation only Matplotlib's site can show."""
    return True if name == "set" else None


def setup(app):
    """Called by Sphinx."""
    app.connect("autodoc-process-docstring", tables_as_they_are)
    app.connect("autodoc-skip-member", without_matplotlibs_own)
