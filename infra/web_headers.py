"""What every answer with a file of the dashboard says to the browser. The gateway of the laptop sends the same.

One origin serves app, API and WebSocket, so that nothing has to be allowed from elsewhere: no script, style, font or
connection. Only a deployment that names a server of map tiles lets images come from there.
"""

from collections.abc import Mapping
from urllib.parse import urlsplit

HSTS_SECONDS = 2 * 365 * 86_400
"""Not preloaded, and of this name alone: whoever has a domain of his own says himself what holds below it."""
_POLICY: Mapping[str, str] = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data: blob:",
    "connect-src": "'self'",
    "font-src": "'self'",
    "manifest-src": "'self'",
    "worker-src": "'self'",
    "base-uri": "'none'",
    "form-action": "'none'",
    "frame-ancestors": "'none'",
}
_PERMISSIONS = "accelerometer=(), camera=(), geolocation=(), gyroscope=(), microphone=(), payment=(), usb=()"


def content_security_policy(map_tiles: str | None = None) -> str:
    """`map_tiles` is the address of a deployment's tiles: `https://tiles.example.com/{z}/{x}/{y}.png`."""
    policy = dict(_POLICY)
    if map_tiles:
        policy["img-src"] += f" https://{urlsplit(map_tiles).netloc}"
    return "; ".join(f"{name} {value}" for name, value in policy.items())


def security_headers(map_tiles: str | None = None) -> Mapping[str, str]:
    """All but Strict-Transport-Security, which is for HTTPS alone."""
    return {
        "Content-Security-Policy": content_security_policy(map_tiles),
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": _PERMISSIONS,
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
    }
