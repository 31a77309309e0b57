"""Jetson: the mode of 25 W that its power supply and the UPS are counted with."""

from deploys.jetson import Jetson

jetson = Jetson(power_mode="25W")
