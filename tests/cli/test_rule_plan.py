"""What a plan says of the rules that it would change."""

from cli.rule_plan import between


def test_durations_that_differ_by_little_are_told_apart():
    (one,) = between({"when": {"for_ms": 5_410_000}}, {"when": {"for_ms": 5_420_000}})
    assert (one.path, one.before, one.after) == ("when.for", "1h30m10s", "1h30m20s")


def test_what_is_in_one_document_alone_has_its_sign():
    found = between({"scope": "*", "title": "Hot"}, {"scope": "*", "enabled": False})
    assert [(one.sign, one.text) for one in found] == [("-", "title: Hot"), ("+", "enabled: false")]
