import pytest

from cli.errors import InputError
from cli.urls import api_url, is_loopback, sign_in_endpoint


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("https://a.example/v1", "https://a.example/v1"),
        ("https://a.example/v1/", "https://a.example/v1"),
        ("https://a.example", "https://a.example/v1"),
        ("http://127.0.0.1:8420", "http://127.0.0.1:8420/v1"),
        ("http://localhost:8420/v1", "http://localhost:8420/v1"),
        ("http://[::1]:8420/v1", "http://[::1]:8420/v1"),
    ],
)
def test_an_address_is_https_or_on_this_machine(text, address):
    assert api_url(text) == address


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a.example",
        "ftp://a.example",
        "http://a.example/v1",
        "http://127.0.0.1.evil.example/v1",
        "http://localhost.evil.example/v1",
        "http://localhost@evil.example/v1",
        "https://user:secret@a.example/v1",
        "https://a.example/v1?x=1",
        "https://a.example:port/v1",
        "http://[::1",
        "http://10.0.0.1/v1",
    ],
)
def test_any_other_address_is_refused(text):
    with pytest.raises(InputError):
        api_url(text)


@pytest.mark.parametrize(
    ("endpoint", "api"),
    [
        ("https://cognito-idp.eu-west-1.amazonaws.com/", "https://a.example/v1"),
        ("http://127.0.0.1:8421/", "http://127.0.0.1:8420/v1"),
        ("https://cognito-idp.eu-west-1.amazonaws.com/", "http://127.0.0.1:8420/v1"),
    ],
)
def test_a_password_goes_over_https_or_stays_on_this_machine(endpoint, api):
    assert sign_in_endpoint(endpoint, api) == endpoint


@pytest.mark.parametrize(
    ("endpoint", "api"),
    [
        ("http://cognito-idp.eu-west-1.amazonaws.com/", "https://a.example/v1"),
        ("http://cognito-idp.eu-west-1.amazonaws.com/", "http://127.0.0.1:8420/v1"),
        ("http://127.0.0.1:8421/", "https://a.example/v1"),
        ("https://localhost/", "https://a.example/v1"),
        ("file:///etc/passwd", "http://127.0.0.1:8420/v1"),
    ],
)
def test_a_password_goes_nowhere_else(endpoint, api):
    with pytest.raises(InputError):
        sign_in_endpoint(endpoint, api)


def test_loopback_is_told_by_address_and_not_by_likeness():
    assert all(map(is_loopback, ["localhost", "127.9.9.9", "::1"]))
    assert not any(map(is_loopback, ["", "127.0.0.1.example", "0.0.0.0", "localhost.example"]))
