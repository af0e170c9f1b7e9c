"""The model's answer becomes the laboratory's, by what was given and by the rules' evidence."""

from flowml.verdict.settle import settled

__all__ = ["settled"]
