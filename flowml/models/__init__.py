"""Train on the entity, answer with the tree; load and save without pickle.

`flowml.models.classifier` (the scikit-learn estimator) is not imported here: classifying
needs neither scikit-learn nor xgboost.
"""

from flowml.models.answer import Prediction
from flowml.models.bundle import demo_model, load_model, read_manifest, save_model
from flowml.models.trained import TrainedModel

__all__ = [
    "Prediction",
    "TrainedModel",
    "demo_model",
    "load_model",
    "read_manifest",
    "save_model",
]
