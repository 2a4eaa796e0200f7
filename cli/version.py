from importlib import metadata


def version() -> str:
    """The installed version; a source tree that was never installed has none."""
    try:
        return metadata.version("fieldline")
    except metadata.PackageNotFoundError:
        return "0+source"
