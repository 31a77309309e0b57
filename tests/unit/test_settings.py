"""Settings: a wrong value is refused where it is written, with who, what and what to do."""

from __future__ import annotations

import pytest
from pydantic import Field, ValidationError
from pyinfra.api.exceptions import DeployError
from pyinfra.api.inventory import Inventory

from deploys.settings import Settings


class Web(Settings):
    role = "web"
    port: int = Field(default=80, ge=1, le=65535, description="Where it listens")


def host_with(**data: object) -> Inventory:
    return Inventory((["one"], data))  # type: ignore[no-untyped-call]


def test_a_host_has_the_settings_of_its_data() -> None:
    assert Web.of(host_with(web=Web(port=8080)).get_host("one")).port == 8080


@pytest.mark.parametrize("data", [{}, {"web": {"port": 80}}])
def test_a_host_without_settings_names_the_file_to_write(data: dict[str, object]) -> None:
    with pytest.raises(DeployError) as refused:
        Web.of(host_with(**data).get_host("one"))
    assert str(refused.value) == (
        "one has no `web` settings; set `web = Web(...)` in group_data/web.py"
    )


@pytest.mark.parametrize(
    ("values", "where", "message"),
    [
        ({"prot": 80}, ("prot",), "Extra inputs are not permitted"),
        ({"port": "eighty"}, ("port",), "Input should be a valid integer"),
        ({"port": 65536}, ("port",), "Input should be less than or equal to 65535"),
    ],
)
def test_a_wrong_value_is_refused(
    values: dict[str, object], where: tuple[str, ...], message: str
) -> None:
    with pytest.raises(ValidationError) as refused:
        Web.model_validate(values)
    (error,) = refused.value.errors()
    assert error["loc"] == where
    assert message in error["msg"]


def test_a_wrong_default_is_refused_too() -> None:
    class Wrong(Settings):
        role = "wrong"
        port: int = Field(default=0, ge=1, description="Where it listens")

    with pytest.raises(ValidationError, match="greater than or equal to 1"):
        Wrong()


def test_settings_do_not_change() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Web().port = 81


def test_settings_print_as_plain_types() -> None:
    assert Web(port=81).to_json() == {"port": 81}
