"""How many ids are dealt with at a time."""

import msgspec


class Sizes(msgspec.Struct, frozen=True):
    """Numbers of ids; the defaults are measured (``benchmarks/ids.py``), tests take tiny ones.

    Attributes:
        hot: so many are held whole before the oldest of them are sealed.
        block: that a block of the changelog has at least: as many are read to prove one.
        fan_in: segments of about one size that are merged into one.
        largest: segments of so many ids are not merged any more.
        step: that are sealed, merged or freed in one go at least: what a pause may cost.
        spill: that wait in memory at most before they are written to the changelog.
        cached: of the blocks that are kept after they were read, for each changelog.
    """

    hot: int = 250_000
    block: int = 4_096
    fan_in: int = 8
    largest: int = 4_000_000
    step: int = 8_192
    spill: int = 32_768
    cached: int = 65_536

    def shared(self, by: int) -> "Sizes":
        """Return the sizes for each of ``by`` memories in one process, so that together they hold as many ids whole.

        >>> Sizes().shared(8).hot
        31250
        """
        return msgspec.structs.replace(
            self, hot=max(self.hot // by, self.block), spill=max(self.spill // by, self.block)
        )
