"""The box a newcomer starts: stand-ins of the vendors, which the real adapters talk to over the wire."""
