"""The lab: every machine of the inventory as a container, and the outside world they talk to."""
