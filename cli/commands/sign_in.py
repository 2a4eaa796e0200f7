"""login, logout, whoami, system."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from cli.api import sign_in_of
from cli.cognito import CodeRequired, Cognito, Grant, NewPasswordRequired, Outcome, PasswordRefusedError
from cli.commands.options import JsonOption, ProfileOption, http, profile_store, signed_in
from cli.errors import CliError, InputError, NotSignedInError, ServerFaultError
from cli.local_instance import Instance, find_instance
from cli.output import note, print_fields, print_json, print_line
from cli.profiles import DEFAULT_PROFILE, Profile
from cli.session import tokens_of, wall_clock_ms
from cli.text import printable, shown, until
from cli.urls import api_url, sign_in_endpoint

_PASSWORD_TRIES = 3
_CODE_TRIES = 3
_INTERRUPTED = 130
_BY_SCOPE = {"allowed", "grants"}


def login(
    api: Annotated[
        str | None, typer.Argument(metavar="API_URL", help="The deployment's API, for example its output ApiUrl.")
    ] = None,
    *,
    user: Annotated[str | None, typer.Option("--user", "-u", help="User name or e-mail; asked for if absent.")] = None,
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from the first line of standard input.")
    ] = False,
    code: Annotated[
        str | None, typer.Option("--code", help="The code of your authenticator app; asked for if it is needed.")
    ] = None,
    local: Annotated[bool, typer.Option("--local", help="Sign in to the laptop cloud of this directory.")] = False,
    port: Annotated[
        int | None, typer.Option("--port", min=1, max=65535, help="With --local: which instance, where several run.")
    ] = None,
    profile: ProfileOption = DEFAULT_PROFILE,
) -> None:
    """Sign in to a deployment, and remember it under a profile.

    Example: fieldline login https://abc123.execute-api.eu-west-1.amazonaws.com/v1 --profile prod

    Example: fieldline login --local
    """
    if local == (api is not None):
        raise InputError("Give either the API_URL of a deployment or --local.")
    if port is not None and not local:
        raise InputError("--port chooses among the instances of --local; an API_URL holds its own port.")
    store = profile_store()
    store.path(profile)  # a name that cannot be kept is better refused before the password is asked for
    instance = find_instance(Path.cwd(), port) if local else None
    address = api_url(instance.api if instance else str(api))
    with http() as connection:
        where = sign_in_of(connection, address)
        cognito = Cognito(connection, sign_in_endpoint(where.endpoint, address), where.client_id)
        name = user or (instance.user if instance else _asked("User"))
        password = _password(instance, name, from_stdin=password_stdin)
        outcome = cognito.sign_in(name, password)
        if isinstance(outcome, NewPasswordRequired):
            if password_stdin:
                raise NotSignedInError(
                    "This user must choose a new password first: run `fieldline login` without --password-stdin once."
                )
            outcome = _with_new_password(cognito, outcome)
        if isinstance(outcome, CodeRequired):
            if code is None and password_stdin:
                raise NotSignedInError(
                    "This user's sign-in also asks for the code of an authenticator app: give --code."
                )
            outcome = _with_code(cognito, outcome, code)
        grant = _done(outcome)
    if not grant.refresh:
        raise ServerFaultError("The sign-in service sent no refresh token.")
    replaced = _address_of(profile)
    store.write(profile, Profile(address, name, where, tokens_of(grant, grant.refresh, wall_clock_ms())))
    print_line(printable(f"Signed in to {address} as {name} (profile {profile})."))
    if replaced and replaced != address:
        note(f"The profile {profile} was for {replaced} before; --profile keeps several side by side.")


def logout(
    *,
    everything: Annotated[bool, typer.Option("--all", help="Sign out of every profile.")] = False,
    everywhere: Annotated[
        bool, typer.Option("--everywhere", help="End your sessions in every browser and on every machine, too.")
    ] = False,
    profile: ProfileOption = DEFAULT_PROFILE,
) -> None:
    """Sign out: end the session at the deployment, and forget its tokens here.

    Example: fieldline logout --profile prod

    Example: fieldline logout --everywhere
    """
    store = profile_store()
    names = store.names() if everything else [profile]
    known = [name for name in names if store.path(name).exists()]
    if not known:
        print_line("Nothing to sign out of.")
    for name in known:
        if everywhere:
            _revoke_all(name)
        else:
            _revoke(name)
        store.delete(name)
        print_line(f"Signed out{' everywhere' if everywhere else ''} (profile {name}).")


def whoami(*, as_json: JsonOption = False, profile: ProfileOption = DEFAULT_PROFILE) -> None:
    """Show who you are to the deployment, and what your roles are.

    Example: fieldline whoami --json
    """
    with signed_in(profile) as api:
        me = api.me()
        session = profile_store().read(profile)
    if as_json:
        print_json(me)
        return
    print_fields(
        [
            *((printable(str(key)), shown(value)) for key, value in me.items() if key not in _BY_SCOPE),
            *((printable(str(one["role"])), printable(str(one["scope"]))) for one in me.get("grants", [])),
            ("profile", profile),
            ("api", printable(api.url)),
            ("token ends", until(session.tokens.expires_at, wall_clock_ms())),
        ]
    )


def system(*, as_json: JsonOption = False, profile: ProfileOption = DEFAULT_PROFILE) -> None:
    """Show what the deployment is: its version, stage, region, telemetry store, and how long telemetry is kept.

    Example: fieldline system --profile prod
    """
    with signed_in(profile) as api:
        document = api.get("/system")
    if as_json:
        print_json(document)
        return
    print_fields((printable(key), shown(value)) for key, value in document.items() if key != "time")


def _password(instance: Instance | None, name: str, *, from_stdin: bool) -> str:
    if from_stdin:
        try:
            password = sys.stdin.readline().rstrip("\r\n")
        except UnicodeDecodeError as exc:
            raise InputError("--password-stdin: expected text in UTF-8 on standard input; got other bytes.") from exc
        if not password:
            raise InputError("--password-stdin: expected the password on standard input; got nothing.")
        return password
    if instance and name == instance.user:
        return instance.password
    return _asked("Password", hidden=True)


def _done(outcome: Outcome) -> Grant:
    if isinstance(outcome, Grant):
        return outcome
    raise ServerFaultError("The sign-in service asks for the same thing again and again.")


def _with_code(cognito: Cognito, required: CodeRequired, code: str | None) -> Outcome:
    if code is not None:
        try:
            return cognito.send_code(required, code.strip())
        except InputError as exc:
            raise NotSignedInError(str(exc)) from exc
    for _ in range(_CODE_TRIES):
        try:
            return cognito.send_code(required, _asked("Code").strip())
        except InputError as exc:
            note(str(exc))
    raise NotSignedInError(f"No code was accepted in {_CODE_TRIES} tries; you are not signed in.")


def _with_new_password(cognito: Cognito, required: NewPasswordRequired) -> Outcome:
    note("Your password is temporary: choose your own now.")
    for _ in range(_PASSWORD_TRIES):
        try:
            return cognito.set_password(required, _asked("New password", hidden=True, twice=True))
        except PasswordRefusedError as exc:
            note(str(exc))
    raise NotSignedInError(f"No new password was accepted in {_PASSWORD_TRIES} tries; you are not signed in.")


def _asked(what: str, *, hidden: bool = False, twice: bool = False) -> str:
    try:
        return str(typer.prompt(what, hide_input=hidden, confirmation_prompt=twice, err=True))
    except typer.Abort:
        if sys.stdin.isatty():
            raise typer.Exit(_INTERRUPTED) from None
        raise InputError(f"{what}: there is no terminal to ask on; use --user and --password-stdin.") from None


def _address_of(profile: str) -> str | None:
    try:
        return profile_store().read(profile).api
    except CliError:
        return None


def _revoke_all(name: str) -> None:
    """Raises what keeps it from it, so that nobody takes sessions for ended that are not."""
    known = profile_store().read(name)
    with http() as connection:
        cognito = Cognito(connection, known.sign_in.endpoint, known.sign_in.client_id)
        cognito.revoke_all(cognito.refresh(known.tokens.refresh).access)


def _revoke(name: str) -> None:
    try:
        known = profile_store().read(name)
        with http() as connection:
            Cognito(connection, known.sign_in.endpoint, known.sign_in.client_id).revoke(known.tokens.refresh)
    except CliError as exc:
        note(f"The session at the deployment could not be ended, it ends by itself: {exc}")
