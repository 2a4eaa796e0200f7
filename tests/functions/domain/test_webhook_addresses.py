"""Addresses that a receiver may have, and all the notations that lead inside."""

import pytest

from functions.domain.webhook_addresses import parse_url, refusal
from functions.errors import RequestError


@pytest.mark.parametrize(
    "address",
    [
        "1.1.1.1",
        "93.184.215.14",
        "172.15.255.255",
        "172.32.0.1",
        "100.63.255.255",
        "100.128.0.1",
        "169.253.1.1",
        "192.0.1.1",
        "198.17.0.1",
        "198.20.0.1",
        "223.255.255.255",
        "2606:4700::1111",
        "2a00:1450:4001::1",
        "::ffff:1.1.1.1",
        "64:ff9b::101:101",
        "2002:101:101::1",
    ],
)
def test_public_addresses_are_let_through(address):
    assert refusal(address, loopback=False) is None


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        ("127.0.0.1", "loopback"),
        ("127.255.255.254", "loopback"),
        ("0.0.0.0", "this network"),
        ("10.0.0.1", "private"),
        ("172.16.0.1", "private"),
        ("172.31.255.255", "private"),
        ("192.168.1.1", "private"),
        ("100.64.0.1", "carrier-grade NAT"),
        ("100.100.100.200", "carrier-grade NAT"),
        ("169.254.169.254", "link-local"),
        ("169.254.170.2", "link-local"),
        ("168.63.129.16", "metadata"),
        ("192.0.0.192", "protocol assignments"),
        ("192.0.2.1", "documentation"),
        ("198.18.0.1", "benchmarking"),
        ("203.0.113.1", "documentation"),
        ("192.88.99.1", "6to4 relay"),
        ("224.0.0.1", "multicast"),
        ("239.255.255.250", "multicast"),
        ("240.0.0.1", "reserved"),
        ("255.255.255.255", "reserved"),
        ("::1", "loopback"),
        ("::", "unspecified"),
        ("::127.0.0.1", "reserved"),
        ("fd00:ec2::254", "private"),
        ("fc00::1", "private"),
        ("fe80::1", "link-local"),
        ("fe80::1%eth0", "link-local"),
        ("fec0::1", "site-local"),
        ("ff02::1", "multicast"),
        ("::ffff:127.0.0.1", "loopback"),
        ("::ffff:169.254.169.254", "link-local"),
        ("::ffff:10.0.0.1", "private"),
        ("64:ff9b::7f00:1", "loopback"),
        ("64:ff9b::a9fe:a9fe", "link-local"),
        ("64:ff9b:1::1", "reserved"),
        ("2002:7f00:1::1", "loopback"),
        ("2002:a9fe:a9fe::", "link-local"),
        ("2002:c0a8:101::1", "private"),
        ("2001::7f00:1", "protocol assignments"),
        ("2001:db8::1", "documentation"),
        ("3fff::1", "documentation"),
        ("4000::1", "reserved"),
        ("localhost", "no IP address"),
    ],
)
def test_addresses_inside_are_refused_with_what_they_are(address, kind):
    assert refusal(address, loopback=False) == kind


@pytest.mark.parametrize(
    ("address", "let_in"),
    [
        ("127.0.0.1", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("10.0.0.1", False),
        ("169.254.169.254", False),
        ("64:ff9b::a9fe:a9fe", False),
        ("0.0.0.0", False),
    ],
)
def test_the_switch_of_the_laptop_lets_in_loopback_and_nothing_else(address, let_in):
    assert (refusal(address, loopback=True) is None) is let_in


@pytest.mark.parametrize(
    ("text", "spelled", "target"),
    [
        ("https://hooks.example.com", "https://hooks.example.com/", "/"),
        ("https://Hooks.Example.com:443/a?b=c", "https://hooks.example.com/a?b=c", "/a?b=c"),
        ("https://[2606:4700::1111]/x", "https://[2606:4700::1111]/x", "/x"),
    ],
)
def test_an_address_has_one_spelling(text, spelled, target):
    url = parse_url(text, loopback=False)
    assert (url.text, url.target, url.port, url.secure) == (spelled, target, 443, True)
    assert parse_url(url.text, loopback=False) == url


@pytest.mark.parametrize(
    "text",
    [
        "http://hooks.example.com/",
        "https://hooks.example.com:8443/",
        "ftp://hooks.example.com/",
        "https://",
        "https://user@hooks.example.com/",
        "https://user:pw@hooks.example.com/",
        "https://hooks.example.com/#part",
        "https://hooks.example.com/a b",
        "https://hooks.example.com/\r\nX: y",
        "https://hooks.example.com\\@inside/",
        "https://hooks.example.com:99999/",
        "https://hooks.example.com:0x1bb/",
        "https://exämple.com/",
        "https://[fe80::1%25eth0]/",
        "https://[::1",
        "https://-a.example.com/",
        "//hooks.example.com/",
        "",
    ],
)
def test_what_is_no_such_address_is_refused_without_being_shown(text):
    with pytest.raises(RequestError) as refused:
        parse_url(text, loopback=False)
    assert refused.value.field == "address"
    assert not text or text not in str(refused.value)


def test_the_switch_of_the_laptop_takes_http_and_any_port():
    url = parse_url("http://localhost:9000/hook", loopback=True)
    assert (url.secure, url.port, url.authority, url.text) == (
        False,
        9000,
        "localhost:9000",
        "http://localhost:9000/hook",
    )
