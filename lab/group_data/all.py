"""Every host of the lab: reached with keys and secrets that belong to this checkout's lab alone."""

from lab import network as _network

ssh_key = ".lab/id_ed25519"
ssh_known_hosts_file = ".lab/known_hosts"

secret_store = ".lab/secrets"
secret_identity = ".lab/identity.txt"
model_lock = ".lab/models.lock.json"

networks = [_network.read().subnet]
