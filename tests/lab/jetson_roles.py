"""A deploy of the roles that a Jetson's release decides about, in their order."""

from deploys import docker, edge, jetson

jetson.install()
docker.install()
edge.install()
