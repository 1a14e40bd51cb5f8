"""Times for tests of silences."""

HOUR_US = 3_600_000_000
NOW_US = 1_772_445_600_000_000  # 2026-03-02T10:00:00Z
