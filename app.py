"""`python app.py [-c key=value]…` synthesizes; `cdk deploy` runs it too. Needs no account, credentials or network."""

import sys

from infra.node import use_packaged_node

if __name__ == "__main__":
    use_packaged_node()
    # Only now: importing CDK starts Node.
    from infra.app import main

    main(sys.argv[1:])
