import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.domain.search import MAX_QUERY_WORDS, MAX_WORDS, key_word, parse_words, words_begin, words_of
from functions.errors import RequestError

names = st.text(st.sampled_from("aAbBzéÉßﬁ4 -_#/.…泵"), max_size=40)


def test_words_are_of_name_and_id_in_any_case_each_once():
    assert words_of("press-4", "PRESS 4, Straße ﬁne") == ("4", "fine", "press", "strasse")


def test_of_a_long_name_the_first_words_count_and_the_id_is_always_found():
    words = words_of("gw-7", " ".join(f"w{at}" for at in range(20)))
    assert len(words) == MAX_WORDS
    assert {"gw", "7", "w0"} <= set(words)
    assert "w19" not in words


@given(st.from_regex(r"[a-z0-9][a-z0-9-]{0,20}", fullmatch=True), names)
def test_a_device_is_found_by_every_beginning_of_every_word_that_it_is_known_by(thing, name):
    known = words_of(thing, name)
    assert list(known) == sorted(set(known))
    assert 1 <= len(known) <= MAX_WORDS or not any(one.isalnum() for one in thing)
    for word in known:
        for length in range(2, len(word) + 1):
            asked = parse_words(word[:length])
            assert words_begin(known, asked)
            assert sum(one.startswith(key_word(asked)) for one in known) >= 1


@given(st.text(max_size=30))
def test_a_query_is_words_or_a_refusal_that_names_it(text):
    try:
        words = parse_words(text)
    except RequestError:
        return
    assert 1 <= len(words) <= MAX_QUERY_WORDS
    assert len(key_word(words)) >= 2


@pytest.mark.parametrize("text", ["", " ", "a", "a b", "#", "_", "one two three four five six"])
def test_a_query_that_no_list_serves_is_refused(text):
    with pytest.raises(RequestError):
        parse_words(text)
