"""Write the OpenAPI to where the API serves it from: `make openapi`."""

from functions.api.openapi.written import PATH, text

PATH.write_text(text(), encoding="utf-8")
