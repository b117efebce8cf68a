"""The key of a channel's table that is the core's: `use_phone`, where the contact point is WhatsApp, and nowhere else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gateway.config import BillerConfig, ConfigError
from gateway.config.biller import biller_from
from gateway.config.shapes import Place
from gateway.control import pack_biller
from gateway.control.packing import unpack_biller
from gateway.registry import Registry
from tests.harness.gateway import identity
from tests.harness.tables import faults_of

SECRET = {"env": "X"}
META = {"phone_number_id": "1", "access_token": SECRET, "app_secret": SECRET, "verify_token": SECRET}
TWILIO = {"account_sid": "AC1", "auth_token": SECRET, "from_number": "+40312345678"}


def read(**channels: dict[str, Any]) -> BillerConfig:
    values = {"biller": identity(), "channels": channels}
    return biller_from(values, Registry(), where=Place(Path(), {"X": "secret"}), file="acme.toml")


def test_it_is_off_and_says_so_on_the_way_to_the_server() -> None:
    config = read(whatsapp=META, wa={"adapter": "sms.whatsapp", "use_phone": True} | TWILIO, sms=TWILIO)
    packed = unpack_biller(pack_biller(config), Registry())

    for read_one in (config, packed):
        assert {account.name: (account.adapter, account.use_phone) for account in read_one.channels} == {
            "whatsapp": ("whatsapp", False),
            "wa": ("sms.whatsapp", True),
            "sms": ("sms", False),
        }


def test_elsewhere_it_is_unknown_and_it_is_true_or_false() -> None:
    with pytest.raises(ConfigError) as error:
        read(sms=TWILIO | {"use_phone": True}, whatsapp=META | {"use_phone": "yes"})

    assert faults_of(error) == {
        "acme.toml: channels.sms.use_phone": "unknown setting",
        "acme.toml: channels.whatsapp.use_phone": "should be a valid boolean",
    }
