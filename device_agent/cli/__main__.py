import sys

from device_agent.cli.command import main

sys.exit(main())
