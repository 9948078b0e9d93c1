"""Command line of the recipe: ``python -m recipe [--folder FOLDER] [--out FOLDER]``."""

from __future__ import annotations

import argparse
from pathlib import Path

from recipe.making import make_assets
from recipe.settings import RECIPE

if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="recipe", description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("work/recipe"), help="where unfinished work lies")
    parser.add_argument("--out", type=Path, default=Path("work/assets"), help="where the assets go")
    given = parser.parse_args()
    make_assets(RECIPE, given.folder, given.out)
