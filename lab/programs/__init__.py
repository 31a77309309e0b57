"""Programs: what the outside world offers as release archives, made from Debian's source packages.

Each has `archives()`: the content of each archive by its address.
"""
