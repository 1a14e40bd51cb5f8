"""Writes the files that are made from the code: ``python -m tests.docs.generate`` (``make generate``)."""

import sys

from tests.docs.generated import FILES, REPO


def main() -> None:
    """Write every file that is not as it should be, and name it."""
    for name, make in FILES.items():
        path = REPO / name
        text = make()
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            sys.stdout.write(f"wrote {name}\n")


if __name__ == "__main__":
    main()
