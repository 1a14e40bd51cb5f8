"""The commands of ``makegood``: one file a group. They read arguments, call, print, and choose the exit status."""
