"""Settings of files with records: their formats, and how CSV is written."""

import codecs
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from config.base import SettingsModel

TableFormat = Literal["jsonl", "csv", "parquet"]


def _known_encoding(name: str) -> str:
    try:
        codecs.lookup(name)
    except LookupError as error:
        msg = f"{name!r} is not a text encoding: write one like utf-8, latin-1 or cp1252"
        raise ValueError(msg) from error
    if "\n,;".encode(name.replace("-sig", "").replace("_sig", "")) != b"\n,;":
        msg = f"{name!r} does not hold ASCII as it is (convert the file to UTF-8 first)"
        raise ValueError(msg)
    return name


class CsvSettings(SettingsModel):
    """How a CSV file is written (RFC 4180, with the usual liberties).

    Attributes:
        delimiter: between fields.
        quote: around fields that hold delimiters, quotes (doubled) or line ends.
        encoding: of the text.
        columns: names of the columns of a file without a header line. Equal names are numbered (``a``, ``a_2``).
    """

    delimiter: str = Field(default=",", min_length=1, max_length=1)
    quote: str = Field(default='"', min_length=1, max_length=1)
    encoding: Annotated[str, AfterValidator(_known_encoding)] = "utf-8"
    columns: list[str] | None = Field(default=None, min_length=1)
