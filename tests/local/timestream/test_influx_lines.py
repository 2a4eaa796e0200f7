"""Line protocol to rows; what a real server says of broken lines is in test_influx_recorded.py."""

from hypothesis import given
from hypothesis import strategies as st

from local.timestream.influx_lines import Line, LineParser
from local.timestream.model import Row

NOW = 1_764_000_000_123_456_789


def parsed(text, unit=1):
    found = LineParser().parse(text, NOW, unit)
    assert not found.errors
    return found.lines


def values(fields):
    (line,) = parsed(f"m {fields} 1")
    return line.row.values


def test_a_line_is_a_measurement_its_tags_in_order_fields_and_a_time():
    assert parsed("cpu,host=b,area=a load=0.5,up=true 12") == [
        Line("cpu", Row((("area", "a"), ("host", "b")), 12, 0, {"load": 0.5, "up": True}))
    ]


def test_the_type_of_a_value_is_its_writing():
    found = values('a=1,b=-.5,c=1e3,d=7i,e="x",f=T,g=false')
    assert found == {"a": 1.0, "b": -0.5, "c": 1000.0, "d": 7, "e": "x", "f": True, "g": False}
    assert [type(value) for value in found.values()] == [float, float, float, int, str, bool, bool]


def test_escapes_are_undone_where_they_mean_something():
    (line,) = parsed(r'a\ b\,c,t\ 1=v\=1\,\ 2\x f\ 1="say \"hi\" \\ \n",g\=h=1 5')
    assert line == Line("a b,c", Row((("t 1", r"v=1, 2\x"),), 5, 0, {"f 1": 'say "hi" \\ \\n', "g=h": 1.0}))


def test_a_string_may_hold_line_ends_commas_and_hashes():
    text = 'm s="one\n# two, x=1 3" 1\nm s="three" 2'
    assert [line.row.values["s"] for line in parsed(text)] == ["one\n# two, x=1 3", "three"]


def test_comments_and_blank_lines_are_nothing():
    assert parsed("# a comment\n\n   \n  # another\n") == []


def test_times_are_in_the_unit_that_the_writer_names():
    assert [line.row.time for line in parsed("m f=1 5\nm f=1 -5", unit=10**6)] == [5 * 10**6, -5 * 10**6]


def test_lines_without_a_time_stand_at_the_moment_of_writing_cut_to_the_unit():
    assert [line.row.time for line in parsed("m f=1\nm f=2", unit=10**9)] == [NOW // 10**9 * 10**9] * 2


def test_a_broken_line_takes_no_other_with_it():
    found = LineParser().parse("m f=1 1\nm f 2\nm f=3 3", NOW)
    assert [line.row.time for line in found.lines] == [1, 3]
    assert found.errors == ["unable to parse 'm f 2': invalid field format"]


def escaped(text, special):
    return "".join(f"\\{char}" if char in special else char for char in text)


# A backslash before a special character, or at the end, cannot be written in this protocol.
NAMES = st.text(st.characters(codec="utf-8", exclude_characters='\\\n\r\0\t#"'), min_size=1)
WRITTEN = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False),
    st.integers(-(2**63), 2**63 - 1),
    st.booleans(),
    st.text(st.characters(codec="utf-8")),
)


def written(value):
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return f"{value}i"
    if isinstance(value, float):
        return repr(value)
    return '"' + escaped(value, '"\\') + '"'


@given(
    measurement=NAMES,
    tags=st.dictionaries(NAMES, NAMES, max_size=3),
    fields=st.dictionaries(NAMES, WRITTEN, min_size=1, max_size=3),
    time=st.integers(-(2**62), 2**62),
)
def test_whatever_is_written_is_read_again_the_first_time_and_later(measurement, tags, fields, time):
    head = escaped(measurement, ", ") + "".join(
        f",{escaped(name, ',= ')}={escaped(value, ',= ')}" for name, value in tags.items()
    )
    body = ",".join(f"{escaped(name, ',= ')}={written(value)}" for name, value in fields.items())
    expected = Line(measurement, Row(tuple(sorted(tags.items())), time, 0, fields))
    parser = LineParser()
    line = f"{head} {body} {time}"
    # The second time the head is known.
    assert parser.parse(f"{line}\n{line}", NOW) == ([expected, expected], [])


@given(line=st.text(alphabet='m,t=a "\\fx1.-+eEiT0 5\n#_é', max_size=25))
def test_a_line_means_the_same_whether_its_head_is_known_or_not(line):
    parser = LineParser()
    assert parser.parse(line, NOW) == parser.parse(line, NOW)
