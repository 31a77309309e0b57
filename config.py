"""pyinfra's own switches: the version that these deploys are written and tested for."""

from gevent.hub import Hub  # type: ignore[import-untyped]
from pyinfra import config
from pyinfra.api.exceptions import PyinfraError

config.REQUIRE_PYINFRA_VERSION = "==3.10.0"

# pyinfra reports these in its own words, and gevent would print the greenlet's traceback before
# that: when the last host fails while a fact is read, for one.
Hub.NOT_ERROR += (PyinfraError,)
