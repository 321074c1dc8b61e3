"""The command `skheart`.

Words of the command line go in; tables, models and pages come out. Nothing is computed here: each
verb makes a few calls into the other rooms.

Read `_main` (status and errors), `_arguments` (options and help), then one file per verb: `_demo`,
`_train`, `_evaluate`, `_predict`, `_explain`, `_fetch`. They share `_console` (standard error),
`_sources` (recordings), `_settings` (options ``--set``) and `_models` (model files). May import
all other rooms but `plot`. Arguments are checked before anything slow, such as torch, is imported.
"""

from ._main import main

__all__ = ["main"]
