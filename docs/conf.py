"""How the documentation is built: every notebook page is executed, nothing is fetched."""

import gc
import os
import sys
import tempfile
from pathlib import Path

from engram import __version__

project = "engram"
copyright = "the engram authors"
release = version = __version__

gc.set_threshold(50_000)  # what is read and written is kept to the end, so that looking for garbage finds little
sys.path.insert(0, str(Path(__file__).parent / "_extensions"))
extensions = [
    "docstring_template",
    "gallery",
    "myst_nb",
    "notebooks",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "sphinx_design",
    "warm_kernels",
]
exclude_patterns = ["_build", "_extensions", "examples", "measured", "pictures", "_static/mathjax"]
templates_path = ["_templates"]
root_doc = "index"

html_theme = "pydata_sphinx_theme"
html_title = "engram"
html_static_path = ["_static"]
html_css_files = ["engram.css"]
html_favicon = html_logo = "_static/mark.svg"
html_theme_options = {
    "logo": {"text": "engram"},
    "show_toc_level": 2,
    "navigation_with_keys": False,
    "header_links_before_dropdown": 5,
    "article_header_end": ["notebook"],
    "secondary_sidebar_items": {"**": ["page-toc"], "index": [], "guides": [], "reference": [], "api/index": []},
}
html_show_sourcelink = False
html_sidebars = {"index": [], "getting_started": []}  # pages that have no others beside them

mathjax_path = "mathjax/tex-svg.js"  # lies in _static, so that readers fetch nothing from elsewhere
mathjax3_config = {"options": {"enableMenu": False}}

myst_enable_extensions = ["colon_fence", "dollarmath"]
myst_heading_anchors = 3

nb_execution_mode = "force"
nb_execution_timeout = 900  # how long a cell takes is the machine's business
nb_execution_raise_on_error = True
nb_merge_streams = True
nb_render_markdown_format = "myst"
nb_mime_priority_overrides = [("*", "application/vnd.jupyter.widget-view+json", None)]  # their pictures stand for them
nb_ipywidgets_js = {}  # which readers would fetch from elsewhere
nb_execution_show_tb = True

autosummary_generate = True
autodoc_default_options = {"member-order": "bysource"}
autodoc_typehints = "none"
numpydoc_show_class_members = False
numpydoc_xref_param_type = False

# What pages write lies apart from the sources; figures look the same on every machine.
os.environ["ENGRAM_DOCS"] = str(Path(__file__).parent)
os.environ["MPLCONFIGDIR"] = tempfile.mkdtemp(prefix="engram-docs-")
