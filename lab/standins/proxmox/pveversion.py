"""`pveversion`: the version whose words the stand-in has."""

print("pve-manager/9.2.11/14a22df35955d97d (running kernel: of the lab's computer)")
