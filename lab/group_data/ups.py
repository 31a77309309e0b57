"""UPS, in the lab: NUT's own `dummy-ups` reads a file where the cable would be."""

from group_data.ups import ups as _ups
from lab.ups import DEVICE as _DEVICE

ups = _ups.model_copy(
    update={"driver": "dummy-ups", "driver_port": _DEVICE, "driver_options": {}},
)
