"""The NPU's model server: OpenVINO Model Server with one model, for programs of the same host.

Its API is OpenAI's, below http://127.0.0.1:PORT/v3/. It asks for no key: it is bound to loopback,
and everybody with an account on the host may use it.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from deploys.accounts import HEADER
from deploys.rendering import render
from facts.archive import Archive
from operations.entries import Entry, File

ARCHIVE = "openvino-model-server"
UNIT = USER = "ai-idp-npu"
UNIT_FILE = f"/etc/systemd/system/{UNIT}.service"
CACHE = "/var/cache/ai-idp-npu"
START_SECONDS = 600
"""A model is compiled for the NPU at its first start; that takes minutes."""


class ModelServer(BaseModel):
    """Which release serves which model."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model_folder: str = Field(
        pattern=r"^/[\w./-]+$",
        description="Folder of the model in OpenVINO's format (`hf download "
        "OpenVINO/...-int4-cw-ov --revision COMMIT --local-dir FOLDER`)",
    )
    model_name: str = Field(pattern=r"^[\w.-]+$", description="By which programs ask for it")
    port: int = Field(default=8030, ge=1024, le=65535, description="Its port on 127.0.0.1")
    memory_limit_mib: int = Field(
        default=12288, ge=1024, description="Most memory that it may take of its host"
    )
    version: str = Field(
        default="2026.4.0", pattern=r"^\d+\.\d+\.\d+$", description="of the release"
    )
    sha256: str = Field(
        default="cc5caad0e859b249fac586847fa922c9f57e1c910abd2233a57b3cca0172fb91",
        pattern=r"^[0-9a-f]{64}$",
        description="of the release's archive for Ubuntu 24.04 without Python",
    )

    def archive(self) -> Archive:
        """The release. The one with Python wants that of Ubuntu 24.04, which Debian has not."""
        folder = "https://github.com/openvinotoolkit/model_server/releases/download"
        url = f"{folder}/v{self.version}/ovms_ubuntu24_{self.version}_python_off.tar.gz"
        return Archive(ARCHIVE, self.version, url, self.sha256)


def needs(server: ModelServer | None) -> tuple[str, ...]:
    """Packages that the release has not in it."""
    return ("libxml2", "curl") if server else ()


def entries(server: ModelServer | None) -> list[Entry]:
    """The unit and its account."""
    if server is None:
        return []
    values = {"server": server, "user": USER, "cache": CACHE, "folder": server.archive().folder}
    account = (
        f'{HEADER}\nu {USER} - "OpenVINO Model Server" {CACHE} /usr/sbin/nologin\nm {USER} render\n'
    )
    return [
        File(f"/etc/sysusers.d/{USER}-server.conf", account.encode()),
        File(UNIT_FILE, render("npu/ai-idp-npu.service.j2", **values)),
    ]
