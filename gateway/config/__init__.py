"""What the operator wrote: `achit.toml` and one TOML file a biller. Reads and checks; changes and connects nothing."""

from gateway.config.accounts import Account
from gateway.config.biller import Biller, BillerConfig, DeliveryStep, PushTarget, load_biller, load_billers
from gateway.config.server import Config, Key, Listen, default_config, load_config
from gateway.settings import ConfigError, Fault

__all__ = [
    "Account",
    "Biller",
    "BillerConfig",
    "Config",
    "ConfigError",
    "DeliveryStep",
    "Fault",
    "Key",
    "Listen",
    "PushTarget",
    "default_config",
    "load_biller",
    "load_billers",
    "load_config",
]
