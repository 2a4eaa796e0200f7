"""Sign-ins kept on this machine: one file per profile, readable by its user only."""

import os
import re
from pathlib import Path

import msgspec

from cli.errors import CliError, InputError, NotSignedInError
from cli.files import write_atomically

DEFAULT_PROFILE = "default"
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
_PRIVATE_DIR, _PRIVATE_FILE = 0o700, 0o600


class SignIn(msgspec.Struct, frozen=True):
    """What GET /sign-in says of a deployment's user pool."""

    region: str
    client_id: str
    issuer: str
    endpoint: str


class Tokens(msgspec.Struct, frozen=True):
    access: str
    refresh: str
    expires_at: int  # milliseconds since the epoch


class Profile(msgspec.Struct, frozen=True):
    api: str
    username: str
    sign_in: SignIn
    tokens: Tokens
    v: int = 1


class ProfileStore:
    """The profiles under one directory, which is made when first written to."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def path(self, name: str) -> Path:
        if not _NAME.fullmatch(name):
            raise InputError(
                f"profile: expected 1 to 63 of a-z, 0-9, '_' and '-', starting with a letter or digit; got {name!r}."
            )
        return self._directory / f"{name}.json"

    def names(self) -> list[str]:
        return sorted(path.stem for path in self._directory.glob("*.json") if _NAME.fullmatch(path.stem))

    def read(self, name: str) -> Profile:
        """Raises NotSignedInError where there is no such profile, or its file is not ours."""
        path = self.path(name)
        again = "fieldline login API_URL" + ("" if name == DEFAULT_PROFILE else f" --profile {name}")
        try:
            return msgspec.json.decode(path.read_bytes(), type=Profile)
        except FileNotFoundError as exc:
            raise NotSignedInError(f"Not signed in: there is no profile {name!r}. Run `{again}`.") from exc
        except msgspec.MsgspecError as exc:
            raise NotSignedInError(f"The profile file {path} is damaged ({exc}). Run `{again}`.") from exc
        except OSError as exc:
            raise CliError(f"Cannot read the profile file {path}: {exc.strerror}.") from exc

    def write(self, name: str, profile: Profile) -> None:
        path = self.path(name)
        try:
            self._directory.mkdir(mode=_PRIVATE_DIR, parents=True, exist_ok=True)
            write_atomically(path, msgspec.json.format(msgspec.json.encode(profile)) + b"\n", _PRIVATE_FILE)
        except OSError as exc:
            raise CliError(f"Cannot write the profile file {path}: {exc.strerror}.") from exc

    def delete(self, name: str) -> None:
        path = self.path(name)
        try:
            path.unlink(missing_ok=True)
        except OSError as exc:
            raise CliError(f"Cannot delete the profile file {path}: {exc.strerror}.") from exc


def default_directory() -> Path:
    """`profiles` in the user's configuration directory of this platform; FIELDLINE_CONFIG_DIR moves it."""
    import typer

    return Path(os.environ.get("FIELDLINE_CONFIG_DIR") or typer.get_app_dir("fieldline")) / "profiles"
