"""One file per vendor that carries messages. Import nothing here but `gateway.ports`."""
