"""One use case a function, one transaction each; never a transaction open over I/O."""
