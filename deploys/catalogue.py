"""Catalogue: what is known of a model before it is downloaded."""

from __future__ import annotations

import hashlib
import re
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from budget.architecture import Architecture
from deploys import hub_names


class ModelFile(BaseModel):
    """One file of a model."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: str = Field(description="where it lies in the repository, and in the model's folder")
    bytes: int = Field(gt=0, description="its size; without `sha256` an estimate")
    sha256: str | None = Field(
        default=None,
        description="its checksum, as the hub shows it; None: locked at the first download",
    )

    @field_validator("path")
    @classmethod
    def _stays_in_its_folder(cls, path: str) -> str:
        if not re.fullmatch(r"[\w.-]+(/[\w.-]+)*", path) or {".", ".."} & set(path.split("/")):
            raise ValueError(f"`{path}` is no path of a repository; write `folder/file` or `file`")
        return path

    @field_validator("sha256")
    @classmethod
    def _is_checksum(cls, sha256: str | None) -> str | None:
        if sha256 is not None and not re.fullmatch(r"[0-9a-f]{64}", sha256):
            raise ValueError(
                f"`{sha256}` is no sha256 (64 hex digits); the hub shows it on the file's page"
            )
        return sha256


class Model(BaseModel):
    """Files of one commit of a hub's repository, with the numbers that its memory follows from."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(
        description="name in this catalogue, and of its folder", pattern=r"^[A-Za-z0-9][\w.-]*$"
    )
    repository: str = Field(
        description="`owner/name` on the hub, in its exact upper and lower case"
    )
    revision: str = Field(description="commit, 40 hex digits; a branch would move")
    files: tuple[ModelFile, ...] = Field(
        min_length=1, description="the files that its server needs; others stay on the hub"
    )
    licence: str = Field(description="licence that its use falls under")
    gated: bool = Field(
        default=False, description="the hub gives it only to who accepted its licence there"
    )
    format: Literal["gguf", "safetensors"] = Field(
        description="`gguf` for llama.cpp, `safetensors` for vLLM"
    )
    quantization: str = Field(
        default="", description="method that its config.json names, such as `compressed-tensors`"
    )
    architecture: Architecture = Field(description="what the memory of its cache follows from")

    @field_validator("repository")
    @classmethod
    def _names_owner_and_repository(cls, repository: str) -> str:
        if not re.fullmatch(r"[\w.-]+/[\w.-]+", repository):
            raise ValueError(f"`{repository}` is no repository of the hub; write `owner/name`")
        return repository

    @field_validator("revision")
    @classmethod
    def _is_commit(cls, revision: str) -> str:
        if not re.fullmatch(r"[0-9a-f]{40}", revision):
            raise ValueError(
                f"`{revision}` may become other bytes tomorrow; give the commit's 40 hex digits"
            )
        return revision

    @model_validator(mode="after")
    def _is_loadable(self) -> Self:
        paths = [file.path for file in self.files]
        for path in paths:
            if paths.count(path) > 1:
                raise ValueError(f"{self.name} has the file `{path}` twice; name it once")
        if not self.weights_bytes:
            raise ValueError(
                f"{self.name} has no `*.{self.format}` file, which its format says; add its weights"
            )
        if self.format == "gguf" and self.quantization:
            raise ValueError(
                f"{self.name} is GGUF, which is never quantised by `{self.quantization}`; take "
                "quantization out, or name the safetensors files of another repository"
            )
        if complaint := hub_names.complaint(self.repository, paths, self.gated):
            raise ValueError(complaint)
        return self

    @property
    def bytes(self) -> int:
        """Size of all files."""
        return sum(file.bytes for file in self.files)

    @property
    def weights_bytes(self) -> int:
        """Size of the files that hold the weights."""
        return sum(file.bytes for file in self.files if file.path.endswith(f".{self.format}"))

    @property
    def main_file(self) -> str:
        """Path of its only GGUF file; ValueError where there is none or more than one."""
        paths = [file.path for file in self.files if file.path.endswith(".gguf")]
        if len(paths) != 1:
            raise ValueError(
                f"{self.name} has {len(paths)} `*.gguf` files, but llama.cpp is given one"
            )
        return paths[0]

    @property
    def fingerprint(self) -> str:
        """64 hex digits; another revision, file or checksum gives others."""
        stated = [f"{self.repository}@{self.revision}"]
        stated += [f"{file.path} {file.sha256}" for file in self.files]
        return hashlib.sha256("\n".join(stated).encode()).hexdigest()
