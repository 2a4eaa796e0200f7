"""The OpenAPI of the HTTP API, made from its code when it is built: `python -m functions.api.openapi`.

Paths, parameters and bodies come from Powertools' resolver and pydantic, answers from the structs that `@answers`
names, the rest from the catalogue of routes. No function imports this package: it serves the file that it wrote.
"""
