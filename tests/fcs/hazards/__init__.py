"""The corpus of hazards: small files for every clause of what the reader promises.

A new hazard is one entry in the table of its module: `good(...)` is read exactly, `bad(...)`
is refused, `raw(...)` has a function for its bytes.
"""

from hazards import coulter, datasets, keys, offsets, places, spill, text, values, versions
from hazards.entry import Exact, Hazard, Refused

ROOMS = (versions, text, keys, offsets, datasets, coulter, values, spill, places)
CORPUS: tuple[Hazard, ...] = tuple(entry for room in ROOMS for entry in room.CORPUS)

__all__ = ["CORPUS", "Exact", "Hazard", "Refused"]
