"""From readings, events and answers to messages in the queue."""
