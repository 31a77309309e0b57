"""Receivers: whom Alertmanager can tell, and how they are reached."""

from __future__ import annotations

from typing import Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

# At most 64 characters, which is what a generated secret has (docs.ntfy.sh/publish).
NTFY_TOPIC = "alertmanager/ntfy-topic"


class Webhook(BaseModel):
    """An address to which alerts are posted as JSON."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str = Field(default="", description="where to; in the clear in this repository")
    url_secret: str = Field(
        default="",
        description="name of the secret that holds the whole address, where that lets anybody post",
    )

    @model_validator(mode="after")
    def _has_one_address(self) -> Self:
        if bool(self.url) == bool(self.url_secret):
            raise ValueError("give either `url` or `url_secret`, which names a secret")
        return self

    @field_validator("url")
    @classmethod
    def _is_url(cls, url: str) -> str:
        return _http(url) if url else url


class Ntfy(BaseModel):
    """A topic of an ntfy server (2.14 or newer, which reads Alertmanager's JSON by itself)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    server: str = Field(default="https://ntfy.sh", description="the server")
    topic: str = Field(
        default="",
        pattern=r"^[-_A-Za-z0-9]{0,64}$",
        description=f"the topic; empty: the secret `{NTFY_TOPIC}`, since whoever knows a "
        "topic of a public server reads it",
    )
    token_secret: str = Field(
        default="", description="name of the secret with the access token, where the server asks"
    )

    @field_validator("server")
    @classmethod
    def _is_url(cls, server: str) -> str:
        return _http(server).rstrip("/")


class Email(BaseModel):
    """Messages by mail."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    to: str = Field(min_length=3, description="who is told")
    sender: str = Field(min_length=3, description="whom the messages are from")
    server: str = Field(
        pattern=r"^\S+:\d+$", description="`name:port` of the SMTP server; 587 with STARTTLS"
    )
    username: str = Field(default="", description="account there; empty: it asks for none")
    password_secret: str = Field(
        default="alertmanager/smtp-password", description="name of the secret with its password"
    )
    require_tls: bool = Field(default=True, description="send nothing in the clear")


def _http(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"`{url}` is no address; write https://name/path")
    return url
