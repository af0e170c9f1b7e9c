"""What the field knows, as readable files, and their loaders."""

from flowml.knowledge.labels import Entity, LabelTree, load_label_tree
from flowml.knowledge.markers import MarkerName, name_channel

__all__ = ["Entity", "LabelTree", "MarkerName", "load_label_tree", "name_channel"]
