"""Names of the keys in Redis, in one place. The scripts get every name that can be known before they run from here."""

from typing import NamedTuple


class Keys(NamedTuple):
    """Names under one prefix.

    ====================  =======  ==========================================================================
    ``applied:<id>``      string   a change that was applied; expires
    ``episodes:<fp>``     hash     per episode of an alert: order key, status and change, of its newest change
    ``alert:<fp>``        hash     current change, its order key, number of changes
    ``responses:<fp>``    hash     what people said of an alert, by number and by id; who has acknowledged it; its code
    ``code:<code>``       string   fingerprint of the alert that people call so; expires when it was not used for long
    ``history:<fp>``      list     every change, in order of arrival
    ``alerts:firing``     zset     fingerprints, by event time of the current change
    ``alerts:resolved``   zset     fingerprints, by the clock of Redis
    ``note:<key>``        hash     a notification
    ``tries:<key>``       list     its tries
    ``notes:<fp>``        list     keys of an alert's notifications
    ``line:<line>``       zset     a line: pending notifications about one alert for one receiver, in their order
    ``ready``             zset     lines with something to do, most urgent first
    ``later``             zset     lines that wait for a time
    ``leased``            zset     lines that a notifier works on, by the end of the lease
    ``lease``             hash     line: token of the lease
    ``pending``           zset     keys of undone notifications, by the time they were accepted
    ``undelivered``       zset     of these: every tier has failed
    ``fence``             string   counts leases
    ``clock``             string   the last time that was seen while there was something to do
    ``failing``           hash     channel: since when it fails
    ``control``           list     controls, in their order
    ``control:log``       string   id of that list
    ``control:backtests`` hash     id: a backtest that was attached to a version
    ``control:flows``     hash     share: what a flow process said of itself last
    ``control:taken``     hash     log and number of a control: since when its detector goes by it
    ``shadow:<d>:<v>``    zset     decisions of version v of detector d, by the end of their windows
    ====================  =======  ==========================================================================
    """

    prefix: str

    def alert(self, fingerprint: str) -> str:
        """Return the key of an alert's current state."""
        return f"{self.prefix}alert:{fingerprint}"

    def history(self, fingerprint: str) -> str:
        """Return the key of an alert's changes."""
        return f"{self.prefix}history:{fingerprint}"

    def notes_of(self, fingerprint: str) -> str:
        """Return the key of the list of an alert's notifications."""
        return f"{self.prefix}notes:{fingerprint}"

    def note(self, key: str) -> str:
        """Return the key of a notification."""
        return f"{self.prefix}note:{key}"

    def tries(self, key: str) -> str:
        """Return the key of a notification's tries."""
        return f"{self.prefix}tries:{key}"

    def shadow(self, detector: str, version: int) -> str:
        """Return the key of what a version decided in the shadow."""
        return f"{self.prefix}shadow:{detector}:{version}"

    def named(self, name: str) -> str:
        """Return the key of one of the single structures (``ready``, ``alerts:firing``, ...)."""
        return f"{self.prefix}{name}"
