"""UPS: which one, and from which runtime on the hosts go down."""

from deploys.ups import Ups

# A line-interactive UPS of 1500 VA with two batteries of 12 V and 9 Ah.
ups = Ups(
    server="xps15",
    watts=900,
    volt_amperes=1500,
    battery_watt_hours=216,
    low_runtime_seconds=360,
)
