"""Blocks of events are added to whole numbers, and forgotten."""
