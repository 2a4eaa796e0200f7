"""States saved as they are, with nothing that comes of them."""

from functions.domain.state import Change


def save(store, states):
    return store.save({thing: Change(state=state) for thing, state in states.items()})
