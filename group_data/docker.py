"""Docker: the defaults suit a host whose network is not 10.201.0.0/16."""

from deploys.docker import Docker

docker = Docker()
