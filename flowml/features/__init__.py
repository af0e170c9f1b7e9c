"""A case becomes a row of numbers: reductions over blocks of events."""

from flowml.features.describe import CaseFeatures, describe_case
from flowml.features.recipes import RECIPES, FittedRecipe, Recipe, make_recipe, marker_of
from flowml.features.table import FeatureTable, read_table, write_table
from flowml.features.tube import TubeRead

__all__ = [
    "RECIPES",
    "CaseFeatures",
    "FeatureTable",
    "FittedRecipe",
    "Recipe",
    "TubeRead",
    "describe_case",
    "make_recipe",
    "marker_of",
    "read_table",
    "write_table",
]
