"""One series of numbers at a time: readers, runners, the scoring of NAB and KPI, and studies of the model."""
