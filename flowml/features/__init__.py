"""A case becomes a row of numbers: reductions over blocks of events."""

from flowml.features.describe import CaseFeatures, describe_case
from flowml.features.names import FeatureName, feature_name, parse_name
from flowml.features.recipes import (
    DEFAULT_RECIPE,
    RECIPES,
    FittedRecipe,
    Group,
    Recipe,
    make_recipe,
)
from flowml.features.table import FeatureTable
from flowml.features.tablefile import read_table, write_table
from flowml.features.tube import TubeRead

__all__ = [
    "DEFAULT_RECIPE",
    "RECIPES",
    "CaseFeatures",
    "FeatureName",
    "FeatureTable",
    "FittedRecipe",
    "Group",
    "Recipe",
    "TubeRead",
    "describe_case",
    "feature_name",
    "make_recipe",
    "parse_name",
    "read_table",
    "write_table",
]
