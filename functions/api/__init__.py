"""HTTP and JSON of the API. Only here are pydantic and the resolver imported."""
