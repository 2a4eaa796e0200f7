from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.domain.cursors import seal, unseal
from functions.errors import CursorError

positions = st.lists(st.integers(-(2**53), 2**53) | st.text(max_size=30), max_size=4)
questions = st.lists(st.integers(-(2**31), 2**31) | st.text(max_size=20) | st.none(), max_size=4)


@given(questions, positions)
def test_a_sealed_position_is_read_back(question, position):
    kinds = tuple(map(type, position))
    assert unseal(seal(question, position), question, kinds) == position


@given(questions, questions, positions)
def test_a_cursor_is_good_for_its_own_question_only(question, other, position):
    if question != other:
        with pytest.raises(CursorError):
            unseal(seal(question, position), other, tuple(map(type, position)))


@given(st.text(max_size=600))
def test_no_text_raises_anything_but_the_cursor_s_error(text):
    with pytest.raises(CursorError):
        unseal(text, ("q",), (int, str))


@given(st.integers(0, 60), st.characters(max_codepoint=127))
def test_a_changed_cursor_is_refused_or_names_another_position(at, character):
    cursor = seal(("q",), (5, "x"))
    changed = cursor[:at] + character + cursor[at + 1 :]
    with suppress(CursorError):
        assert changed == cursor or unseal(changed, ("q",), (int, str)) != [5, "x"]


@pytest.mark.parametrize("kinds", [(), (int,), (str, int), (int, str, int)])
def test_a_position_of_other_kinds_is_refused(kinds):
    with pytest.raises(CursorError):
        unseal(seal(("q",), (5, "x")), ("q",), kinds)
