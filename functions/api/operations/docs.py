"""What describes the API: its OpenAPI, and a page to read it with."""

from importlib.resources import files
from typing import Annotated, Any, Literal

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Query

from functions.api.answer import JSON, Answer, answers

HTML = "text/html; charset=utf-8"
SCRIPT = "text/javascript; charset=utf-8"
STYLE = "text/css; charset=utf-8"

_SWAGGER_UI = "aws_lambda_powertools.event_handler.openapi.swagger_ui"
_PAGE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Fieldline: the HTTP API</title>
<link rel="stylesheet" href="docs?part=style">
</head>
<body>
<main id="api">This page needs JavaScript; <a href="openapi.json">openapi.json</a> holds the same.</main>
<script src="docs?part=ui"></script>
<script src="docs?part=start"></script>
</body>
</html>
"""
# Tokens that are typed into the page are forgotten with it; nothing is sent to a validator elsewhere.
_START = """\
SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#api",
  deepLinking: true,
  docExpansion: "none",
  filter: true,
  showExtensions: true,
  persistAuthorization: false,
  validatorUrl: null,
});
"""
# Scripts and styles of this path alone, none inline; requests to this origin alone; in no frame.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Cache-Control": "public, max-age=300",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": _POLICY,
}
Part = Literal["page", "style", "ui", "start"]


class DocsOperations:
    """Files are read when somebody asks: no other request pays for them."""

    @answers(dict[str, Any])
    def openapi(self) -> Answer:
        """This description, as OpenAPI 3.1."""
        return _file(JSON, files("functions.api").joinpath("openapi.json").read_text(encoding="utf-8"))

    @answers(str, media=(HTML, SCRIPT, STYLE))
    def documentation(
        self, part: Annotated[Part, Query(description="The page, or what it consists of.")] = "page"
    ) -> Answer:
        """This description, as a page to read and try."""
        if part == "page":
            return _file(HTML, _PAGE)
        if part == "start":
            return _file(SCRIPT, _START)
        if part == "ui":
            return _file(SCRIPT, files(_SWAGGER_UI).joinpath("swagger-ui-bundle.min.js").read_text(encoding="utf-8"))
        return _file(STYLE, files(_SWAGGER_UI).joinpath("swagger-ui.min.css").read_text(encoding="utf-8"))


def _file(media: str, text: str) -> Answer:
    return Response(200, content_type=media, body=text, headers=dict(_HEADERS))
