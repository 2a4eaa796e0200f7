"""Command groups of other packages: found by entry point, imported only when one of their commands runs."""

import ast
from importlib import metadata, util
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_group

from cli.errors import CliError
from cli.output import print_error

GROUP = "fieldline.commands"


class RootGroup(TyperGroup):
    """Our own commands, then those of plug-ins; our errors become one line and an exit code."""

    def list_commands(self, ctx: Any) -> list[str]:
        own = super().list_commands(ctx)
        return [*own, *sorted(name for name in _entry_points() if name not in own)]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """For listings: a plug-in is described without being imported."""
        own = super().get_command(ctx, cmd_name)
        if own is not None:
            return own
        point = _entry_points().get(cmd_name)
        return TyperCommand(cmd_name, help=_described(point)) if point else None

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        point = _entry_points().get(args[0])
        if point is None or args[0] in self.commands:
            return super().resolve_command(ctx, args)
        try:
            return args[0], _loaded(point), args[1:]
        except CliError:
            if ctx.resilient_parsing:  # a completion has nobody to tell
                return super().resolve_command(ctx, args)
            raise

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except CliError as exc:
            print_error(str(exc), exc.details)
            raise typer.Exit(exc.exit_code) from exc


def _entry_points() -> dict[str, metadata.EntryPoint]:
    return {point.name: point for point in metadata.entry_points(group=GROUP)}


def _loaded(point: metadata.EntryPoint) -> TyperGroup:
    where = f"The command group {point.name!r} ({point.value})"
    try:
        app = point.load()
    except Exception as exc:  # a plug-in may raise anything while it is imported, and the user needs its name
        said = f"{type(exc).__name__}: {exc}"
        raise CliError(f"{where} cannot be loaded: {said}. Is its package installed completely?") from exc
    if not isinstance(app, typer.Typer):
        raise CliError(f"{where} cannot be loaded: expected a typer.Typer; got {type(app).__name__}.")
    group = get_group(app)
    group.name = point.name
    return group


def _described(point: metadata.EntryPoint) -> str:
    """The first line of the module's docstring, read and not run; empty where there is none to read."""
    try:
        spec = util.find_spec(point.module)
        source = spec.loader.get_source(point.module) if spec and spec.loader else None  # type: ignore[attr-defined] # optional in PEP 302
        return (ast.get_docstring(ast.parse(source or "")) or "").partition("\n")[0]
    except (ImportError, AttributeError, SyntaxError, ValueError):
        return ""
