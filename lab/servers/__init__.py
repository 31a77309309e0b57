"""Servers: the container images that the outside world of the lab offers, a package for each role.

Each has `build()`, which returns the tag of its cached image, and `offer(image)`, which tags that
and its variants as production names them: `current` and what the faults need.
"""
