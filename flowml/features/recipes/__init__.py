"""What is computed of a case: parts, what fitting learns for them, and plans for panels."""

from flowml.features.recipes.fitted import FEATURE_TYPE, FittedRecipe, Group
from flowml.features.recipes.recipe import DEFAULT_RECIPE, RECIPES, Recipe, make_recipe

__all__ = [
    "DEFAULT_RECIPE",
    "FEATURE_TYPE",
    "RECIPES",
    "FittedRecipe",
    "Group",
    "Recipe",
    "make_recipe",
]
