"""What a body may be before anything reads it: JSON, of a bounded size and depth, with no key twice."""

from contract.documents import read_json
from contract.errors import DocumentError
from functions.api.request import Request
from functions.errors import MediaTypeError, RequestError, TooLargeError

MAX_BODY_BYTES = 256 * 1024
_JSON = "application/json"


def check_body(request: Request) -> None:
    """Raises TooLargeError, MediaTypeError, RequestError; a request without a body passes."""
    body = request.body
    if not body:
        return
    if len(body) > MAX_BODY_BYTES:
        raise TooLargeError(f"body: expected at most {MAX_BODY_BYTES} bytes, got {len(body)}")
    media = (request.header("Content-Type") or "").partition(";")[0].strip().lower()
    if media != _JSON:
        raise MediaTypeError(f"Content-Type: expected {_JSON}, got {media[:60] or 'nothing'!r}")
    try:
        read_json(body, MAX_BODY_BYTES)
    except DocumentError as exc:
        raise RequestError(exc.field or "body", exc.expected, exc.got) from exc
