"""The assembly: feeds, the dataflow, replay, the command line."""
