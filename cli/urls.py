"""Which addresses a password or token may be sent to."""

import ipaddress
from urllib.parse import urlsplit

from cli.errors import InputError

DEFAULT_PATH = "/v1"


def api_url(text: str) -> str:
    """The API's address without a slash at its end: HTTPS, or HTTP on this machine. No path means `/v1`."""
    scheme, host = _checked(text)
    parts = urlsplit(text)
    if parts.query or parts.fragment or "@" in parts.netloc:
        raise InputError(f"The API address must be scheme, host and path only; got {text!r}.")
    if scheme == "http" and not is_loopback(host):
        raise InputError(
            f"The API address must start with https:// ({host} is another machine, and the password would cross the "
            f"network readably); got {text!r}."
        )
    return f"{scheme}://{parts.netloc}{parts.path.rstrip('/') or DEFAULT_PATH}"


def sign_in_endpoint(text: str, api: str) -> str:
    """The address that the password goes to; only an API on this machine may name one on this machine."""
    scheme, host = _checked(text)
    local = is_loopback(urlsplit(api).hostname or "")
    if scheme == "https" and (local or not is_loopback(host)):
        return text
    if scheme == "http" and local and is_loopback(host):
        return text
    raise InputError(f"The API names a sign-in address that a password must not be sent to: {text!r}.")


def is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _checked(text: str) -> tuple[str, str]:
    try:
        parts = urlsplit(text)
        host, _port = parts.hostname, parts.port
    except ValueError as exc:
        raise InputError(f"Expected an address such as https://host/v1; got {text!r} ({exc}).") from exc
    if parts.scheme not in {"http", "https"} or not host:
        raise InputError(f"Expected an address such as https://host/v1; got {text!r}.")
    return parts.scheme, host
