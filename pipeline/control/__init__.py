"""The control feed: what people change in a running flow, as events that a replay can have again."""
