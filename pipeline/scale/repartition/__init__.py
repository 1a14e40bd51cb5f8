"""Events of topics that are keyed otherwise, sorted into partitions by what they are about."""
