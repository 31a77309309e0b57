"""NGINX: what the gateway lets through, and for how long it waits."""

from deploys.nginx import Nginx

nginx = Nginx()
