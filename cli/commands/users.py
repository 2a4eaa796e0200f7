"""users: who can sign in, and who may do what."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer

from cli import administrators
from cli.api import Api
from cli.cognito import Cognito
from cli.commands.listing import print_list
from cli.commands.options import JsonOption, ProfileOption, http, profile_store, signed_in
from cli.errors import CliError, ConflictError, InputError, NotFoundError
from cli.output import note, print_fields, print_json, print_line, print_table
from cli.profiles import DEFAULT_PROFILE
from cli.session import Session, wall_clock_ms
from cli.stacks import Place, in_stacks, on_laptop
from cli.text import age, printable, shown

app = typer.Typer(no_args_is_help=True, help="Invite people, say who may do what, and set up a second factor.")

User = Annotated[str, typer.Argument(metavar="USER", help="A person's e-mail address, or the id.")]
ScopeArgument = Annotated[
    str, typer.Argument(metavar="SCOPE", help="'*', group:plant-1/line-2 or device:pump-7; '*' needs quotes.")
]
GrantOption = Annotated[
    list[str] | None,
    typer.Option("--grant", "-g", metavar="ROLE@SCOPE", help="Such as operator@group:plant-1; may be repeated."),
]

_LARGEST_PAGE = 60
_MOST_GRANTS = 100
_TRIES = 3
_COLUMNS = ("E-mail", "UserStatus", "Enabled", "Since", "Id")
_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_ROLES = ("admin", "operator", "viewer")


@app.command("list")
def list_users(
    *,
    email: Annotated[str | None, typer.Option("--email", help="Only addresses that begin so.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1_000_000, help="The most people to list.")] = 1000,
    as_json: JsonOption = False,
    profile: ProfileOption = DEFAULT_PROFILE,
) -> None:
    """List everybody who can sign in.

    Example: fieldline users list --email ann
    """
    with signed_in(profile) as api:
        params = [("email", email)] if email is not None else []
        pages = list(api.pages("/users", params, limit, largest=_LARGEST_PAGE))
    print_list(
        pages, _COLUMNS, _row, as_json=as_json, limit=limit, what="people", beyond="raise --limit, or give --email"
    )


@app.command("show")
def show_user(user: User, *, as_json: JsonOption = False, profile: ProfileOption = DEFAULT_PROFILE) -> None:
    """Show a person with all grants.

    Example: fieldline users show ann@example.org
    """
    with signed_in(profile) as api:
        document = api.get(address_of(api, user))
    if as_json:
        print_json(document)
        return
    plain = ((name, value) for name, value in document.items() if name != "grants")
    print_fields((printable(name), _field(name, value)) for name, value in plain)
    _print_grants(document["grants"])


@app.command("invite")
def invite(
    email: Annotated[str, typer.Argument(metavar="EMAIL", help="Where the temporary password is sent.")],
    *,
    grant: GrantOption = None,
    as_json: JsonOption = False,
    profile: ProfileOption = DEFAULT_PROFILE,
) -> None:
    """Invite somebody, with grants.

    Example: fieldline users invite ann@example.org --grant operator@group:plant-1 --grant viewer@device:pump-7
    """
    with signed_in(profile) as api:
        document = api.create("/users", {"email": email, "grants": parsed_grants(grant)})
    if as_json:
        print_json(document)
    else:
        print_line(printable(f"Invited {document['email']} (id {document['id']})."))


@app.command("disable")
def disable(user: User, *, profile: ProfileOption = DEFAULT_PROFILE) -> None:
    """Keep somebody out: tokens and own keys are refused within a minute.

    Example: fieldline users disable ann@example.org
    """
    _set_enabled(user, profile, enabled=False)


@app.command("enable")
def enable(user: User, *, profile: ProfileOption = DEFAULT_PROFILE) -> None:
    """Let somebody in again.

    Example: fieldline users enable ann@example.org
    """
    _set_enabled(user, profile, enabled=True)


@app.command("delete")
def delete(
    user: User,
    *,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    profile: ProfileOption = DEFAULT_PROFILE,
) -> None:
    """Delete somebody with all grants.

    Example: fieldline users delete ann@example.org --yes
    """
    if not yes:
        typer.confirm(printable(f"Delete {user} for good?"), abort=True, err=True)
    with signed_in(profile) as api:
        api.change("DELETE", address_of(api, user))
    print_line(printable(f"Deleted {user}."))


@app.command("reset")
def reset(user: User, *, profile: ProfileOption = DEFAULT_PROFILE) -> None:
    """Have somebody set a new password: sends a code, or the invitation once more.

    Example: fieldline users reset ann@example.org
    """
    with signed_in(profile) as api:
        api.change("POST", f"{address_of(api, user)}/reset")
    print_line(printable(f"{user} must set a new password, and was sent how."))


@app.command("grants")
def show_grants(user: User, *, as_json: JsonOption = False, profile: ProfileOption = DEFAULT_PROFILE) -> None:
    """Show somebody's grants, as far as they are within your own scope.

    Example: fieldline users grants ann@example.org
    """
    with signed_in(profile) as api:
        document = api.get(f"{address_of(api, user)}/grants")
    if as_json:
        print_json(document)
    else:
        _print_grants(document["grants"])


@app.command("grant")
def grant(
    user: User,
    role: Annotated[str, typer.Argument(metavar="ROLE", help="admin, operator or viewer.")],
    scope: ScopeArgument,
    *,
    profile: ProfileOption = DEFAULT_PROFILE,
) -> None:
    """Give somebody a role over a scope; it replaces another role over the same scope.

    Example: fieldline users grant ann@example.org operator group:plant-1/line-2
    """
    _check_role(role)

    def with_it(grants: list[dict[str, str]]) -> list[dict[str, str]]:
        return [*(one for one in grants if one["scope"] != scope), {"role": role, "scope": scope}]

    _print_grants(_replace(user, profile, with_it))


@app.command("ungrant")
def ungrant(user: User, scope: ScopeArgument, *, profile: ProfileOption = DEFAULT_PROFILE) -> None:
    """Take somebody's role over a scope away. It holds within a minute.

    Example: fieldline users ungrant ann@example.org group:plant-1/line-2
    """

    def without_it(grants: list[dict[str, str]]) -> list[dict[str, str]]:
        left = [one for one in grants if one["scope"] != scope]
        if len(left) == len(grants):
            raise NotFoundError(f"{user} holds no role over exactly {scope} that you may see.")
        return left

    _print_grants(_replace(user, profile, without_it))


@app.command("who")
def who(
    scope: ScopeArgument,
    *,
    limit: Annotated[int, typer.Option("--limit", min=1, max=100_000, help="The most grants to list.")] = 1000,
    as_json: JsonOption = False,
    profile: ProfileOption = DEFAULT_PROFILE,
) -> None:
    """List who holds a role over a scope or above it, as far as you may see that.

    Example: fieldline users who device:pump-7
    """
    with signed_in(profile) as api:
        pages = list(api.pages("/grants", [("scope", scope)], limit, largest=_MOST_GRANTS))
    columns = {"Who": "name", "Kind": "kind", "Role": "role", "Scope": "scope"}

    def row(one: dict[str, Any]) -> list[str]:
        return [shown(one.get(key)) for key in columns.values()]

    print_list(pages, list(columns), row, as_json=as_json, limit=limit, what="grants")


@app.command("mfa")
def mfa(
    *,
    off: Annotated[bool, typer.Option("--off", help="Ask for no code any more.")] = False,
    profile: ProfileOption = DEFAULT_PROFILE,
) -> None:
    """Have your own sign-in ask for the code of an authenticator app as well.

    Example: fieldline users mfa
    """
    with http() as connection:
        session = Session(profile_store(), profile, connection)
        where = session.profile.sign_in
        cognito = Cognito(connection, where.endpoint, where.client_id)
        token = session.access_token()
        if off:
            cognito.prefer_code(token, wanted=False)
            print_line("Your sign-in asks for the password alone.")
            return
        secret = cognito.associate(token)
        label = quote(session.profile.username, safe="@")
        note("Add this to an authenticator app, by its secret or as a link, then enter the code that it shows.")
        print_fields(
            [
                ("secret", printable(secret)),
                ("link", printable(f"otpauth://totp/Fieldline:{label}?secret={secret}&issuer=Fieldline")),
            ]
        )
        _enrol(cognito, token)
    print_line("Your sign-in asks for a code from now on.")


@app.command("bootstrap")
def bootstrap(
    email: Annotated[str, typer.Argument(metavar="EMAIL", help="The administrator's address.")],
    *,
    force: Annotated[bool, typer.Option("--force", help="Although somebody administers everything already.")] = False,
    local: Annotated[bool, typer.Option("--local", help="In the laptop cloud that runs here.")] = False,
    port: Annotated[int | None, typer.Option("--port", help="With --local: which instance, where several run.")] = None,
    stage: Annotated[
        str | None, typer.Option("--stage", help="Which deployment, where the account has several: dev, prod.")
    ] = None,
    region: Annotated[
        str | None, typer.Option("--region", help="AWS region, where the environment names none.")
    ] = None,
    aws_profile: Annotated[str | None, typer.Option("--aws-profile", help="Profile of the AWS configuration.")] = None,
) -> None:
    """Make the first administrator of a deployment, with AWS credentials.

    Example: fieldline users bootstrap ann@example.org --stage prod --region eu-west-1
    """
    address = email.strip().lower()
    if "@" not in address[1:-1]:
        raise InputError(f"EMAIL: expected an e-mail address; got {email!r}.")
    elsewhere = Place(region, aws_profile)
    if local and (stage or elsewhere != Place()):
        raise InputError("--local says which deployment it is: --stage, --region and --aws-profile do not go with it.")
    if local:
        place, pool = on_laptop(Path.cwd(), port, "UserPoolId")
        _, table = on_laptop(Path.cwd(), port, "CoreTableName")
    else:
        place = elsewhere
        pool, table = (in_stacks(place, stage, name, administrators.NEEDED) for name in ("UserPoolId", "CoreTableName"))
    invited = administrators.make(place, pool, table, address, force=force)
    sent = "was sent a temporary password" if invited else "can sign in already"
    print_line(printable(f"{address} administers this deployment, and {sent}."))


def parsed_grants(texts: list[str] | None) -> list[dict[str, str]]:
    """`operator@group:plant-1` as the API takes it."""
    grants = []
    for text in texts or []:
        role, _, scope = text.partition("@")
        if not scope:
            raise InputError(f"--grant: expected ROLE@SCOPE such as operator@group:plant-1; got {text!r}.")
        _check_role(role)
        grants.append({"role": role, "scope": scope})
    return grants


def _check_role(role: str) -> None:
    if role not in _ROLES:
        raise InputError(f"ROLE: expected one of {', '.join(_ROLES)}; got {role!r}.")


def address_of(api: Api, user: str) -> str:
    """The address of a person, who may be named by e-mail where the caller may list people."""
    if _ID.fullmatch(user):
        return f"/users/{user}"
    email = user.strip().lower()
    if "@" not in email:
        raise InputError(f"USER: expected an e-mail address or an id; got {user!r}.")
    for page in api.pages("/users", [("email", email)], 1000, largest=_LARGEST_PAGE):
        for item in page["items"]:
            if item.get("email") == email:
                return f"/users/{quote(str(item['id']), safe='')}"
    raise NotFoundError(f"Nobody is known as {user}.")


def _replace(
    user: str, profile: str, changed: Callable[[list[dict[str, str]]], list[dict[str, str]]]
) -> list[dict[str, str]]:
    """The grants as they are then; begins anew where somebody else was faster."""
    with signed_in(profile) as api:
        path = f"{address_of(api, user)}/grants"
        for attempt in range(1, _TRIES + 1):
            document, etag = api.tagged(path)
            try:
                wanted = {"grants": changed(document["grants"])}
                grants: list[dict[str, str]] = api.change("PUT", path, wanted, if_match=etag)["grants"]
            except ConflictError:
                if attempt == _TRIES:
                    raise
            else:
                return grants
    raise CliError("The grants were not changed.")


def _set_enabled(user: str, profile: str, *, enabled: bool) -> None:
    with signed_in(profile) as api:
        api.change("PATCH", address_of(api, user), {"enabled": enabled})
    print_line(printable(f"{user} is {'enabled' if enabled else 'disabled'}."))


def _enrol(cognito: Cognito, token: str) -> None:
    for attempt in range(1, _TRIES + 1):
        code = str(typer.prompt("Code", err=True)).strip()
        try:
            cognito.verify(token, code)
        except InputError as exc:
            if attempt == _TRIES:
                raise
            note(str(exc))
        else:
            cognito.prefer_code(token, wanted=True)
            return


def _row(item: dict[str, Any]) -> list[str]:
    return [
        shown(item.get("email")),
        shown(item.get("status")),
        shown(item.get("enabled")),
        _field("created_at", item.get("created_at")),
        shown(item.get("id")),
    ]


def _field(name: str, value: Any) -> str:
    return age(value, wall_clock_ms()) if name.endswith("_at") and isinstance(value, int) else shown(value)


def _print_grants(grants: list[dict[str, str]]) -> None:
    print_table(("Role", "Scope"), ([shown(one.get("role")), shown(one.get("scope"))] for one in grants))
