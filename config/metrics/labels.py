"""Labels that several metrics have."""

from config.metrics.model import OTHER, Label

FEED = Label(name="feed", settings=("feeds",), told="names")
MOST_PARTITIONS = 1_000
PARTITION = Label(name="partition", most=MOST_PARTITIONS, told="files, or partitions of topics, of a feed")
DETECTOR = Label(name="detector", settings=("detectors",), told="names")
TYPE = Label(name="type", of=("detectors.contract:DETECTORS",), also=("notifier", OTHER), told="`type` of the detector")
MOST_GROUPS = 500
GROUP_SERVICE = Label(name="service", most=MOST_GROUPS, told="of a detector's groups")
GROUP_REGION = Label(name="region", most=MOST_GROUPS, told="of a detector's groups")
GROUP = Label(name="group", most=MOST_GROUPS, told="labels of a group other than service and region")
MOST_SERVICES = 200
SERVICE = Label(name="service", most=MOST_SERVICES, also=(OTHER,), told="of the events")
CHANNEL = Label(name="channel", settings=("channels",), told="names")
RECEIVER = Label(name="receiver", settings=("receivers",), told="names")
SEVERITY = Label(name="severity", values=("critical", "warning", "info", OTHER))
SPAN_FATE = Label(name="fate", of=("alerts.traces.counts:Fate",), told="what became of them")
PRIORITY = Label(name="priority", values=("P1", "P2", "P3"))
