"""Every host, for comparison: reached as pyinfra reaches it by itself."""

ssh_paramiko_connect_kwargs: dict[str, object] = {}
