"""MQTT topic filters, as MQTT 5.0 section 4.7 defines them."""


def matches(topic_filter: str, topic: str) -> bool:
    """Whether a subscription to `topic_filter` (a valid one) asks for messages to `topic`."""
    if topic.startswith("$") and topic_filter[:1] in ("+", "#"):
        return False  # 4.7.2: a wildcard at the start asks for none of the broker's own topics
    levels = topic.split("/")
    wanted = topic_filter.split("/")
    for index, level in enumerate(wanted):
        if level == "#":
            return True  # also the parent level itself: 4.7.1.2
        if index >= len(levels) or level not in ("+", levels[index]):
            return False
    return len(wanted) == len(levels)
