"""Several flow processes that share the work: tasks, panes between processes, moving state."""
