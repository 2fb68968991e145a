"""Versions of installed packages: a leaf that anyone may use."""

from importlib.metadata import PackageNotFoundError, version


def version_of(package: str) -> str | None:
    """The version by the package's metadata, nothing is imported for it; None where it is not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None
