"""The core of Achit. It names no vendor: channels and providers are loaded by the registry."""

__version__ = "0.1.0"
