"""Every host: the network it is in, and how it is reached."""

from connection import transport

domain = "ai-idp.home.arpa"
networks = ["192.168.1.0/24"]
timezone = "Europe/Berlin"

ssh_user = "ai-idp"
ssh_key = "~/.ssh/id_ed25519"
ssh_known_hosts_file = "known_hosts"
ssh_strict_host_key_checking = "yes"
ssh_paramiko_connect_kwargs = {"transport_factory": transport}
_sudo = True

secret_store = "secrets"
secret_identity = "~/.config/ai-idp/identity.txt"
model_lock = "models.lock.json"
