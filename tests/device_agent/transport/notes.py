"""What a meter of a transport hears."""


class Notes:
    """What happened, in its order."""

    def __init__(self):
        self.notes = []

    def connected(self):
        self.notes.append("connected")

    def disconnected(self):
        self.notes.append("disconnected")

    def sent(self, topic, payload):
        self.notes.append(("sent", topic, payload))

    def received(self, topic, payload):
        self.notes.append(("received", topic, payload))

    def take(self):
        notes, self.notes = self.notes, []
        return notes
