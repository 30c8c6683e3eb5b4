"""The site: ``sphinx-build -W docs site`` in an environment with the extra ``docs``."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

from noisyviz import __version__  # after the path of our extensions

project = "noisyviz"
author = "The noisyviz developers"
copyright = author
version = release = __version__

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "mathml", "site_pages"]
exclude_patterns = ["_build", "_ext", "data"]
default_role = "py:obj"

# Types stand in annotations, once; napoleon reads the rest of a docstring.
napoleon_google_docstring = False
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
autodoc_typehints_format = "short"
autodoc_member_order = "bysource"
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 88

myst_enable_extensions = ["dollarmath", "amsmath", "colon_fence", "attrs_block", "deflist"]
myst_heading_anchors = 3
nb_execution_mode = "force"  # a cache would not notice that noisyviz has changed
nb_execution_raise_on_error = True
nb_execution_timeout = 120
nb_merge_streams = True

# MathML is part of every current browser: formulas need no script, no font of ours and no network.
html_math_renderer = "mathml"
html_theme = "pydata_sphinx_theme"
html_title = "noisyviz"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sourcelink = False
html_theme_options = {
    "navigation_with_keys": False,
    "show_toc_level": 2,
    "header_links_before_dropdown": 4,
    "navbar_end": ["theme-switcher"],
    "footer_start": ["copyright"],
    "footer_end": [],
    "secondary_sidebar_items": ["page-toc"],
}
html_sidebars = {"*": [], "api/*": ["sidebar-nav-bs"]}  # no page but those of the API has pages below it
