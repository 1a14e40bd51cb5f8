"""Names of the keys in Redis, in one place. The scripts get every name that can be known before they run from here."""

from typing import NamedTuple


class Keys(NamedTuple):
    """Names under one prefix.

    ====================  =======  ==========================================================================
    ``applied:<id>``      string   a change that was applied; expires
    ``episodes:<fp>``     hash     per episode of an alert: order key, status and change, of its newest change
    ``alert:<fp>``        hash     current change, its order key, number of changes, entry of the log it fires since; of
                                   one that others send to us, what they said last (``pushed``)
    ``pushed:until``      zset     fingerprints of these while they fire, by when they are to be heard of again
    ``log``               stream   what screens show has changed: an alert, an answer to one, a silence; the last 50,000
    ``statuses``          hash     what each process says of itself: ``flow:0/1``, ``notifier:<name>``, ...
    ``responses:<fp>``    hash     what people said of an alert, by number and by id; who has acknowledged which episode
    ``acknowledging``     hash     first acknowledgements of episodes, by how many seconds they took at most; their sum
    ``acked:until``       zset     fingerprints whose acknowledgement ends by itself, by when
    ``code:<code>``       string   fingerprint of the alert that people call so; expires when it was not used for long
    ``code_of:<fp>``      string   its code; expires with it
    ``incidents``         zset     numbers, by event time of the last change; those that fire come last
    ``incidents:count``   string   the last number
    ``incident:<n>``      hash     an incident; beside it its ``alerts``, ``order``, ``tally``, ``says``, ``customers``,
                                   ``linked``
    ``incident_of:<fp>``  hash     episode of an alert: number of its incident
    ``incident_book:<n>`` list     what people said of an incident: who leads it, notes
    ``incident_led_with:<n>``      string: the number of the incident that it was said to be a part of
    ``incidents:near:*``  zset     numbers of incidents about one value of a label, by event time
    ``incidents:silent``  hash     silences of feeds; ``incidents:silent:until``: by when they ended
    ``history:<fp>``      list     every change, in order of arrival
    ``alerts:firing``     zset     fingerprints, by event time of the current change
    ``alerts:version``    string   counts how often the set of those that fire has changed
    ``alerts:resolved``   zset     fingerprints, by the clock of Redis
    ``unrouted``          hash     change id: a change that is in no group yet
    ``unrouted:order``    list     their ids, in order of arrival
    ``routes``            string   names the settings that decided last who is told what
    ``groups``            set      every group
    ``group:<g>``         hash     a group: route, receiver, labels, its ticks
    ``members:<g>``       set      fingerprints in it
    ``news:<g>``          list     changes that came since it was looked at last
    ``told:<g>``          string   what its receiver was told last; expires
    ``groups_of:<fp>``    set      groups that an alert is in
    ``groups:due``        zset     groups, by when they are to be looked at
    ``groups:leased``     zset     groups that a notifier is looking at, by the end of the lease
    ``groups:lease``      hash     group: token of the lease
    ``accounts:<fp>``     list     what became of an alert's changes, in each group
    ``wake``              channel  something was written of which a notifier may have to decide at once
    ``wake:lines``        channel  a line has something to do
    ``note:<key>``        hash     a notification
    ``tries:<key>``       list     its tries
    ``receipts:<key>``    list     what far sides said later of what they had accepted
    ``receipt:<id>``      hash     by a far side's id of a message: its notification, and what was said of it
    ``told_last``         hash     phone number: the notification that was sent to it last
    ``notes:<fp>``        list     keys of an alert's notifications
    ``line:<line>``       zset     a line: pending notifications of one group to one receiver, in their order
    ``ready``             zset     lines with something to do, most urgent first
    ``later``             zset     lines that wait for a time
    ``leased``            zset     lines that a notifier works on, by the end of the lease
    ``lease``             hash     line: token of the lease
    ``pending``           zset     what is not done, by when it was accepted: keys of notifications, ``change-<id>`` (in
                                   no group yet), ``news-<g>-<id>`` (its group has not been looked at since)
    ``pending:<r>``       zset     notifications that wait for a receiver, by the time they were accepted
    ``first:<r>:<what>``  string   a receiver has heard of something lately; expires
    ``digest_of:<r>``     string   key of a receiver's last digest
    ``digest:<key>``      hash     what a digest stands for: counts, and one notification of each kind
    ``absorbed:<key>``    list     keys of the notifications that a digest stands for
    ``behind``            hash     line: the digest that it waits for; ``behind:<key>``: a set of the same, by digest
    ``thread:<thread>``   hash     what far sides call the first message of a thread; expires
    ``undelivered``       zset     of these: every tier has failed
    ``lost``              hash     of these: found to be gone, with its line; the auditor looks after them
    ``fence``             string   counts leases
    ``clock``             string   the last time that was seen while there was something to do
    ``failing``           hash     channel: since when it fails
    ``breaker:<channel>`` hash     the circuit breaker that all notifiers share
    ``chores``            hash     of what is done by the clock (audits, ...): when it was done last, who does it now
    ``audit:last``        string   result of the last audit
    ``audit:told``        hash     per hour: how many accounts audits have checked; ``audit:missing``: what was missing
    ``audit:untold``      hash     alerts that an audit saw untold, and since when
    ``audit:routes``      hash     by which routes audits judge, and since when
    ``drill:last``        hash     receiver: result of its last drill; ``drill:failing``: since when it is not reached
    ``canary:last``       hash     channel: result of its last canary; ``canary:failing``: channels that one has raised
    ``control``           list     controls, in their order
    ``control:log``       string   id of that list
    ``control:backtests`` hash     id: a backtest that was attached to a version
    ``control:flows``     hash     share: what a flow process said of itself last
    ``control:taken``     hash     log and number of a control: since when its detector goes by it
    ``handovers``         list     hand-over notes, the newest first; ``handovers:taken``: who has taken each
    ``jobs``              hash     id: work that takes long, and what became of it; ``jobs:cancel``: a set of ids that
                                   are to be ended; ``jobs:alive:<server>``: a process that has some is there; expires
    ``jobs:result:<id>``  string   what a job found; expires
    ``trail``             stream   the audit log: who changed what; ``trail:head``, ``trail:floor``: number and hash of
                                   the last entry, and of the last one that was deleted for its age
    ``session:<hash>``    string   a login; expires; ``sessions_of:<name>``: a set of somebody's
    ``login:*``           string   logins that have begun at a provider; wrong passwords; they expire
    ``access:key``        string   of tokens in forms; ``access:revoked``: names of tokens that are void
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

    def accounts(self, fingerprint: str) -> str:
        """Return the key of what became of an alert's changes."""
        return f"{self.prefix}accounts:{fingerprint}"

    def note(self, key: str) -> str:
        """Return the key of a notification."""
        return f"{self.prefix}note:{key}"

    def tries(self, key: str) -> str:
        """Return the key of a notification's tries."""
        return f"{self.prefix}tries:{key}"

    def receipts(self, key: str) -> str:
        """Return the key of the receipts of a notification."""
        return f"{self.prefix}receipts:{key}"

    def shadow(self, detector: str, version: int) -> str:
        """Return the key of what a version decided in the shadow."""
        return f"{self.prefix}shadow:{detector}:{version}"

    def named(self, name: str) -> str:
        """Return the key of one of the single structures (``ready``, ``alerts:firing``, ...)."""
        return f"{self.prefix}{name}"
