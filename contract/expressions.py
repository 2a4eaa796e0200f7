"""Arithmetic over a device's metrics: what a derived metric is computed by, from text that anybody may have written.

    >>> average = compile_expression("(a + b) / 2")
    >>> average.inputs, average({"a": 3, "b": 4})
    (('a', 'b'), 3.5)

The text is parsed, never run: only numbers, metrics, `+ - * / % **`, parentheses and the functions of FUNCTIONS are
let through, and each becomes a closure. All is computed in floats, so that no text makes a huge integer.
"""

import math
from collections.abc import Callable, Mapping
from operator import add, mod, mul, neg, pos, sub, truediv
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from contract.errors import ConditionError, IdentityError, shown
from contract.identity import parse_metric
from contract.telemetry import Value

if TYPE_CHECKING:
    import ast

__all__ = ["FUNCTIONS", "MAX_CHARS", "MAX_DEPTH", "MAX_NODES", "Expression", "compile_expression"]

MAX_CHARS: Final = 500
MAX_NODES: Final = 100
MAX_DEPTH: Final = 20

_Compute: TypeAlias = Callable[[Mapping[str, float]], float]


def _round(value: float, digits: float = 0) -> float:
    return round(value, int(digits))


FUNCTIONS: Final[dict[str, tuple[Callable[..., float], int, int]]] = {
    "abs": (abs, 1, 1),
    "exp": (math.exp, 1, 1),
    "log": (math.log, 1, 1),
    "max": (max, 2, 10),
    "min": (min, 2, 10),
    "round": (_round, 1, 2),
    "sqrt": (math.sqrt, 1, 1),
}
"""Name → function, and how many arguments it takes at least and at most. `log` is natural; `round` takes decimals."""


class Expression:
    """A compiled expression. Call it with a value for each of `inputs`, the metrics that it asks for."""

    def __init__(self, text: str, inputs: tuple[str, ...], compute: _Compute) -> None:
        self.text = text
        self.inputs = inputs
        self._compute = compute

    def __call__(self, values: Mapping[str, Value | None]) -> float | None:
        """The result, a finite number. None if an input is missing, None or a text, or the result is no such number.

        A boolean counts as 1 or 0.
        """
        numbers = {}
        for name in self.inputs:
            value = values.get(name)
            if value is None or isinstance(value, str):
                return None
            numbers[name] = float(value)
        try:
            result: Any = self._compute(numbers)
        except (ArithmeticError, ValueError):  # a division by zero, a logarithm of less, an overflow
            return None
        # A fractional power of a negative number is complex.
        return result if isinstance(result, float) and math.isfinite(result) else None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Expression) and self.text == other.text

    def __hash__(self) -> int:
        return hash(self.text)

    def __repr__(self) -> str:
        return f"Expression({self.text!r})"


def compile_expression(text: str) -> Expression:
    """Read an expression; raises ConditionError for one that is none, or is too long or too deep."""
    import ast  # only what derives metrics pays for it

    if len(text) > MAX_CHARS:
        raise _fault(f"at most {MAX_CHARS} characters", f"{len(text)}")
    try:
        tree = ast.parse(text.strip(), mode="eval")
    except SyntaxError as error:
        raise _fault("an expression", f"{error.msg} at character {error.offset}") from error
    except (ValueError, MemoryError, RecursionError) as error:
        raise _fault("an expression", str(error) or "one that is nested too deeply") from error
    compiler = _Compiler(text.strip())
    compute = compiler.compile(tree.body, 1)
    if not compiler.inputs:
        raise _fault("an expression over at least one metric", shown(text))
    return Expression(text, tuple(compiler.inputs), compute)


class _Compiler:
    def __init__(self, text: str) -> None:
        self.inputs: dict[str, None] = {}
        self._text = text
        self._nodes = 0

    def compile(self, node: "ast.expr", depth: int) -> _Compute:
        import ast

        self._nodes += 1
        if depth > MAX_DEPTH or self._nodes > MAX_NODES:
            raise _fault(f"at most {MAX_NODES} parts, nested at most {MAX_DEPTH} deep", "more")
        match node:
            case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
                return _constant(number)
            case ast.Name(id=name):
                return self._metric(name)
            case ast.UnaryOp(op=operator, operand=operand) if one := _UNARY.get(type(operator).__name__):
                return _applied(one, [self.compile(operand, depth + 1)])
            case ast.BinOp(left=left, op=operator, right=right) if two := _BINARY.get(type(operator).__name__):
                return _applied(two, [self.compile(left, depth + 1), self.compile(right, depth + 1)])
            case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]):
                return self._call(name, arguments, depth)
        raise _fault(_ALLOWED, shown(ast.get_source_segment(self._text, node)))

    def _metric(self, name: str) -> _Compute:
        try:
            parse_metric(name)
        except IdentityError as error:
            raise _fault(f"of metrics: {error.expected}", shown(name)) from error
        self.inputs[name] = None
        return lambda values: values[name]

    def _call(self, name: str, arguments: "list[ast.expr]", depth: int) -> _Compute:
        if name not in FUNCTIONS:
            raise _fault(f"of the functions {', '.join(FUNCTIONS)}", shown(name))
        function, least, most = FUNCTIONS[name]
        if not least <= len(arguments) <= most:
            count = f"{least}" if least == most else f"{least} to {most}"
            raise _fault(f"{name} of {count} values", f"{len(arguments)}")
        return _applied(function, [self.compile(argument, depth + 1) for argument in arguments])


def _power(base: float, exponent: float) -> Any:
    return base**exponent


_UNARY: Final[dict[str, Callable[..., float]]] = {"UAdd": pos, "USub": neg}
_BINARY: Final[dict[str, Callable[..., float]]] = {
    "Add": add,
    "Sub": sub,
    "Mult": mul,
    "Div": truediv,
    "Mod": mod,
    "Pow": _power,
}
_ALLOWED: Final = "made of numbers, metrics, + - * / % **, parentheses and functions"


def _constant(number: float) -> _Compute:
    try:
        value = float(number)
    except OverflowError as error:
        raise _fault("made of finite numbers", "a number too large") from error
    if not math.isfinite(value):
        raise _fault("made of finite numbers", "a number too large")
    return lambda _: value


def _applied(function: Callable[..., float], arguments: list[_Compute]) -> _Compute:
    if len(arguments) == 1:
        only = arguments[0]
        return lambda values: function(only(values))
    if len(arguments) == 2:  # noqa: PLR2004 - the two sides of an operator, without building a list
        left, right = arguments
        return lambda values: function(left(values), right(values))
    return lambda values: function(*[argument(values) for argument in arguments])


def _fault(expected: str, got: str) -> ConditionError:
    return ConditionError((("", expected, got),))
