"""A cursor is good for whom it was given to and for what it was given for, and only as it was given."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from functions.api.cursors import Cursors
from functions.domain.access import Kind, Principal
from functions.domain.cursors import seal
from functions.errors import CursorError

ANN, BOB = Principal("user:1", Kind.USER, "ann"), Principal("user:11", Kind.USER, "bob")
CURSORS = Cursors(lambda: b"k" * 32)
INNER = seal(("devices",), ("plant-1/#pump-7",))


def test_a_cursor_comes_back_as_what_it_was_made_of():
    assert CURSORS.open(CURSORS.close(INNER, ANN, "list_devices"), ANN, "list_devices") == INNER
    assert CURSORS.close(None, ANN, "list_devices") is None
    assert CURSORS.open(None, ANN, "list_devices") is None


@pytest.mark.parametrize(("who", "operation"), [(BOB, "list_devices"), (ANN, "list_device"), (ANN, "")])
def test_another_principal_or_operation_cannot_use_it(who, operation):
    with pytest.raises(CursorError):
        CURSORS.open(CURSORS.close(INNER, ANN, "list_devices"), who, operation)


def test_another_deployment_cannot_make_one():
    with pytest.raises(CursorError):
        CURSORS.open(Cursors(lambda: b"x" * 32).close(INNER, ANN, "list_devices"), ANN, "list_devices")


@given(st.data())
def test_no_other_text_in_its_place_is_taken(data):
    text = CURSORS.close(INNER, ANN, "list_devices")
    at = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(st.one_of(st.just(""), st.characters()))
    assume(other != text[at])
    with pytest.raises(CursorError):
        CURSORS.open(text[:at] + other + text[at + 1 :], ANN, "list_devices")


@given(st.text(max_size=80))
def test_a_text_that_never_was_a_cursor_is_refused(text):
    with pytest.raises(CursorError):
        CURSORS.open(text, ANN, "list_devices")
