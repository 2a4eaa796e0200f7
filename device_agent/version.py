from importlib import metadata


def version() -> str:
    """The installed version; a source tree that was never installed has none."""
    for distribution in ("fieldline-agent", "fieldline"):
        try:
            return metadata.version(distribution)
        except metadata.PackageNotFoundError:
            continue
    return "0+source"
