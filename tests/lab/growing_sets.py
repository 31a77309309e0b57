"""A deploy of as many files, units and packages as its data ask for; of none, it takes them away.

Data: `sample_files`, `sample_units` and `sample_packages` are numbers, `sample_text` their content.
"""

from pyinfra import host
from pyinfra.api.deploy import deploy

from operations import packages, retirement, service
from operations.entries import Directory, Entry, File

DIRECTORY = "/etc/ai-idp-sample"
MOST_UNITS = 10
PACKAGES = (
    "fonts-glyphicons-halflings",
    "javascript-common",
    "libjs-bootstrap",
    "libjs-d3",
    "libjs-jquery",
    "libjs-moment",
    "libjs-moment-timezone",
    "libjs-mustache",
    "libjs-popper.js",
    "tini",
)
"""Packages that every host of the lab is offered, that no role of the sample host wants, that need
nothing outside of these and start nothing."""

UNIT = """[Unit]
Description={text}
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/bin/true
[Install]
WantedBy=multi-user.target
"""


def wanted(kind: str) -> int:
    return int(host.data.get(f"sample_{kind}", 0))


def text() -> str:
    return str(host.data.get("sample_text", "old"))


@deploy("Files")
def files() -> None:
    content = [(f"{DIRECTORY}/{n}", f"{n} {text()}\n") for n in range(wanted("files"))]
    if content:
        entries: list[Entry] = [
            Directory(DIRECTORY),
            *(File(path, line.encode()) for path, line in content),
        ]
        service.deployed(name="Deploy", service="sample-files", entries=entries)
    else:
        retirement.service_removed(name="Remove", service="sample-files")


@deploy("Units")
def units() -> None:
    names = [f"ai-idp-sample-{n}.service" for n in range(wanted("units") or MOST_UNITS)]
    if wanted("units"):
        content = UNIT.format(text=text()).encode()
        service.deployed(
            name="Deploy",
            service="sample-units",
            entries=[File(f"/etc/systemd/system/{name}", content) for name in names],
            units=names,
        )
    else:
        retirement.service_removed(name="Remove", service="sample-units", units=names)


@deploy("Packages")
def all_packages() -> None:
    if wanted("packages"):
        packages.installed(name="Install", packages=PACKAGES[: wanted("packages")])
    else:
        packages.removed(name="Remove", packages=PACKAGES)


files()
units()
all_packages()
