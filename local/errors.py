"""What can go wrong with the cloud on a laptop.

LocalError
├── PortTakenError        another program listens where this instance should
├── AlreadyRunningError   this instance is up (or starting) in another process
├── NotRunningError       a command needs a running instance
├── SetupError            the checkout, or an environment made from it, is not usable
├── SynthesisError        the CDK app did not synthesize
├── TransformError        the template has something the laptop does not know how to treat
├── DeployError           the local AWS refused the template
└── ChildDiedError        a process of the instance ended without being asked to
"""


class LocalError(Exception):
    """The root of what `local` raises on purpose; its text is one clear sentence for a person."""


class PortTakenError(LocalError):
    """Another program listens on a port of this instance."""


class AlreadyRunningError(LocalError):
    """The instance is up, or starting, in another process."""


class NotRunningError(LocalError):
    """The command needs a running instance."""


class SetupError(LocalError):
    """The checkout, or an environment made from it, is not usable."""


class SynthesisError(LocalError):
    """The CDK app did not synthesize."""


class TransformError(LocalError):
    """The template holds something that the transform does not list."""


class DeployError(LocalError):
    """The local AWS refused the template or a part of it."""


class ChildDiedError(LocalError):
    """A process of the instance ended without being asked to."""
