"""HTTP in: validate, call one service, shape the answer."""
