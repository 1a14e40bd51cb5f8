"""A company that does not exist, with customers, bad days and a known truth: for the demo, tests and benchmarks."""
