"""A case becomes a row of numbers: reductions over blocks of events."""

from flowml.features.describe import CaseFeatures, TubeRead, describe_case
from flowml.features.recipes import RECIPES, FittedRecipe, Recipe, make_recipe
from flowml.features.table import FeatureTable, read_table, write_table

__all__ = [
    "RECIPES",
    "CaseFeatures",
    "FeatureTable",
    "FittedRecipe",
    "Recipe",
    "TubeRead",
    "describe_case",
    "make_recipe",
    "read_table",
    "write_table",
]
