"""One file per vendor that moves money. Import nothing here but `gateway.ports`."""
