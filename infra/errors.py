"""What goes wrong before CloudFormation is asked anything.

InfraError
├── ConfigError       the context that the app was started with; lists every problem together
├── BundleError       a Lambda bundle could not be built
├── DashboardError    the dashboard is not built, or its build holds what no browser can be told the type of
└── DeclarationError  the declared devices do not fit together, or not into one stack
"""


class InfraError(Exception):
    """Root of this package's errors; its text is meant for the person who runs `cdk synth`."""


class ConfigError(InfraError):
    def __init__(self, problems: list[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("the deployment's context is not usable:\n" + "\n".join(f"  - {p}" for p in problems))


class BundleError(InfraError):
    pass


class DashboardError(InfraError):
    pass


class DeclarationError(InfraError):
    pass
