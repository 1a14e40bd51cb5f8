"""Scores texts with the sentiment that the product ships: ``python benchmarks/sentiment.py --texts FILE --out F``.

In: lines ``id<TAB>...<TAB>text``, the text last; columns between are not read. Out: lines ``id<TAB>score``, in the
order of the input, -1 (worst) to 1 (best). The score is that of the defaults: nothing was learned, so it is the
prior's.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

REPO = Path(__file__).resolve().parents[1]
if __name__ == "__main__" and not __package__:
    # Of a script Python looks in its folder first: a module there must not stand for one of the product.
    sys.path[0] = str(REPO)

from config.enrichment import SentimentSettings  # noqa: E402 - found by the line above
from pipeline.sentiment_scoring import build_sentiment  # noqa: E402


def scores(lines: Sequence[str]) -> list[tuple[str, float]]:
    """Return the id and the score of every line that has both; a text that nobody can read has the score 0."""
    sentiment = build_sentiment(SentimentSettings())
    found: list[tuple[str, float]] = []
    for line in lines:
        columns = line.rstrip("\r\n").split("\t")
        if len(columns) < 2:
            continue
        score = None if sentiment is None else sentiment.at(columns[-1], "", 0)
        found.append((columns[0], 0.0 if score is None else score))
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Read, score, write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--texts", type=Path, required=True, help="lines id<TAB>...<TAB>text")
    parser.add_argument("--out", type=Path, required=True, help="gets lines id<TAB>score")
    options = parser.parse_args(arguments)
    with options.texts.open(encoding="utf-8", errors="replace", newline="\n") as file:
        rows = scores(file.readlines())
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text("".join(f"{name}\t{score}\n" for name, score in rows), encoding="utf-8", newline="\n")
    print(f"{len(rows)} texts scored")
    return 0


if __name__ == "__main__":
    sys.exit(main())
