"""What stands where in the tables of the scanner. Needs no machine code."""

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Bytes: TypeAlias = npt.NDArray[np.uint8]
Ints: TypeAlias = npt.NDArray[np.int64]
Words: TypeAlias = npt.NDArray[np.uint64]
Floats: TypeAlias = npt.NDArray[np.float64]

TEXT, IDENTITY, NUMBER, UNIT, TIME, ID, VERSION, DATA = range(8)
"""What a field is: text (or null); text of at most 1,024 bytes; a number; one from -1 to 1; the event's time, its id,
the version of CloudEvents; the data."""
KIND, COLUMN, BIT, SIZE, NAME = range(5)
"""Columns of the table of fields. ``COLUMN``: where its figure goes, -1: nowhere. ``SIZE``: of its name. ``NAME``: its
place in :data:`NAMES`, -1: none."""
ALLOWED, NEEDED, TEXT_BIT, SENTIMENT_BIT, PACKED = range(5)
"""Columns of the table of types: which fields its events may have, and must have; text and sentiment among them; and
whether its events are packed."""
SUBJECT, CASE = 0, 1
NAMES = ("subject", "case_id")
"""Fields that are names: where they are is noted."""
ENVELOPE, IN_DATA = 0, 1
SCOPES = 2
PLACES = 256
"""Of the hash table of fields, for each of the two scopes."""
TYPE, SOURCE = 0, 1
"""Columns of texts that there always are."""
PADDING = 128
"""Line ends behind the text: more than any look ahead."""
LONGEST_KEY = 16
LONGEST_IDENTITY = 1024
MOST_DIGITS = 15
"""Of a number whose digits are exact as a float; so is their quotient by a power of ten, correctly rounded."""
CERTAIN, UNCERTAIN = 0, 1
NO_ROOM = -2
"""The number of a text that has no place in the pool."""
