"""pyinfra's own switches: the version that these deploys are written and tested for."""

from pyinfra import config

config.REQUIRE_PYINFRA_VERSION = "==3.10.0"
